package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
	"github.com/uclab/uclab/vsphere/sim"
	"github.com/zalando/go-keyring"
	"golang.org/x/term"
)

// keyringService is the name under which the OS keyring holds passwords; the
// account is "user@host".
const keyringService = "uclab"

// connect reaches the lab's target and, for labs without one, starts the
// embedded simulator when it does not run yet.
func (a *app) connect(ctx context.Context, target labspec.Target) (*vsphere.Client, error) {
	config, err := a.targetConfig(ctx, target)
	if err != nil {
		return nil, err
	}
	return vsphere.Dial(ctx, config)
}

func (a *app) targetConfig(ctx context.Context, target labspec.Target) (vsphere.Config, error) {
	if target.Simulator {
		return a.simulatorConfig(ctx)
	}
	config := vsphere.Config{
		URL: target.URL, User: target.User, CAFile: target.CAFile, Thumbprint: target.Thumbprint, Insecure: target.Insecure,
		Datacenter: target.Datacenter, Datastore: target.Datastore, ResourcePool: target.ResourcePool, Folder: target.Folder, Host: target.Host,
	}
	a.environmentTarget(&config)
	if config.URL == "" {
		return config, hintf(errors.New("the lab's target names no server"),
			"set GOVC_URL (or VSPHERE_SERVER), or write url in the target block; without a target block the lab lives in the embedded simulator")
	}
	return config, a.password(&config)
}

// environmentTarget fills in what the lab file leaves out from the variables of
// govc and, after them, of the Terraform provider.
func (a *app) environmentTarget(config *vsphere.Config) {
	first := func(current string, names ...string) string {
		for _, name := range names {
			if current == "" {
				current = a.env(name)
			}
		}
		return current
	}
	config.URL = first(config.URL, "GOVC_URL", "VSPHERE_SERVER")
	config.User = first(config.User, "GOVC_USERNAME", "VSPHERE_USER")
	config.Password = first(config.Password, "GOVC_PASSWORD", "VSPHERE_PASSWORD")
	config.CAFile = first(config.CAFile, "GOVC_TLS_CA_CERTS")
	config.Thumbprint = first(config.Thumbprint, "GOVC_THUMBPRINT")
	config.Datacenter = first(config.Datacenter, "GOVC_DATACENTER")
	config.Datastore = first(config.Datastore, "GOVC_DATASTORE")
	config.ResourcePool = first(config.ResourcePool, "GOVC_RESOURCE_POOL")
	config.Folder = first(config.Folder, "GOVC_FOLDER")
	config.Host = first(config.Host, "GOVC_HOST")
	insecure := first("", "GOVC_INSECURE", "VSPHERE_ALLOW_UNVERIFIED_SSL")
	config.Insecure = config.Insecure || insecure == "1" || strings.EqualFold(insecure, "true")
}

// password finds the password that no lab file holds: in the environment (done
// before), in the URL, in the OS keyring, or by asking.
func (a *app) password(config *vsphere.Config) error {
	if config.Password != "" {
		return nil
	}
	server, err := url.Parse(config.URL)
	if err != nil || server.Host == "" {
		server, err = url.Parse("https://" + config.URL)
	}
	if err != nil {
		// The text of a URL error would show the URL, which may hold a password.
		return hintf(errors.New("the server's URL cannot be read"), "write it as https://host/sdk")
	}
	if server.User != nil {
		if _, has := server.User.Password(); has {
			return nil
		}
		if config.User == "" {
			config.User = server.User.Username()
		}
	}
	account := config.User + "@" + server.Hostname()
	if secret, err := keyring.Get(keyringService, account); err == nil {
		config.Password = secret
		return nil
	}
	return a.askPassword(config, account)
}

func (a *app) askPassword(config *vsphere.Config, account string) error {
	file, ok := a.in.(*os.File)
	if !ok || !a.interactive || config.User == "" {
		return hintf(fmt.Errorf("no password for %s", strings.TrimPrefix(account, "@")),
			"set GOVC_USERNAME and GOVC_PASSWORD (or VSPHERE_USER and VSPHERE_PASSWORD), or store it in the OS keyring for service %q", keyringService)
	}
	a.notef("Password for %s: ", account)
	secret, err := term.ReadPassword(int(file.Fd()))
	a.notef("\n")
	if err != nil {
		return fmt.Errorf("read the password: %w", err)
	}
	config.Password = string(secret)
	return nil
}

// simulatorConfig starts the embedded simulator when needed and says how to
// reach it.
func (a *app) simulatorConfig(ctx context.Context) (vsphere.Config, error) {
	config, err := a.simulator()
	if err != nil {
		return vsphere.Config{}, err
	}
	endpoint, err := sim.Ensure(ctx, config)
	if err != nil {
		return vsphere.Config{}, hintf(fmt.Errorf("start the embedded simulator: %w", err), "see 'uclab sim status', or begin anew with 'uclab sim reset'")
	}
	return vsphere.Config{
		URL: endpoint.URL, User: endpoint.User, Password: endpoint.Password, CAFile: endpoint.CAFile, Simulator: true,
	}, nil
}

// targetName says in words where a lab lives.
func targetName(target string) string {
	switch target {
	case plan.TargetSimulator:
		return "the embedded simulator"
	case plan.TargetESXi:
		return "ESXi"
	default:
		return "vCenter"
	}
}

// lockLab keeps two uclabs of one user from changing one lab at once. Different
// users, or machines, are kept apart by the marks.
func (a *app) lockLab(lab *labspec.Lab) (unlock func() error, err error) {
	dir, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for locks: %w", err)
	}
	where := sha256.Sum256([]byte(strings.Join([]string{lab.Target.URL, a.env("GOVC_URL"), a.env("VSPHERE_SERVER"), lab.Target.Datacenter}, "\n")))
	lock := flock.New(filepath.Join(dir, lab.Name+"-"+hex.EncodeToString(where[:6])+".lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the lab: %w", err)
	}
	if !locked {
		return nil, hintf(fmt.Errorf("lab %s is being changed by another uclab", lab.Name), "wait until it has ended, then run this again")
	}
	return lock.Unlock, nil
}
