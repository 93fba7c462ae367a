package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/labspec"
	"github.com/uclab/uclab/plan"
	"github.com/uclab/uclab/vsphere"
)

// consoleFlags are the flags of `uclab console`.
type consoleFlags struct {
	lab    labFlags
	port   int
	serve  bool
	listen string
	logDir string
	all    bool
	json   bool
}

func newConsoleCommand(a *app) *cobra.Command {
	flags := consoleFlags{lab: labFlags{lenient: true}}
	cmd := &cobra.Command{
		Use:     "console [NODE] [FILE|DIR]",
		GroupID: groupLab,
		Short:   "Open nodes' serial consoles, or run a concentrator for them",
		Long: `Console opens the serial console of a node in this terminal; Ctrl-] leaves it.

A network-backed port is opened at its ESXi host. One with a proxy is opened
through the serial concentrator, which 'uclab console --serve' runs: hosts connect
out to it, each console is logged, several people share one, and vMotion does not
end it. Of a port on a named pipe console says which VM holds the other end.

The concentrator's protocol has no authentication: whoever reaches its address can
claim to be a VM. It listens on loopback unless --listen names an address.`,
		Example: `  uclab console asa
  uclab console --serve --listen 10.0.0.5:13370 --log-dir consoles
  uclab console --all
  uclab console --all --json`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			switch {
			case flags.serve && flags.all:
				return usageError{hintf(errors.New("--serve and --all exclude each other"), "run --all in another terminal")}
			case (flags.serve || flags.all) && len(args) > 1:
				return usageError{hintf(errors.New("too many arguments"), "see 'uclab console --help'")}
			case flags.serve:
				return a.serveConsoles(ctx, flags, args)
			case flags.all:
				return a.showConsoles(ctx, flags)
			case len(args) == 0:
				return usageError{hintf(errors.New("which console?"), "name a node, or see them all: uclab console --all")}
			case flags.json:
				return usageError{hintf(errors.New("--json shows the list of consoles"), "use it with --all")}
			default:
				return a.openConsole(ctx, flags, args[0], args[1:])
			}
		},
	}
	flags.lab.register(cmd)
	jsonFlag(cmd, &flags.json)
	cmd.Flags().IntVar(&flags.port, "port", 0, "the node's serial port: `number` from 1 (default: the first that can be opened)")
	cmd.Flags().BoolVar(&flags.all, "all", false, "list the concentrator's consoles with their last lines, and choose one")
	cmd.Flags().BoolVar(&flags.serve, "serve", false, "run a serial concentrator until interrupted")
	cmd.Flags().StringVar(&flags.listen, "listen", "127.0.0.1:13370", "with --serve, the `address` that ESXi hosts connect to")
	cmd.Flags().StringVar(&flags.logDir, "log-dir", "", "with --serve, the `directory` for the logs (default: in the state directory)")
	return cmd
}

// openConsole opens the console of one node in this terminal.
func (a *app) openConsole(ctx context.Context, flags consoleFlags, name string, args []string) error {
	lab, err := a.load(ctx, flags.lab, args)
	if err != nil {
		if conn, attachErr := a.attach(ctx, name); len(args) == 0 && attachErr == nil {
			return a.useConsole(ctx, a.keys(), name, conn)
		}
		return err
	}
	node, err := nodeOf(lab, name)
	if err != nil {
		return err
	}
	number, err := choosePort(node, flags.port)
	if err != nil {
		return err
	}
	conn, err := a.openPort(ctx, lab, node, number, true)
	if err != nil {
		return err
	}
	return a.useConsole(ctx, a.keys(), node.Address, conn)
}

// nodeOf finds a node by its address or, with --pod of one pod, its name in it.
func nodeOf(lab *loaded, name string) (*labspec.Node, error) {
	if node, ok := lab.Node(name); ok {
		return node, nil
	}
	var addresses []string
	var inPods []*labspec.Node
	for i := range lab.Nodes {
		node := &lab.Nodes[i]
		addresses = append(addresses, node.Address)
		if node.Name == name && lab.pods != nil && lab.pods.Has(node.Address) {
			inPods = append(inPods, node)
		}
	}
	if len(inPods) == 1 {
		return inPods[0], nil
	}
	if len(addresses) > 12 {
		addresses = append(addresses[:12], "…")
	}
	return nil, hintf(fmt.Errorf("lab %s has no node %q", lab.Name, name), "its nodes are %s", strings.Join(addresses, ", "))
}

// choosePort gives the index of the port that is meant: by number, else the
// first on the network, else the first.
func choosePort(node *labspec.Node, number int) (int, error) {
	if len(node.Serial) == 0 {
		return 0, hintf(fmt.Errorf("%s has no serial port, and so no console", node.Address),
			`give the node a serial block, as in serial { uri = "telnet://:2001" }, or a serial_link; a screen is seen in the vSphere client`)
	}
	if number < 0 || number > len(node.Serial) {
		return 0, usageError{hintf(fmt.Errorf("--port %d: no such port", number), "%s has ports 1 to %d", node.Address, len(node.Serial))}
	}
	if number > 0 {
		return number - 1, nil
	}
	for i, port := range node.Serial {
		if port.Backing == "network" {
			return i, nil
		}
	}
	return 0, nil
}

// openPort opens a serial port in the way that its backing allows; of a pipe,
// with follow, the console of the VM that holds the other end.
func (a *app) openPort(ctx context.Context, lab *loaded, node *labspec.Node, number int, follow bool) (io.ReadWriteCloser, error) {
	port := node.Serial[number]
	switch {
	case port.Backing == "pipe" && follow:
		return a.openFarEnd(ctx, lab, node, port)
	case port.Backing == "pipe":
		return nil, fmt.Errorf("%s has only named pipes", node.Address)
	case port.Proxy != "":
		return a.attach(ctx, node.VMName)
	case port.Endpoint == "client":
		return nil, hintf(fmt.Errorf("%s connects out to %s itself: nothing can be opened", node.Address, port.URI),
			"listen there, or give the port endpoint = \"server\" and a proxy, and run 'uclab console --serve'")
	}
	scheme, address, err := vsphere.ConsoleAddress(port.URI, "")
	if err != nil {
		host, findErr := a.hostOf(ctx, lab, node)
		if findErr != nil {
			return nil, findErr
		}
		if scheme, address, err = vsphere.ConsoleAddress(port.URI, host); err != nil {
			return nil, fmt.Errorf("%s: %w", node.Address, err)
		}
	}
	conn, err := vsphere.DialConsole(ctx, scheme, address)
	if err != nil {
		return nil, hintf(err, "the VM must run, its port be connected, and the host's firewall open (rule set remoteSerialPort); "+
			"a proxy and 'uclab console --serve' need no open firewall. In the simulator no guest runs behind a port")
	}
	return conn, nil
}

// hostOf gives the ESXi host that a node runs on.
func (a *app) hostOf(ctx context.Context, lab *loaded, node *labspec.Node) (host string, err error) {
	s, err := a.openMachines(ctx, lab)
	if err != nil {
		return "", err
	}
	defer s.close(ctx, &err)
	for _, vm := range s.inventory.VMs {
		if vm.Marks.Node != node.Address {
			continue
		}
		if vm.State != plan.StateRunning {
			return "", hintf(fmt.Errorf("%s is %s: its console answers when it runs", node.Address, vm.State), "power it on: uclab apply %s", lab.File)
		}
		return vm.Host, nil
	}
	return "", hintf(fmt.Errorf("%s does not exist yet", node.Address), "make it: uclab apply %s", lab.File)
}

// openFarEnd opens the VM at the other end of a named pipe, or says how to get
// to it ("Virtualize everything!": the terminal VM is the client end).
func (a *app) openFarEnd(ctx context.Context, lab *loaded, node *labspec.Node, port labspec.SerialPort) (io.ReadWriteCloser, error) {
	for i := range lab.Nodes {
		far := &lab.Nodes[i]
		for n, other := range far.Serial {
			if far == node || other.Backing != "pipe" || other.Name != port.Name || other.Endpoint == port.Endpoint {
				continue
			}
			own, err := choosePort(far, 0)
			if err == nil && far.Serial[own].Backing == "network" {
				a.notef("%s is on named pipe %s; %s holds its other end: opening the console of %s.\n", node.Address, port.Name, far.Address, far.Address)
				return a.openPort(ctx, lab, far, own, false)
			}
			return nil, hintf(fmt.Errorf("%s is on named pipe %s, which cannot be opened from here: %s (VM %s) holds its other end", node.Address, port.Name, far.Address, far.VMName),
				"open the screen of %s in the vSphere client and, in it, a terminal program on serial port %d (COM%d, /dev/ttyS%d) at 9600 8N1; to reach it from here, give %s a serial block with a uri",
				far.VMName, n+1, n+1, n, node.Address)
		}
	}
	return nil, hintf(fmt.Errorf("%s is on named pipe %s, and no node of the lab holds its other end", node.Address, port.Name),
		"connect a terminal VM with a serial_link, or give the node a serial block with a uri")
}
