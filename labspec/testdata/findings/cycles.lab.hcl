format = 1

lab "cycles" {}

locals {
  a = local.b
  b = local.c
  c = local.a
  d = upper(local.d)
}

network "hq" {
  cidr   = "10.1.0.0/24"
  switch = "vSwitch0"
}

node "one" {
  product  = "winxp"
  network  = "hq"
  hostname = node.two.hostname
}

node "two" {
  product  = "winxp"
  network  = "hq"
  hostname = local.e
  notes    = local.a
}

locals {
  e = node.one.hostname
}
