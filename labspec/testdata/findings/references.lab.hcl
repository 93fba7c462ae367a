format = 1

lab "refs" {
  domain  = "lab.local"
  message = "${node["cucm-pbu"].ip} ${node["cucm-pub"].adress} ${vra.x}"
}

variable "isos" {
  default = "isos"
}

locals {
  a = var.iso
  b = local.aa
}

network "hq" {
  cidr   = "10.1.0.0/24"
  switch = "vSwitch0"
}

cluster "hq" {
  product = "cucn"
  version = "7.1.5"
  network = "hp"
  node "cucm-pub" {
    role = "publsher"
    ip   = cidrhots(network.hq.cidr, 10)
  }
}

node "xp" {
  product = "winxp"
  network = network.hqq.name
  media   = "dics"
  memroy  = 512
}

node "odd" {
  product = "cucm"
  version = "3.3"
  network = "hq"
}

node "bare" {
  product = "cucm"
}

node "nameless" {
}

serial_link "console" {
  server = "asa"
  client = "xp"
}

remote_destination "jdoe" {
  user_cluster  = "hq"
  phone_cluster = "away"
}

nodes "x" {}
