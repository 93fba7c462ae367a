package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/appliance"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/patches"
	"github.com/zalando/go-keyring"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/term"
)

// applianceFlags are the flags of every command that logs in to appliances.
type applianceFlags struct {
	labFlags
	file       string
	host       string
	user       string
	identity   string
	knownHosts string
	acceptNew  bool
	legacy     bool
	jump       string
	timeout    time.Duration
	product    string
	version    string
	params     []string
}

const applianceHelp = `
NODE is a node's address in the lab file (cucm-pub, pod03/cucm-pub). Without a
lab file, --host names the appliance. The account is root unless ssh.user in the
node block, --user or UCLAB_SSH_USER says otherwise. The password comes from
UCLAB_SSH_PASSWORD_<NODE>, UCLAB_SSH_PASSWORD, the OS keyring or a question; keys
come from the agent, --identity or ~/.ssh.`

func (f *applianceFlags) register(cmd *cobra.Command) {
	f.lenient = true
	flags := cmd.Flags()
	flags.StringArrayVar(&f.vars, "var", nil, "set a variable of the lab file: `name=value` (repeatable)")
	flags.StringArrayVar(&f.varFiles, "var-file", nil, "read variables from a `file` (repeatable)")
	flags.StringVarP(&f.file, "file", "f", "", "the lab `file`, or its directory")
	flags.StringVar(&f.host, "host", "", "log in to `[user@]host[:port]` instead of a node of the lab file")
	flags.StringVar(&f.user, "user", "", "account on the appliance (default: the node's, else root)")
	flags.StringVarP(&f.identity, "identity", "i", "", "private key `file`")
	flags.StringVar(&f.knownHosts, "known-hosts", "", "`file` of known host keys (default: ~/.ssh/known_hosts and uclab's own)")
	flags.BoolVar(&f.acceptNew, "accept-new", false, "trust the key of a host that is not known yet, and remember it")
	flags.BoolVar(&f.legacy, "legacy", false, "allow the algorithms of old SSH servers, as ssh { legacy = true } does")
	flags.StringVar(&f.jump, "jump", "", "go through `[user@]host[:port]`")
	flags.DurationVar(&f.timeout, "timeout", appliance.DefaultTimeout, "longest wait for an answer")
}

// registerNode adds what the lab file would say about a node.
func (f *applianceFlags) registerNode(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.product, "product", "", "with --host: the product, such as cucm")
	cmd.Flags().StringVar(&f.version, "version", "", "with --host: its version, such as 7.1.5")
	cmd.Flags().StringArrayVar(&f.params, "param", nil, "set a value of a patch: `name=value` (repeatable)")
}

// reachable is an appliance that commands can log in to.
type reachable struct {
	node   patches.Node
	lab    *labspec.Node // nil with --host
	config appliance.Config
	wants  []string // ids of the patches that its node block names
}

// appliances finds the appliances that a command line means, and the lab, which
// is nil with --host.
func (a *app) appliances(ctx context.Context, flags applianceFlags, names []string, all bool) ([]reachable, *loaded, error) {
	params, err := assignments(flags.params)
	if err != nil {
		return nil, nil, err
	}
	set := map[string]string{}
	for _, p := range params {
		set[p.Name] = p.Value
	}
	ask := &credentials{app: a}
	if flags.host != "" {
		one, err := a.hostTarget(flags, set, ask)
		return []reachable{one}, nil, err
	}
	if len(names) == 0 && !all {
		return nil, nil, usageError{hintf(errors.New("no node named"), "name nodes of the lab file, or use --all or --host")}
	}
	var args []string
	if flags.file != "" {
		args = []string{flags.file}
	}
	lab, err := a.load(ctx, flags.labFlags, args)
	if err != nil {
		return nil, nil, err
	}
	var found []reachable
	for i := range lab.Nodes {
		node := &lab.Nodes[i]
		if !all && !slices.Contains(names, node.Address) {
			continue
		}
		one, err := a.nodeTarget(flags, node, set, ask)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, one)
	}
	for _, name := range names {
		if _, ok := lab.Node(name); !ok {
			return nil, nil, noNode(lab.Lab, name)
		}
	}
	return found, lab, nil
}

func noNode(lab *labspec.Lab, name string) error {
	var known []string
	for _, node := range lab.Nodes {
		known = append(known, node.Address)
	}
	if len(known) > 12 {
		known = append(known[:12], "...")
	}
	return usageError{hintf(fmt.Errorf("lab %s has no node %q", lab.Name, name), "its nodes are %s; --host takes an address", strings.Join(known, ", "))}
}

func (a *app) hostTarget(flags applianceFlags, params map[string]string, ask *credentials) (reachable, error) {
	user, host, port, err := splitHost(flags.host)
	if err != nil {
		return reachable{}, err
	}
	ssh := labspec.SSH{Host: host, Port: port, User: user, Legacy: flags.legacy, Jump: flags.jump}
	config, err := a.sshConfig(flags, host, ssh, ask)
	node := patches.Node{Address: host, Product: flags.product, Version: flags.version, Params: params}
	return reachable{node: node, config: config}, err
}

func (a *app) nodeTarget(flags applianceFlags, node *labspec.Node, set map[string]string, ask *credentials) (reachable, error) {
	params := map[string]string{}
	for name, value := range node.Params {
		params[name] = value
	}
	if len(node.NICs) > 0 && node.NICs[0].GuestMAC != "" {
		params["mac"] = node.NICs[0].GuestMAC
	}
	for name, value := range set {
		params[name] = value
	}
	where := node.SSH
	if where.Host == "" && len(node.NICs) > 0 && node.NICs[0].IP.IsValid() {
		where.Host = node.NICs[0].IP.String()
	}
	if where.Host == "" {
		return reachable{}, hintf(fmt.Errorf("node %s has no address to log in to", node.Address), "set ip, or ssh { host = \"...\" }, in its node block")
	}
	config, err := a.sshConfig(flags, node.Address, where, ask)
	return reachable{
		node: patches.Node{Address: node.Address, Product: node.Product, Version: node.Version, Params: params},
		lab:  node, config: config, wants: node.Patches,
	}, err
}

// sshConfig fills in how to log in: flags come before the lab file, and that
// before the environment.
func (a *app) sshConfig(flags applianceFlags, name string, where labspec.SSH, ask *credentials) (appliance.Config, error) {
	user := firstOf(flags.user, where.User, a.env("UCLAB_SSH_USER"), "root")
	keys, err := a.hostKeys(flags, ask)
	if err != nil {
		return appliance.Config{}, err
	}
	config := appliance.Config{
		Name: name, Host: where.Host, Port: where.Port, User: user, HostKeys: keys,
		Legacy: flags.legacy || where.Legacy, Timeout: flags.timeout,
		Password: func(context.Context) (string, error) { return ask.password(name, user, where.Host) },
		Signers:  func(context.Context) ([]ssh.Signer, error) { return ask.signers(flags.identity) },
	}
	jump := firstOf(flags.jump, where.Jump)
	if jump == "" {
		return config, nil
	}
	jumpUser, host, port, err := splitHost(jump)
	if err != nil {
		return appliance.Config{}, fmt.Errorf("jump host: %w", err)
	}
	jumpUser = firstOf(jumpUser, a.env("USER"), "root")
	config.Jump = &appliance.Config{
		Host: host, Port: port, User: jumpUser, HostKeys: keys, Timeout: flags.timeout, Signers: config.Signers,
		Password: func(context.Context) (string, error) { return ask.password(host, jumpUser, host) },
	}
	return config, nil
}

func (a *app) hostKeys(flags applianceFlags, ask *credentials) (appliance.HostKeys, error) {
	keys := appliance.HostKeys{Accept: func(_ context.Context, key appliance.UnknownKey) (bool, error) {
		return ask.accept(key, flags.acceptNew)
	}}
	if flags.knownHosts != "" {
		keys.Files, keys.AddTo = []string{flags.knownHosts}, flags.knownHosts
		return keys, nil
	}
	dir, err := a.stateDir()
	if err != nil {
		return keys, err
	}
	keys.AddTo = filepath.Join(dir, "known_hosts")
	keys.Files = []string{keys.AddTo}
	if home, err := os.UserHomeDir(); err == nil {
		keys.Files = append(keys.Files, filepath.Join(home, ".ssh", "known_hosts"))
	}
	return keys, nil
}

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

// splitHost reads [user@]host[:port]; an IPv6 address with a port has brackets.
func splitHost(text string) (user, host string, port int, err error) {
	host = text
	if before, after, ok := strings.Cut(text, "@"); ok {
		user, host = before, after
	}
	if h, p, splitErr := net.SplitHostPort(host); splitErr == nil {
		host = h
		if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
			return "", "", 0, usageError{hintf(fmt.Errorf("%q: no such port", text), "write [user@]host[:port]")}
		}
	}
	host = strings.Trim(host, "[]")
	if host == "" || strings.ContainsAny(host, " /") {
		return "", "", 0, usageError{hintf(fmt.Errorf("%q is no host", text), "write [user@]host[:port]")}
	}
	return user, host, port, nil
}

// credentials answers what logging in asks for. Several appliances are logged in
// to at once, but only one question is asked at a time.
type credentials struct {
	app *app
	mu  sync.Mutex
}

var notEnvName = regexp.MustCompile(`[^A-Z0-9]`)

func (c *credentials) password(name, user, host string) (string, error) {
	variable := "UCLAB_SSH_PASSWORD_" + notEnvName.ReplaceAllString(strings.ToUpper(name), "_")
	if secret := firstOf(c.app.env(variable), c.app.env("UCLAB_SSH_PASSWORD")); secret != "" {
		return secret, nil
	}
	account := user + "@" + host
	if secret, err := keyring.Get(keyringService, account); err == nil {
		return secret, nil
	}
	return c.ask("Password for "+account, hintf(fmt.Errorf("no password for %s", account),
		"set UCLAB_SSH_PASSWORD or %s, use a key, or store it in the OS keyring for service %q", variable, keyringService))
}

// ask reads a secret from the terminal.
func (c *credentials) ask(question string, otherwise error) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	file, ok := c.app.in.(*os.File)
	if !ok || !c.app.interactive {
		return "", otherwise
	}
	c.app.notef("%s: ", question)
	secret, err := term.ReadPassword(int(file.Fd()))
	c.app.notef("\n")
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(secret), nil
}

func (c *credentials) accept(key appliance.UnknownKey, acceptNew bool) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if acceptNew {
		c.app.notef("Trusting the new key of %s: %s %s\n", key.Host, key.Type, key.Fingerprint)
		return true, nil
	}
	if !c.app.interactive {
		return false, nil
	}
	err := c.app.confirm(fmt.Sprintf("%s is not known. Its key is %s\n%s\nTrust it from now on?", key.Host, key.Type, key.Fingerprint))
	return err == nil, nil
}

// signers gives the keys of the agent, then those of files.
func (c *credentials) signers(identity string) ([]ssh.Signer, error) {
	if identity != "" {
		signer, err := c.readKey(identity, true)
		if err != nil {
			return nil, err
		}
		return []ssh.Signer{signer}, nil
	}
	var signers []ssh.Signer
	if socket := c.app.env("SSH_AUTH_SOCK"); socket != "" {
		if conn, err := net.Dial("unix", socket); err == nil {
			if held, err := agent.NewClient(conn).Signers(); err == nil {
				signers = held
			}
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return signers, nil
	}
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		if signer, err := c.readKey(filepath.Join(home, ".ssh", name), false); err == nil {
			signers = append(signers, signer)
		}
	}
	return signers, nil
}

func (c *credentials) readKey(path string, ask bool) (ssh.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(data)
	var locked *ssh.PassphraseMissingError
	if !errors.As(err, &locked) || !ask {
		return signer, err
	}
	phrase, err := c.ask("Passphrase of "+path, hintf(fmt.Errorf("the key %s is locked", path), "unlock it with ssh-agent"))
	if err != nil {
		return nil, err
	}
	return ssh.ParsePrivateKeyWithPassphrase(data, []byte(phrase))
}
