package labspec

// hardwareAttributes are those that a node, a cluster and a profile share.
func hardwareAttributes() []attribute {
	return []attribute{
		{"guest_id", kindString, false, "vSphere's guest operating system id, such as \"rhel4Guest\".", "profile"},
		{"cpus", kindInteger, false, "Virtual CPUs, 1 to 128.", "profile"},
		{"memory", kindMemory, false, "Memory, 4 MiB to 6 TiB.", "profile"},
		{"disk", kindDisk, false, "The only disk's size, 1 GiB to 62 TiB.", "profile"},
		{"disks", kindDisks, false, "Sizes of several disks; instead of `disk`.", "profile"},
		{"scsi", kindString, false, "Disk controller: \"lsilogic\", \"buslogic\", \"lsisas\", \"pvscsi\", or \"none\" for IDE disks.", "profile"},
		{"nic_type", kindString, false, "Network adapter: \"flexible\" (pcnet32), \"e1000\", \"e1000e\", \"vmxnet2\", \"vmxnet3\".", "profile"},
		{"firmware", kindString, false, "\"bios\" or \"efi\".", "profile"},
		{"hardware_version", kindString, false, "Virtual hardware version, such as \"vmx-07\" or 7.", "profile"},
		{"boot_order", kindStrings, false, "Of \"cdrom\", \"disk\", \"floppy\", \"ethernet\".", "[\"cdrom\", \"disk\"]"},
		{"audio", kindBool, false, "A sound card.", "false"},
		{"extra_config", kindMap, false, "VMX keys, added to the profile's.", "profile"},
		{"patches", kindStrings, false, "Ids of the documented tweaks that the node needs.", "profile"},
	}
}

// sharedNodeAttributes are a node's attributes for which a cluster may give
// its nodes' defaults.
func sharedNodeAttributes() []attribute {
	own := []attribute{
		{"product", kindString, false, "Product, such as \"cucm\"; see `uclab profiles`. Needed on the node or its cluster.", "cluster"},
		{"version", kindString, false, "Version, such as \"7.1.5\" or \"7.1(5b)\"; selects the profile.", "cluster; not needed when the product has one profile"},
		{"network", kindString, false, "Network of the first adapter, and of `nic` blocks that name none.", "cluster; none: no adapter"},
		{"media", kindStrings, false, "Discs and floppies in the drives, by name.", "none"},
		{"floppy", kindStrings, false, "Floppies in the drives, by name.", "none"},
		{"thick", kindBool, false, "Thick disks.", "false (thin)"},
		{"power", kindString, false, "\"on\", \"off\", or \"keep\" (uclab does not touch it).", "\"on\""},
		{"notes", kindString, false, "The VM's notes.", "product, version, role and lab"},
		{"host", kindString, false, "Host to put the node on.", "placed by free memory, cabled nodes together"},
		{"dns", kindStrings, false, "DNS servers that the node is configured with.", "none"},
		{"ntp", kindStrings, false, "NTP servers that the node is configured with; publisher only.", "none"},
		{"license", kindStrings, false, "Licence files; a HOSTID gives the node its MAC.", "none"},
		{"params", kindMap, false, "Anything else that is worth keeping with the node. Lints know `node_name` and `sip_domain` of Presence, and names that end in `_account` (`ldap_account`, `calendar_account`).", "none"},
		{"protect", kindBool, false, "Never destroy or recreate the node.", "false"},
		{"shared", kindBool, false, "One node for all pods.", "false"},
		ignoreAttribute,
	}
	return append(own, hardwareAttributes()...)
}

// ownNodeAttributes are those that no two nodes of a cluster may share.
func ownNodeAttributes() []attribute {
	return []attribute{
		{"role", kindString, false, "\"publisher\" or \"subscriber\".", "none"},
		{"hostname", kindString, false, "Host name.", "the node's name"},
		{"ip", kindString, false, "Address of the first adapter.", "none"},
		{"mac", kindString, false, "MAC address that the node is to have. In 00:50:56:00:00:00-00:50:56:3F:FF:FF it goes on the adapter, otherwise it is set inside the guest.",
			"a licence's HOSTID, else derived from lab, node and adapter"},
		{"check_mac", kindBool, false, "false puts any `mac` on the adapter itself (ethernetX.checkMACAddress = false).", "true"},
	}
}

func nodeBlock() *blockType {
	return &blockType{
		name: "node", labels: []string{"name"},
		doc:        "A virtual machine, at the top level or in a cluster. Its VM is named `<lab>-<node>`.",
		attributes: append(ownNodeAttributes(), sharedNodeAttributes()...),
		blocks:     nodeBlocks(),
	}
}

func nodeBlocks() []*blockType {
	return []*blockType{nicBlock(), serialBlock(), sshBlock(), cloneBlock("Master of this node, instead of the `pods` block's.")}
}

func clusterBlock() *blockType {
	return &blockType{
		name: "cluster", labels: []string{"name"},
		doc:        "Nodes that belong together. Its attributes, `ssh` and `clone` are defaults for its nodes.",
		attributes: sharedNodeAttributes(),
		blocks: []*blockType{nodeBlock(), sshBlock(),
			cloneBlock("Masters of the cluster's nodes, instead of the `pods` block's.")},
	}
}

func nicBlock() *blockType {
	return &blockType{
		name: "nic", doc: "A network adapter, for nodes with several. The first takes the node's `ip` and `mac` unless it has its own.",
		attributes: []attribute{
			{"network", kindString, false, "Network.", "the node's"},
			{"type", kindString, false, "As `nic_type`.", "the node's"},
			{"ip", kindString, false, "Address.", "none"},
			{"mac", kindString, false, "As the node's `mac`.", "derived"},
			{"check_mac", kindBool, false, "As the node's.", "true"},
		},
	}
}

func serialBlock() *blockType {
	return &blockType{
		name: "serial", doc: "A serial port on a named pipe or on the network. Ports of `serial_link`s come after these.",
		attributes: []attribute{
			{"pipe", kindString, false, "Name of the pipe.", "none"},
			{"uri", kindString, false, "Network-backed: \"telnet://:2001\" (server) or \"telnet://host:port\" (client).", "none"},
			{"endpoint", kindString, false, "\"server\" or \"client\".", "\"server\""},
			{"proxy", kindString, false, "Network-backed: URI of a serial concentrator (vSPC).", "none"},
		},
	}
}

func sshBlock() *blockType {
	return &blockType{
		name: "ssh", single: true, doc: "How the running node is reached.",
		attributes: []attribute{
			{"host", kindString, false, "Address or name.", "the node's `ip`, else its host name"},
			{"port", kindInteger, false, "Port.", "22"},
			{"user", kindString, false, "Account.", "asked for on the command line"},
			{"legacy", kindBool, false, "Allow the algorithms of old OpenSSH servers.", "false"},
			{"jump", kindString, false, "Host to jump through, user@host:port.", "none"},
		},
	}
}

func profileBlock() *blockType {
	attributes := []attribute{
		{"product", kindString, false, "Product key. Needed unless the label is a built-in profile's.", "the built-in profile's"},
		{"title", kindString, false, "The product's name in full.", "none"},
		{"description", kindString, false, "What a user should know.", "none"},
		{"versions", kindString, false, "Version constraint, such as \">= 7.0, < 8.0\".", "any version"},
		{"kind", kindString, false, "\"appliance\", \"windows\" or \"network\": which lints apply.", "none"},
		{"console", kindString, false, "\"serial\" when the product has no screen and keyboard.", "\"video\""},
		{"nic_types", kindStrings, false, "Adapters that its installer has drivers for.", "any"},
		{"scsi_types", kindStrings, false, "Controllers that its installer has drivers for.", "any"},
	}
	return &blockType{
		name: "profile", labels: []string{"name"},
		doc: "Hardware for a product in a range of versions. With the name of a built-in profile it overrides what it says and keeps the rest; " +
			"with another name it is a profile of its own, preferred to the built-in ones.",
		attributes: append(attributes, hardwareAttributes()...),
		blocks: []*blockType{
			{
				name: "minimum", single: true, doc: "Below these the installer refuses, and a lint warns.",
				attributes: []attribute{
					{"memory", kindMemory, false, "Memory.", "none"},
					{"disk", kindDisk, false, "First disk.", "none"},
					{"cpus", kindInteger, false, "CPUs.", "none"},
					{"fix", kindString, false, "What else helps, for the lint's text.", "none"},
				},
			},
			{
				name: "maximum", single: true, doc: "Above these a lint warns.",
				attributes: []attribute{{"cpus", kindInteger, false, "CPUs.", "none"}},
			},
			{
				name: "source", doc: "Where figures come from.",
				attributes: []attribute{
					{"mark", kindString, true, "\"S\" the posts say it, \"V\" verified in a public source, \"D\" derived, \"U\" unverified.", ""},
					{"figures", kindStrings, true, "Names of the figures; \"minimum.memory\" and the like for the minimums.", ""},
					{"from", kindString, false, "Title of the post or document.", "none"},
				},
			},
		},
	}
}
