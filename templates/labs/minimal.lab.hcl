# One CUCM publisher
#
#   uclab apply minimal.lab.hcl
format = 1

lab "minimal" {
  description = "One CUCM publisher"
  domain      = "lab.local"
  message     = "https://${node["cucm-pub"].ip}/ccmadmin"
}

# Without a target the lab lives in the embedded simulator. For vSphere:
#
# target "vsphere" {
#   datacenter    = "Home"
#   datastore     = "datastore1"
#   resource_pool = "esx1/Resources"
# }

network "hq" {
  cidr   = "10.10.210.0/24"
  switch = "vSwitch0"
  vlan   = 210
}

node "cucm-pub" {
  product = "cucm"
  version = "7.1.5"
  role    = "publisher"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 10)
}
