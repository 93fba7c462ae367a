format = 1

lab "clusters" {}

network "hq" {
  cidr   = "10.1.0.0/24"
  switch = "vSwitch0"
  vlan   = 10
}

network "same-vlan" {
  cidr   = "10.2.0.0/24"
  switch = "vSwitch0"
  vlan   = 10
}

network "overlap" {
  cidr   = "10.1.0.128/25"
  switch = "vSwitch0"
  vlan   = 11
}

network "adopted" {
  port_group = "clusters-hq"
}

cluster "hq" {
  product = "cucm"
  version = "7.1.5"
  network = "hq"

  node "pub" {
    role = "publisher"
  }
  node "pub2" {
    role = "publisher"
  }
  node "sub" {
    role    = "subscriber"
    version = "7.0.2"
  }
  node "sub2" {
    role = "subscriber"
  }
  node "cups-old" {
    product = "cups"
    version = "6.0.6"
  }
}

cluster "away" {
  product = "cucm"
  version = "11.5.1"
  network = "same-vlan"
  node "away-sub" {
    role = "subscriber"
  }
  node "away-imp" {
    product = "imp"
    version = "12.5.1"
  }
}

node "cups-alone" {
  product = "cups"
  version = "7.0.8"
  network = "overlap"
}

node "xp1" {
  product = "winxp"
  network = "adopted"
  host    = "esx1"
}

node "xp2" {
  product = "winxp"
  host    = "esx2"
}

serial_link "cable" {
  server = "xp1"
  client = "xp2"
}

serial_link "loop" {
  server = "xp1"
  client = "xp1"
}

remote_destination "own" {
  user_cluster  = "hq"
  phone_cluster = "hq"
}
