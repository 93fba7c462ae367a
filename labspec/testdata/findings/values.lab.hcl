format = 1

lab "values" {
  expires = "tomorrow"
  ttl     = "-3h"
}

variable "sites" {
  type    = number
  default = "three"
}

network "hq" {
  cidr    = "10.1.0.1/24"
  gateway = "10.2.0.1"
  switch  = "vSwitch0"
  vlan    = 5000
}

network "none" {
  cidr = "10.1.0/24"
}

network "both" {
  switch     = "vSwitch0"
  port_group = "VM Network"
}

network "old" {
  port_group = "VM Network"
  vlan       = 7
}

media "disc" {
  source = "no-such.iso"
}

media "sourceless" {
}

media "datastore" {
  source = "[ds1]"
}

media "maybe" {
  source   = "no-such-either.iso"
  optional = true
}

node "xp" {
  product          = "winxp"
  cpus             = 0
  memory           = "3 potatoes"
  disk             = "0.5GiB"
  scsi             = "lsi"
  nic_type         = 7
  firmware         = "uefi"
  hardware_version = "vmx-7000"
  boot_order       = ["cdrom", "tape"]
  power            = "maybe"
  hostname         = "xp_1"
  audio            = "loud"
  dns              = ["not an address"]
  ip               = "10.1.0.7"
  media            = ["maybe", "disc"]
  floppy           = "disc"
  ignore           = ["KISS01", "MAC003"]
  extra_config = {
    "uclab.lab" = "mine"
  }
}

node "sizes" {
  product = "winxp"
  memory  = 1e30
  disks   = [10, "90 TiB"]
  cpus    = 1.5
}

node "both-disks" {
  product = "winxp"
  disk    = 10
  disks   = [10]
  serial {
  }
  serial {
    pipe = "a"
    uri  = "telnet://:2000"
  }
  serial {
    uri = "http://x"
  }
  ssh {
    port = 70000
  }
}

node "-bad" {
  product = "winxp"
}
