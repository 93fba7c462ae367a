package labspec

import (
	"slices"
	"strings"
)

// Rules lists every lint, by id.
func Rules() []Rule {
	rules := slices.Concat(languageRules(), hardwareRules(), networkRules(), serialRules(), licenseRules(), namingRules(), clusterRules())
	slices.SortFunc(rules, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return rules
}

// languageSource is the source of rules that come from the language itself.
const languageSource = "docs/language.md"

func languageRules() []Rule {
	const source = languageSource
	return []Rule{
		{"HCL001", SeverityError, "Not valid HCL", "HCL syntax", "Correct the expression or the block at the place shown."},
		{"LANG001", SeverityError, "Unknown format", source, "Say format = 1, or use the uclab that reads this format."},
		{"LANG002", SeverityNotice, "No format", source, "Begin the file with format = 1."},
		{"LANG003", SeverityError, "Duplicate name", source, "Rename or remove one of the two."},
		{"LANG004", SeverityError, "Unknown reference", source, "Declare it, or use the name of one that is declared."},
		{"LANG005", SeverityError, "Cycle", source, "Break the cycle by writing one of the values out."},
		{"LANG006", SeverityError, "Invalid value", source, "Use a value of the type and in the range named."},
		{"LANG007", SeverityError, "Missing value", source, "Add the attribute or block."},
		{"LANG008", SeverityError, "Variable without use or value", source, "Declare the variable, or give it a default or a value."},
		{"LANG009", SeverityError, "Too large", source, "Make it smaller, or split it into several labs."},
		{"LANG010", SeverityError, "Does not go together", source, "Keep one of the two."},
		{"LANG011", SeverityError, "Unknown lint", source, "Use an id of `uclab validate --rules`."},
		{"LANG012", SeverityError, "Sensitive value in a place that is shown", source, "Use a sensitive variable in params only."},
		{"SEC001", SeverityError, "Password in the lab file", "DESIGN.md, vSphere", "Remove it and set GOVC_PASSWORD, or let uclab ask."},
		{"SEC002", SeverityWarning, "Secret written in the lab file", "DESIGN.md, vSphere",
			"Declare a variable with sensitive = true and set it in the environment (UCLAB_VAR_...)."},
		{"USE001", SeverityNotice, "Declared and not used", source, "Use it or remove it."},
	}
}

func hardwareRules() []Rule {
	const ccie = "CCIE Voice Lab v3 (11 March 2009)"
	return []Rule{
		{"VM001", SeverityWarning, "Less memory than the installer wants", ccie + "; \"Hardware not supported\" (31 March 2009)", "Raise memory to the minimum."},
		{"VM002", SeverityWarning, "Smaller disk than the installer wants", ccie + "; \"Hardware not supported\" (31 March 2009)", "Raise disk to the minimum."},
		{"VM003", SeverityWarning, "Number of CPUs does not fit the product", ccie, "Set cpus as the profile says."},
		{"VM004", SeverityWarning, "Guest operating system differs from the product's", ccie, "Remove guest_id, or set it to the profile's."},
		{"VM005", SeverityWarning, "ESX has no audio device", ccie, "Remove audio and install a virtual audio cable in the guest for the soft phone."},
		{"VM006", SeverityWarning, "The installer detects VMware by its legacy BIOS", "facts 1.1: ihardware.sh reads the DMI vendor Phoenix", "Use firmware = \"bios\"."},
		{"VM007", SeverityWarning, "The installer has no driver for this adapter or controller", "facts 1.2: in-box drivers of RHEL 4 and 5; CUCM 14 needs vmxnet3",
			"Use one of the types that the profile lists."},
		{"VM008", SeverityError, "Virtual hardware version that ESXi does not have", "facts 1.1: vmx-6, 12 and 16 are Workstation only", "Use vmx-04, 07 to 11, 13 to 15, or 17 and later."},
		{"VM009", SeverityWarning, "Windows Vista client", "KISS - Keep It Simple Stupid (25 February 2009)", "Stick with Windows XP: guest_id = \"winXPProGuest\"."},
		{"VM010", SeverityError, "Too many devices", "vSphere configuration maximums", "Remove some, or split the node."},
		{"MED001", SeverityError, "Disc or floppy image not found", languageSource, "Put the file there, correct source, or set optional = true to leave the drive empty."},
		{"MED002", SeverityWarning, "Optional image not found: the drive stays empty", languageSource, "Put the file there and apply again."},
	}
}

func networkRules() []Rule {
	const mac = "facts 2.4: ESX manuals, vSphere 5.5 to 7.0 documentation"
	return []Rule{
		{"MAC001", SeverityError, "Not a usable MAC address", mac, "Write six pairs of hexadecimal digits of a unicast address."},
		{"MAC002", SeverityError, "MAC address in a range that VMware reserves", mac,
			"Use 00:50:56:00:00:00 to 00:50:56:3F:FF:FF, or check_mac = false to insist."},
		{"MAC003", SeverityError, "Two adapters with one MAC address", mac, "Give each its own, or remove mac to let uclab derive it."},
		{"MAC004", SeverityNotice, "MAC address to be set inside the guest", "UC Appliance on VMWare (15 July 2009), limitation #1",
			"After the installation run `uclab mac set`; the port group has to accept MAC address changes and forged transmits."},
		{"NET001", SeverityError, "Network without a switch or port group", languageSource,
			"Say switch = \"vSwitch0\" (or distributed_switch) to have a port group created, or port_group = \"...\" to use an existing one."},
		{"NET002", SeverityError, "Address outside its network", languageSource, "Use an address of the network, such as cidrhost(network.NAME.cidr, 10)."},
		{"NET003", SeverityError, "Two nodes with one address", languageSource, "Give each its own."},
		{"NET004", SeverityWarning, "Pods are not isolated from each other", languageSource, "Compute the VLAN from the pod, such as vlan = 1000 + pod.index."},
		{"NET005", SeverityWarning, "Networks overlap", languageSource, "Give each network its own address block and VLAN."},
		{"NET006", SeverityError, "Port group named twice", languageSource, "Give each network its own port group."},
	}
}

func serialRules() []Rule {
	const virtualize = "Virtualize everything! (20 June 2009)"
	return []Rule{
		{"SER001", SeverityWarning, "No serial console", virtualize, "Add a serial_link to a terminal node, or a serial block: the appliance has no screen and keyboard."},
		{"SER002", SeverityError, "Pipe with two server or two client ends", virtualize, "Give each pipe one server and one client."},
		{"SER003", SeverityWarning, "Pipe with one end only", virtualize, "Add the other end, with the same pipe name."},
		{"SER004", SeverityError, "Ends of a cable on different hosts", virtualize + "; a named pipe is local to its host", "Put both nodes on one host."},
	}
}

func licenseRules() []Rule {
	const post = "licensing post of 26 March 2009"
	const onVMware = "UC Appliance on VMWare (15 July 2009), limitation #1"
	return []Rule{
		{"LIC001", SeverityWarning, "More nodes than a VMware MAC address is licensed for", onVMware,
			"Get a licence and give the publisher its HOSTID as MAC: license = \"...\"."},
		{"LIC002", SeverityError, "Licence for another MAC address", post, "Remove mac to take the licence's, or use the licence of this MAC."},
		{"LIC003", SeverityWarning, "Licence on the wrong node", post, "Put the licence on the publisher."},
		{"LIC004", SeverityWarning, "Emergency Responder node without its own licence", post,
			"Give publisher and subscriber each a licence of its own MAC; \"license expired\" on a two-node CER means that the subscriber's is missing."},
		{"LIC005", SeverityError, "Licences of different MAC addresses on one node", post, "Keep the files whose HOSTID is the node's MAC."},
		{"LIC006", SeverityError, "One licence on two nodes", post, "Use a licence per node: each has to match its own MAC."},
		{"LIC007", SeverityWarning, "Licence older than the software", "CUPS 1.0(2) Administration Guide, License File Upload: major versions are compared", "Get a licence of the running major version."},
		{"LIC008", SeverityWarning, "Licence MAC is not an adapter's MAC", "facts 2.3: from 8.x on VMware the licence is bound to the License MAC",
			"Read the License MAC with `show status`; uclab does not apply this HOSTID to the adapter."},
		{"LIC009", SeverityWarning, "More device licence units than a VMware MAC address is licensed for", onVMware,
			"Give the publisher the licence's HOSTID as MAC."},
		{"LIC010", SeverityNotice, "No feature licence", post, "CUCM 7 and above needs node, feature and device licences."},
		{"LIC011", SeverityError, "Not a usable licence file", "facts 8.1", "Use the vendor's file as it came."},
	}
}

func namingRules() []Rule {
	const kiss = "KISS - Keep It Simple Stupid (25 February 2009)"
	return []Rule{
		{"NAM001", SeverityWarning, "Upper case in a name", kiss + "; The art of troubleshooting", "Use lower case everywhere: assume that it matters."},
		{"NAM002", SeverityError, "Not a usable name", "RFC 1123; vSphere names", "Use letters, digits and hyphens."},
		{"NAM003", SeverityWarning, "Two nodes with one host name", "Name resolution in Cisco voice products", "Give each its own hostname."},
		{"KISS001", SeverityWarning, "DNS at installation", kiss, "Install without DNS and add it afterwards, or set ignore = [\"KISS001\"]."},
		{"KISS002", SeverityWarning, "NTP at installation", kiss, "Install without NTP and add it on the publisher afterwards, or set ignore = [\"KISS002\"]."},
		{"KISS003", SeverityWarning, "Service account used for several purposes", kiss,
			"Use one account for each of CUCM's LDAP, CUPC's LDAP search and CUPS's calendar: a changed password then breaks one of them only."},
		{"NTP001", SeverityError, "NTP on another node than the publisher", "NTP - Network Time Protocol", "Set ntp on the publisher only; the others follow it."},
		{"DNS001", SeverityWarning, "SIP domain differs from the DNS domain", "SIP domain and DNS domain", "Use the lab's domain as sip_domain."},
	}
}

func clusterRules() []Rule {
	const versions = "Decrypt CUCM version numbers (12 February 2009)"
	return []Rule{
		{"CLU001", SeverityError, "Several publishers in a cluster", "licensing post of 26 March 2009; NTP - Network Time Protocol", "Make one node the publisher and the others subscribers."},
		{"CLU002", SeverityWarning, "Subscribers without a publisher", "NTP - Network Time Protocol", "Add the publisher's node, or set role = \"publisher\" on one."},
		{"CLU003", SeverityWarning, "Different versions in a cluster", "facts 8.3 (unverified)", "Give all nodes of a product in the cluster one version."},
		{"PRES001", SeverityError, "Presence on a CUCM node", "Cisco Presence Products", "Give Presence a node of its own with product = \"cups\": it cannot be co-resident with CUCM."},
		{"PRES002", SeverityWarning, "Presence address that does not resolve", "How does CUPC determine presence address",
			"Use a plain host name or an address as node_name, or a full name that ends with the SIP domain, in the same case."},
		{"VER001", SeverityError, "CUCM and Presence of versions that do not work together", versions, "CUCM 6 goes with Presence 6 or 7, CUCM 7 with Presence 7 only."},
		{"VER002", SeverityWarning, "CUCM and Presence of different releases", "facts 8.4 (unverified for 8 and later)", "Use the same release of both."},
		{"MOB001", SeverityError, "Remote destination in the user's own cluster", "Test mobility feature without PSTN (12 May 2010)",
			"Use a phone of another cluster: IP phones within the same cluster cannot be remote destinations."},
	}
}
