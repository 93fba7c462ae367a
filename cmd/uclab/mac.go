package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/appliance"
	"github.com/uclab/uclab/patches"
)

// macDocument is what `uclab mac show --json` writes.
type macDocument struct {
	Format   int      `json:"format"`
	Node     string   `json:"node"`
	Adapter  string   `json:"adapter"`  // what the lab file gives the virtual adapter
	Guest    string   `json:"guest"`    // what the guest is set to take over; "" for the adapter's own
	Licenses []string `json:"licenses"` // what the licences want
	Wanted   string   `json:"wanted"`
	Place    string   `json:"place"` // adapter, guest, refused, or "" when nothing is wanted
	Reason   string   `json:"reason"`
	Warnings []string `json:"warnings"`
}

func newMACCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "mac",
		GroupID: groupAppliance,
		Short:   "MAC addresses that licences want",
		Long: `A licence of a physical server is bound to its MAC address. An address in VMware's
static range goes on the virtual adapter, by mac in the node block; every other
address goes inside the guest, by mac set, and the adapter keeps its own.
` + applianceHelp,
		Example: "  uclab mac show cucm-pub\n  uclab mac set cucm-pub\n  uclab mac revert cucm-pub",
	}
	cmd.AddCommand(newMACShowCommand(a), newMACSetCommand(a), newMACRevertCommand(a))
	return cmd
}

func newMACShowCommand(a *app) *cobra.Command {
	var flags patchFlags
	cmd := &cobra.Command{
		Use:     "show [NODE]",
		Short:   "Show what the adapter has, what the guest has and what the licence wants",
		Example: "  uclab mac show cucm-pub\n  uclab mac show cucm-pub --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, lab, err := a.appliances(cmd.Context(), flags.applianceFlags, args, false)
			if err != nil {
				return err
			}
			d := a.describeMAC(cmd.Context(), found[0], lab)
			if flags.asJSON {
				return a.writeJSON(d)
			}
			a.renderMAC(d)
			return nil
		},
	}
	flags.applianceFlags.register(cmd)
	flags.registerNode(cmd)
	jsonFlag(cmd, &flags.asJSON)
	return cmd
}

func (a *app) describeMAC(ctx context.Context, one reachable, lab *loaded) macDocument {
	d := macDocument{Format: 1, Node: one.node.Address, Licenses: []string{}, Warnings: []string{}}
	d.Wanted = one.node.Params["mac"]
	if one.lab != nil {
		if len(one.lab.NICs) > 0 {
			d.Adapter = one.lab.NICs[0].MAC
		}
		for _, license := range one.lab.Licenses {
			d.Licenses = append(d.Licenses, colons(license.HostID))
			d.Wanted = firstOf(d.Wanted, colons(license.HostID))
		}
	}
	if d.Wanted != "" {
		address, err := patches.ParseMAC(d.Wanted)
		if err != nil {
			d.Warnings = append(d.Warnings, err.Error())
		} else {
			unchecked := one.lab != nil && len(one.lab.NICs) > 0 && !one.lab.NICs[0].CheckMAC
			decision := patches.DecideMAC(address, unchecked)
			d.Wanted, d.Place, d.Reason = address.String(), string(decision.Place), decision.Reason
		}
	}
	guest, err := readGuestMAC(ctx, one.config)
	if err != nil {
		d.Warnings = append(d.Warnings, fmt.Sprintf("what the guest has could not be read: %v", err))
	}
	d.Guest = guest
	d.Warnings = append(d.Warnings, macWarnings(one, lab, patches.MACPlace(d.Place))...)
	return d
}

func readGuestMAC(ctx context.Context, config appliance.Config) (_ string, err error) {
	session, err := appliance.Dial(ctx, config)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	return patches.GuestMAC(ctx, session, "eth0")
}

// macWarnings says what would make an address in the guest fail.
func macWarnings(one reachable, lab *loaded, place patches.MACPlace) []string {
	var warnings []string
	if major, _ := strconv.Atoi(strings.SplitN(one.node.Version, ".", 2)[0]); major >= 8 {
		warnings = append(warnings, "from 8.x on a virtual machine's licence is bound to the License MAC ('show status'): a digest of time zone, NTP server, host name, addresses, DNS, SMTP and certificate data, not an adapter's address; changing any of these voids the licence")
		return warnings
	}
	if place != patches.MACInGuest || one.lab == nil || lab == nil || len(one.lab.NICs) == 0 {
		return warnings
	}
	for _, network := range lab.Networks {
		if network.Address == one.lab.NICs[0].Network {
			warnings = append(warnings, fmt.Sprintf("port group %s must accept MAC address changes and forged transmits, or the node is unreachable after its reboot", network.PortGroup))
		}
	}
	return warnings
}

func (a *app) renderMAC(d macDocument) {
	t := newTable("WHAT", "MAC ADDRESS")
	t.AppendRow([]any{"virtual adapter", firstOf(d.Adapter, "unknown: not in a lab file")})
	t.AppendRow([]any{"guest", firstOf(d.Guest, "the adapter's own")})
	t.AppendRow([]any{"wanted", firstOf(d.Wanted, "nothing in particular: no licence names one")})
	writeTable(a.out, t)
	switch patches.MACPlace(d.Place) {
	case patches.MACOnAdapter:
		a.printf("\n%s goes on the virtual adapter: %s.\n", d.Wanted, d.Reason)
	case patches.MACInGuest:
		a.printf("\n%s goes into the guest: %s.\n", d.Wanted, d.Reason)
		if !strings.EqualFold(d.Guest, d.Wanted) {
			a.notef("Set it with: uclab mac set %s\n", d.Node)
		}
	case patches.MACRefused:
		a.printf("\n%s cannot be used: %s.\n", d.Wanted, d.Reason)
	}
	for _, warning := range d.Warnings {
		a.warn(warning)
	}
}

func newMACSetCommand(a *app) *cobra.Command {
	var flags patchFlags
	var address string
	var force bool
	cmd := &cobra.Command{
		Use:   "set [NODE]",
		Short: "Set the wanted MAC address inside the guest",
		Long: `Set writes the address that the licence wants, or --mac, into the guest's network
files: MACADDR in place of HWADDR in ifcfg-eth0 and its copies, and the network
record of hwconf. It counts after a reboot; mac revert takes it back.`,
		Example: "  uclab mac set cucm-pub\n  uclab mac set --host 10.0.1.27 --mac 00:16:35:aa:bb:cc --auto-approve",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			return a.setMAC(cmd.Context(), flags, args, address, force)
		},
	}
	flags.applianceFlags.register(cmd)
	flags.registerNode(cmd)
	cmd.Flags().StringVar(&address, "mac", "", "the `address` (default: what the node's licence wants)")
	cmd.Flags().BoolVar(&force, "in-guest", false, "set it in the guest even if VMware would take it on the adapter")
	cmd.Flags().StringVar(&flags.partition, "partition", "active", "`which` partition: active, inactive (/partB) or both")
	cmd.Flags().BoolVar(&flags.autoApprove, "auto-approve", false, "do not ask before changing anything")
	cmd.Flags().BoolVar(&flags.restart, "restart", false, "reboot the appliance afterwards")
	return cmd
}

func (a *app) setMAC(ctx context.Context, flags patchFlags, args []string, address string, force bool) (err error) {
	flags.only = []string{"mac"}
	work, err := a.patchWork(ctx, flags, args)
	if err != nil {
		return err
	}
	defer work.close(&err)
	target := work.targets[0]
	wanted := firstOf(address, target.node.Params["mac"])
	if wanted == "" && target.lab != nil && len(target.lab.Licenses) > 0 {
		wanted = target.lab.Licenses[0].HostID
	}
	if wanted == "" {
		return hintf(errors.New("no MAC address is wanted"), "give --mac, or license = \"file.lic\" in the node block")
	}
	parsed, err := patches.ParseMAC(wanted)
	if err != nil {
		return usageError{err}
	}
	decision := patches.DecideMAC(parsed, false)
	if decision.Place != patches.MACInGuest && !force {
		hint := "choose another address, or use --in-guest to set it all the same"
		if decision.Place == patches.MACOnAdapter {
			hint = "write mac = \"" + parsed.String() + "\" in the node block and run 'uclab apply', or use --in-guest"
		}
		return hintf(fmt.Errorf("%s does not belong inside the guest: %s", parsed, decision.Reason), "%s", hint)
	}
	target.node.Params["mac"] = parsed.String()
	for _, warning := range macWarnings(target.reachable, nil, decision.Place) {
		a.warn(warning)
	}
	a.warn("the port group must accept MAC address changes and forged transmits, or the node is unreachable after its reboot")
	return work.apply(ctx)
}

func newMACRevertCommand(a *app) *cobra.Command {
	var flags patchFlags
	cmd := &cobra.Command{
		Use:     "revert [NODE]",
		Short:   "Give the guest the adapter's own address back",
		Example: "  uclab mac revert cucm-pub",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			flags.only = []string{"mac"}
			work, err := a.revertWork(cmd.Context(), flags, args)
			if err != nil {
				return err
			}
			defer work.close(&err)
			return work.revert(cmd.Context())
		},
	}
	flags.applianceFlags.register(cmd)
	cmd.Flags().StringVar(&flags.partition, "partition", "active", "`which` partition: active, inactive (/partB) or both")
	cmd.Flags().BoolVar(&flags.autoApprove, "auto-approve", false, "do not ask before changing anything")
	return cmd
}
