format = 1

lab "dup" {}
lab "dup2" {}

variable "x" { default = 1 }
variable "x" { default = 2 }

locals { y = 1 }
locals { y = 2 }

network "hq" {
  cidr   = "10.1.0.0/24"
  switch = "vSwitch0"
}
network "hq" {
  port_group = "VM Network"
}

cluster "c" {
  product = "winxp"
  network = "hq"
  node "xp" {
    ip  = "10.1.0.5"
    mac = "00:50:56:00:00:01"
  }
}
cluster "c" {}

node "xp" {
  product = "winxp"
}
node "xp2" {
  product = "winxp"
  network = "hq"
  ip      = "10.1.0.5"
  mac     = "0050.5600.0001"
}
