# Two CUCM clusters, for Mobile Connect and Enterprise Feature Access without a PSTN
#
# The phones of the second cluster, across an inter-cluster trunk, are the
# remote destinations of the first one's users (post "Test mobility feature
# without PSTN"). Mobile Voice Access cannot be tested so: it needs a gateway's
# IVR.
#
#   uclab apply examples/mobility
#   uclab apply examples/mobility -var isos=/data/isos
format = 1

lab "mobility" {
  description = "Two CUCM clusters for Mobile Connect and Enterprise Feature Access without a PSTN"
  domain      = "lab.local"
  message     = <<-TEXT
    Users    https://${node["home-pub"].ip}/ccmadmin
    Phones   https://${node["away-pub"].ip}/ccmadmin
    Next: an inter-cluster trunk on each, to ${node["away-pub"].ip} and ${node["home-pub"].ip}, and a route pattern for ${local.away_numbers}.
  TEXT
}

variable "isos" {
  description = "Directory with the vendor's discs; empty leaves the drives empty"
  default     = ""
}

locals {
  empty        = var.isos == ""
  away_numbers = "8XXX"
}

network "lab" {
  cidr   = "10.10.220.0/24" # example addressing
  switch = "vSwitch0"
  vlan   = 220
}

media "cucm" {
  source   = local.empty ? null : "${var.isos}/UCSInstall_UCOS_7.1.5.34900-7.sgn.iso"
  bootable = true
  optional = local.empty
}

media "windows" {
  source   = local.empty ? null : "${var.isos}/winxp.iso"
  optional = local.empty
}

# The users, with their desk phones.
cluster "home" {
  product = "cucm"
  version = "7.1.5"
  network = "lab"
  media   = "cucm"

  node "home-pub" {
    role = "publisher"
    ip   = cidrhost(network.lab.cidr, 10)
  }
}

# The phones that ring along.
cluster "away" {
  product = "cucm"
  version = "7.1.5"
  network = "lab"
  media   = "cucm"

  node "away-pub" {
    role = "publisher"
    ip   = cidrhost(network.lab.cidr, 20)
  }
}

# Soft phones: one registers with home, one with away.
node "xp-home" {
  product = "winxp"
  network = "lab"
  ip      = cidrhost(network.lab.cidr, 50)
  media   = "windows"
}

node "xp-away" {
  product = "winxp"
  network = "lab"
  ip      = cidrhost(network.lab.cidr, 51)
  media   = "windows"
}

remote_destination "jdoe-mobile" {
  user_cluster  = "home"
  phone_cluster = "away"
  number        = "8001"
}

remote_destination "asmith-mobile" {
  user_cluster  = "home"
  phone_cluster = "away"
  number        = "8002"
}
