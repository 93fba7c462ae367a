# The CCIE Voice v3 servers: CUCM 7 cluster, Presence, Unity Connection, UCCX, and an ASA with its console
#
# After the posts "CCIE Voice Lab v3" and "Virtualize everything!".
#
#   uclab apply examples/ccie-voice    without discs: empty drives
#
# With the vendor's discs, write isos = "/data/isos" into my.auto.vars.hcl beside
# this file, so that every command sees them, or give each -var isos=/data/isos.
format = 1

lab "ccie-voice" {
  description = "CCIE Voice v3: HQ cluster, presence, voicemail, contact center, ASA console"
  domain      = "lab.local"
  message     = <<-TEXT
    Publisher  https://${node["cucm-pub"].ip}/ccmadmin
    Presence   https://${node["cups"].ip}/cupadmin
    Voicemail  https://${node["cuc"].ip}/cuadmin
    ASA        on the serial port of ${node["xp-term"].vm_name}
    %{if var.isos == ""}The drives are empty: once you have the discs, write isos = "DIR" into my.auto.vars.hcl and apply again.%{endif}
  TEXT
}

variable "isos" {
  description = "Directory with the vendor's discs; empty leaves the drives empty"
  default     = ""
}

variable "vlan" {
  description = "VLAN of the server network"
  type        = number
  default     = 210
}

# Without a target the lab lives in the embedded simulator. For vSphere:
#
# target "vsphere" {
#   datacenter    = "Home"
#   datastore     = "datastore1"
#   resource_pool = "esx1/Resources"
#   folder        = "labs"
# }

network "hq" {
  cidr    = "10.10.210.0/24" # example addressing
  gateway = "10.10.210.1"
  switch  = "vSwitch0"
  vlan    = var.vlan
}

# Given a directory, a missing disc is an error; without one the drive is empty.
locals {
  empty = var.isos == ""
}

media "cucm" {
  source   = local.empty ? null : "${var.isos}/UCSInstall_UCOS_7.1.5.34900-7.sgn.iso"
  bootable = true
  optional = local.empty
}

media "cups" {
  source   = local.empty ? null : "${var.isos}/UCSInstall_CUP_7.0.8.10000-18.sgn.iso"
  bootable = true
  optional = local.empty
}

media "cuc" {
  source   = local.empty ? null : "${var.isos}/UCSInstall_CUC_7.1.5.34900-7.sgn.iso"
  bootable = true
  optional = local.empty
}

media "windows" {
  source   = local.empty ? null : "${var.isos}/winxp.iso"
  optional = local.empty
}

media "cisco-os" {
  source   = local.empty ? null : "${var.isos}/cisco-os-2003.1.4.iso"
  optional = local.empty
}

cluster "hq" {
  product = "cucm"
  version = "7.1.5"
  network = "hq"
  media   = "cucm"
  patches = ["snmp-off", "vmware-ack"] # documented tweaks: uclab patch plan cucm-pub

  node "cucm-pub" {
    role = "publisher"
    ip   = cidrhost(network.hq.cidr, 10)

    # With a licence of your own the publisher gets its MAC address:
    # license = "licenses/ccm_node.lic"
  }

  node "cucm-sub" {
    role = "subscriber"
    ip   = cidrhost(network.hq.cidr, 11)
  }
}

node "cups" {
  product = "cups"
  version = "7.0.8"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 12)
  media   = "cups"
  patches = ["snmp-off", "vmware-ack"]
}

node "cuc" {
  product = "cuc"
  version = "7.1.5"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 13)
  media   = "cuc"
  patches = ["snmp-off", "vmware-ack"]
}

node "uccx" {
  product = "uccx"
  version = "7.0.1"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 14)
  media   = "cisco-os"
  patches = ["uccx-kit"]
}

node "asa" {
  product = "asa"
  version = "8.4(2)"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 2)
}

# Runs CUPC and the agent desktop, and is the ASA's terminal.
node "xp-term" {
  product = "winxp"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 50)
  media   = "windows"
}

serial_link "asa-console" {
  server = "asa"
  client = "xp-term"
}
