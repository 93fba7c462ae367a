# One CUCM publisher.
format = 1

lab "minimal" {
  description = "One CUCM publisher"
  domain      = "lab.local"
}

network "hq" {
  cidr   = "10.10.210.0/24"
  switch = "vSwitch0"
}

node "cucm-pub" {
  product = "cucm"
  version = "7.1.5"
  role    = "publisher"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 10)
}
