package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/vsphere"
)

// concentratorRecord says how viewers reach the running concentrator. Its file is
// readable by the user alone.
type concentratorRecord struct {
	Format  int    `json:"format"`
	Address string `json:"address"`
	Token   string `json:"token"`
}

func (a *app) consoleDir() (string, error) {
	dir, err := a.stateDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "console")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory for consoles: %w", err)
	}
	return dir, nil
}

// serveConsoles runs a concentrator until the context ends, which is how it is
// meant to end: no error.
func (a *app) serveConsoles(ctx context.Context, flags consoleFlags, args []string) (err error) {
	if err := a.checkConsoleListen(flags.listen); err != nil {
		return err
	}
	names, err := a.nodeNames(ctx, flags, args)
	if err != nil {
		return err
	}
	dir, err := a.consoleDir()
	if err != nil {
		return err
	}
	lock := flock.New(filepath.Join(dir, "concentrator.lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock the concentrator: %w", err)
	}
	if !locked {
		return hintf(errors.New("a concentrator of yours is running already"), "look at its consoles: uclab console --all")
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if flags.logDir == "" {
		flags.logDir = filepath.Join(dir, "logs")
	}
	record := concentratorRecord{Format: 1, Token: rand.Text()}
	var writing sync.Mutex
	concentrator, err := vsphere.NewConcentrator(vsphere.ConcentratorConfig{
		LogDir: flags.logDir, Token: record.Token, Node: func(vm string) string { return names[vm] },
		Notify: func(message string) {
			writing.Lock()
			defer writing.Unlock()
			a.notef("%s %s\n", time.Now().Format(time.TimeOnly), message)
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, concentrator.Close()) }()
	return a.runConcentrator(ctx, concentrator, flags, record, filepath.Join(dir, "concentrator.json"))
}

func (a *app) runConcentrator(ctx context.Context, c *vsphere.Concentrator, flags consoleFlags, record concentratorRecord, path string) (err error) {
	hosts, err := net.Listen("tcp", flags.listen)
	if err != nil {
		return hintf(fmt.Errorf("listen on %s: %w", flags.listen, err), "give another address with --listen")
	}
	viewers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("listen for viewers: %w", err), hosts.Close())
	}
	record.Address = viewers.Addr().String()
	if err := writeRecord(path, record); err != nil {
		return errors.Join(err, hosts.Close(), viewers.Close())
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	a.printf("telnet://%s\n", hosts.Addr())
	a.notef("ESXi hosts connect to this address: in the lab file, serial { uri = \"telnet://uclab\", proxy = \"telnet://…\" }.\n")
	a.notef("Logs are in %s. Look at the consoles with: uclab console --all. Ctrl-C ends it.\n", flags.logDir)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	go func() { ended <- c.ServeHosts(ctx, hosts) }()
	go func() { ended <- c.ServeViewers(ctx, viewers) }()
	first := <-ended
	cancel()
	return errors.Join(first, <-ended)
}

// checkConsoleListen wants a public address to be written out.
func (a *app) checkConsoleListen(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || host == "" {
		return usageError{hintf(fmt.Errorf("--listen %s: not an address and a port", listen),
			"write the address that ESXi hosts reach, as in 10.0.0.5:13370, or 0.0.0.0:13370 for all of this machine's")}
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		a.warn("the hosts' address is open to the network and the protocol has no authentication: let only ESXi hosts reach " + listen)
	}
	return nil
}

// nodeNames gives the nodes of the lab, if there is a lab file, by their VMs.
func (a *app) nodeNames(ctx context.Context, flags consoleFlags, args []string) (map[string]string, error) {
	names := map[string]string{}
	if len(args) == 0 {
		wd, err := a.getwd()
		if err != nil {
			return nil, fmt.Errorf("find the working directory: %w", err)
		}
		if _, err := labspec.Find("", wd); err != nil {
			return names, nil // no lab file: consoles go by their VMs' names
		}
	}
	lab, err := a.load(ctx, flags.lab, args)
	if err != nil {
		return nil, err
	}
	for _, node := range lab.Nodes {
		names[node.VMName] = lab.Name + "/" + node.Address
	}
	return names, nil
}

func writeRecord(path string, record concentratorRecord) error {
	content, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("write the concentrator's address: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".concentrator-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the concentrator's address: %w", err)
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the concentrator's address: %w", err), os.Remove(file.Name()))
	}
	return nil
}

// concentrator finds the one that runs.
func (a *app) concentrator() (vsphere.ConcentratorClient, error) {
	dir, err := a.consoleDir()
	if err != nil {
		return vsphere.ConcentratorClient{}, err
	}
	content, err := os.ReadFile(filepath.Join(dir, "concentrator.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return vsphere.ConcentratorClient{}, noConcentrator(errors.New("no concentrator runs"))
	}
	if err != nil {
		return vsphere.ConcentratorClient{}, fmt.Errorf("find the concentrator: %w", err)
	}
	var record concentratorRecord
	if err := json.Unmarshal(content, &record); err != nil || record.Format != 1 {
		return vsphere.ConcentratorClient{}, noConcentrator(errors.New("the concentrator's address cannot be read"))
	}
	return vsphere.ConcentratorClient{Address: record.Address, Token: record.Token}, nil
}

func noConcentrator(err error) error {
	return hintf(err, "start it in another terminal: uclab console --serve")
}

// attach opens a console through the concentrator, by the name of its VM or its
// own.
func (a *app) attach(ctx context.Context, name string) (io.ReadWriteCloser, error) {
	client, err := a.concentrator()
	if err != nil {
		return nil, err
	}
	conn, err := client.Attach(ctx, name, true)
	var unreachable *net.OpError
	switch {
	case errors.As(err, &unreachable):
		return nil, noConcentrator(err)
	case err != nil:
		return nil, hintf(err, "the VM must run and its port's proxy be this concentrator; see those that came: uclab console --all")
	}
	return conn, nil
}
