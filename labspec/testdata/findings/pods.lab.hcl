format = 1

lab "pods" {}

pods {
  count = 3
}

network "hq" {
  cidr   = "10.1.0.0/24"
  switch = "vSwitch0"
}

network "core" {
  switch = "vSwitch0"
  vlan   = 9
  shared = true
}

node "server" {
  product = "winxp"
  network = "hq"
  shared  = true
}

node "clock" {
  product = "winxp"
  network = "core"
  shared  = true
  notes   = "pod ${pod.index}"
}

node "xp" {
  product = "winxp"
  network = "hq"
  mac     = "00:50:56:00:00:01"
  notes   = node["pod09/xp"].ip
  serial {
    pipe = "console"
  }
}

node "pod01-xp" {
  product = "winxp"
  shared  = true
}

media "absent" {
  source   = "absent.iso"
  optional = true
  ignore   = ["MED002", "USE001"]
}
