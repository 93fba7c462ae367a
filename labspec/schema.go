package labspec

import "github.com/hashicorp/hcl/v2"

// kind is the type that an attribute's value has to have.
type kind string

const (
	kindString  kind = "string"
	kindInteger kind = "whole number"
	kindBool    kind = "true or false"
	kindStrings kind = "string or list of strings"
	kindMap     kind = "map of strings"
	kindMemory  kind = `MiB, or a string such as "2GiB"`
	kindDisk    kind = `GiB, or a string such as "60GiB"`
	kindDisks   kind = "list of disk sizes"
	kindAny     kind = "any value"
	kindType    kind = "type"
)

// attribute describes one attribute of a block: the reader and the reference
// (docs/language.md) both come from it.
type attribute struct {
	name     string
	kind     kind
	required bool
	doc      string
	fallback string // the default, for the reference
}

// blockType describes one kind of block.
type blockType struct {
	name       string
	labels     []string // what each label is
	single     bool     // at most one in its parent
	open       bool     // any attribute is allowed (locals)
	foreign    bool     // read by another package: its contents are left alone
	attributes []attribute
	blocks     []*blockType
	doc        string

	schema *hcl.BodySchema
}

// language describes a whole lab file.
func language() *blockType {
	root := &blockType{
		attributes: []attribute{
			{"format", kindInteger, false, "Version of the language.", "1"},
		},
		blocks: []*blockType{
			labBlock(), variableBlock(), localsBlock(), targetBlock(), networkBlock(), mediaBlock(),
			clusterBlock(), nodeBlock(), serialLinkBlock(), profileBlock(), remoteDestinationBlock(), podsBlock(), patchBlock(),
		},
	}
	root.prepare()
	return root
}

// profileLanguage describes a profile file: profile blocks and nothing else.
func profileLanguage() *blockType {
	root := &blockType{blocks: []*blockType{profileBlock()}}
	root.prepare()
	return root
}

// prepare makes the HCL schema of a block and of those inside it.
func (t *blockType) prepare() {
	t.schema = &hcl.BodySchema{}
	for _, a := range t.attributes {
		t.schema.Attributes = append(t.schema.Attributes, hcl.AttributeSchema{Name: a.name, Required: a.required})
	}
	for _, child := range t.blocks {
		child.prepare()
		t.schema.Blocks = append(t.schema.Blocks, hcl.BlockHeaderSchema{Type: child.name, LabelNames: child.labels})
	}
}

func (t *blockType) child(name string) *blockType {
	for _, child := range t.blocks {
		if child.name == name {
			return child
		}
	}
	return nil
}

var ignoreAttribute = attribute{"ignore", kindStrings, false,
	"Lints to silence for this block, by id. Errors cannot be silenced.", "none"}

// patchBlock belongs to package patches, which reads it from the same file.
func patchBlock() *blockType {
	return &blockType{
		name: "patch", labels: []string{"id"}, foreign: true,
		doc: "A patch of the lab's own, in the catalogue's format: see docs/patches.md. `uclab patch` reads it.",
	}
}

func labBlock() *blockType {
	return &blockType{
		name: "lab", labels: []string{"name"}, single: true,
		doc: "The lab itself. Its name starts every VM's and port group's name.",
		attributes: []attribute{
			{"description", kindString, false, "What the lab is for.", "empty"},
			{"domain", kindString, false, "DNS domain of the nodes.", "none"},
			{"message", kindString, false, "Shown after a successful apply; may refer to any node.", "none"},
			{"owner", kindString, false, "Who answers for the lab, shown by `list`.", "none"},
			{"expires", kindString, false, "Date (2026-12-24) or RFC 3339 time after which `reap` may destroy the lab.", "never"},
			{"ttl", kindString, false, "Lifetime from the first apply, such as \"8h\" or \"3d\"; instead of `expires`.", "for ever"},
			ignoreAttribute,
		},
	}
}

func variableBlock() *blockType {
	return &blockType{
		name: "variable", labels: []string{"name"},
		doc: "A value that the user may set: `-var name=value`, `-var-file`, `*.auto.vars.hcl`, or `UCLAB_VAR_name`.",
		attributes: []attribute{
			{"default", kindAny, false, "The value when nobody sets one; without it the variable has to be set.", "none"},
			{"type", kindType, false, "Type constraint: `string`, `number`, `bool`, `list(string)`, `map(number)`, `object({...})`, `any`.", "the default's type, or `string`"},
			{"description", kindString, false, "What the variable is for.", "none"},
			{"sensitive", kindBool, false, "The value is never shown, and may be used in `params` only.", "false"},
		},
	}
}

func localsBlock() *blockType {
	return &blockType{
		name: "locals", open: true,
		doc: "Named expressions, used as `local.NAME`. They may refer to `pod.index`: then every pod has its own value.",
	}
}

func targetBlock() *blockType {
	return &blockType{
		name: "target", labels: []string{"kind"}, single: true,
		doc: "Where the lab lives. The only kind is `vsphere`: a vCenter or a standalone ESXi host. Without this block the lab lives in the embedded simulator. " +
			"There is no password here: it comes from `GOVC_PASSWORD` or `VSPHERE_PASSWORD`, a prompt or the keyring.",
		attributes: []attribute{
			{"url", kindString, false, "Address of the server.", "`GOVC_URL`, else `VSPHERE_SERVER`"},
			{"user", kindString, false, "Account.", "`GOVC_USERNAME`, else `VSPHERE_USER`"},
			{"datacenter", kindString, false, "Datacenter.", "the only one"},
			{"datastore", kindString, false, "Datastore for disks and media.", "the only one"},
			{"resource_pool", kindString, false, "Inventory path of the resource pool, such as `DC0_C0/Resources`.", "the only one"},
			{"folder", kindString, false, "VM folder, created if missing.", "the datacenter's vm folder"},
			{"host", kindString, false, "Host to put every node on.", "placed by free memory"},
			{"ca_file", kindString, false, "PEM file of the authority to trust.", "the system's"},
			{"thumbprint", kindString, false, "SHA-1 or SHA-256 thumbprint of the server's certificate to trust.", "none"},
			{"insecure", kindBool, false, "Trust any certificate.", "false"},
		},
	}
}

func networkBlock() *blockType {
	return &blockType{
		name: "network", labels: []string{"name"},
		doc: "A network: either a port group that uclab creates, on `switch` or `distributed_switch`, named `<lab>-<network>`, or an existing one named by `port_group`.",
		attributes: []attribute{
			{"cidr", kindString, false, "Address block, such as \"10.10.210.0/24\"; nodes' addresses have to lie in it.", "none"},
			{"gateway", kindString, false, "Gateway address, inside `cidr`.", "none"},
			{"switch", kindString, false, "Standard switch on which to create the port group.", "none"},
			{"distributed_switch", kindString, false, "Distributed switch on which to create the port group.", "none"},
			{"vlan", kindInteger, false, "VLAN id of the port group that is created, 0 (untagged) to 4094; 4095 carries all VLANs on a standard switch.", "0"},
			{"port_group", kindString, false, "Existing port group, used and never removed.", "none"},
			{"shared", kindBool, false, "One network for all pods.", "false"},
			ignoreAttribute,
		},
	}
}

func mediaBlock() *blockType {
	return &blockType{
		name: "media", labels: []string{"name"},
		doc: "A disc or floppy image.",
		attributes: []attribute{
			{"source", kindString, false, "Local file, relative to the lab file, or \"[datastore] path\" of a file already there. " +
				"Left out (or null) with `optional`: the drive stays empty.", "none"},
			{"kind", kindString, false, "\"iso\" or \"floppy\".", "\"floppy\" for *.flp and *.img, else \"iso\""},
			{"bootable", kindBool, false, "Inject a boot record when the disc has none.", "false"},
			{"boot_file", kindString, false, "Boot file to inject.", "the disc's own isolinux/isolinux.bin"},
			{"optional", kindBool, false, "A missing source leaves the drive empty, with a warning, instead of being an error.", "false"},
			ignoreAttribute,
		},
	}
}

func serialLinkBlock() *blockType {
	return &blockType{
		name: "serial_link", labels: []string{"name"},
		doc: "A cable between two nodes: a named pipe with one server end and one client end, both on one host.",
		attributes: []attribute{
			{"server", kindString, true, "Node at the near end \"server\": the appliance whose console it is.", ""},
			{"client", kindString, true, "Node at the near end \"client\": the terminal.", ""},
			{"pipe", kindString, false, "Name of the pipe.", "the block's label; in a pod `<pod>-<label>`"},
			{"shared", kindBool, false, "One cable for all pods, between shared nodes.", "true when both nodes are shared"},
		},
	}
}

func remoteDestinationBlock() *blockType {
	return &blockType{
		name: "remote_destination", labels: []string{"name"},
		doc: "A mobility user's remote destination. It may not be a phone of the user's own cluster (post \"Test mobility feature without PSTN\").",
		attributes: []attribute{
			{"user_cluster", kindString, true, "Cluster of the user.", ""},
			{"phone_cluster", kindString, true, "Cluster of the phone that rings; has to be another.", ""},
			{"number", kindString, false, "Number of the remote destination as dialled over the inter-cluster trunk.", "none"},
		},
	}
}

func podsBlock() *blockType {
	return &blockType{
		name: "pods", single: true,
		doc: "Copies of everything not marked `shared = true`: one per student. Inside, `pod.index` counts from 1 and `pod.name` is `pod01`.",
		attributes: []attribute{
			{"count", kindInteger, true, "How many pods, 1 to 1,000.", ""},
			{"protect", kindBool, false, "Never destroy or recreate a node of the pod; may depend on `pod.index`.", "false"},
		},
		blocks: []*blockType{cloneBlock("How the pods' nodes are made; without it they are created empty.")},
	}
}

func cloneBlock(doc string) *blockType {
	return &blockType{
		name: "clone", single: true, doc: doc,
		attributes: []attribute{
			{"from", kindString, true, "Lab whose nodes of the same name are the masters, or, with a `/` in it, a VM's or template's inventory path.", ""},
			{"snapshot", kindString, false, "Snapshot of the master to clone from.", "its current state"},
			{"linked", kindBool, false, "Share the master's disks.", "false"},
			{"instant", kindBool, false, "Instant clone of a running master, where the server has it.", "false"},
		},
	}
}
