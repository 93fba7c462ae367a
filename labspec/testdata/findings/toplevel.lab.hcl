# Nodes outside cluster blocks.
format = 1

lab "toplevel" {}

network "hq" {
  switch = "vSwitch0"
}

node "pub" {
  product = "cucm"
  version = "7.1.5"
  network = network.hq
  role    = "publisher"
}
node "sub1" {
  product = "cucm"
  version = "7.1.5"
  network = network.hq
  role    = "subscriber"
}
node "sub2" {
  product  = "cucm"
  version  = "7.1.5"
  network  = network.hq
  role     = "subscriber"
  hostname = "sub1"
}
node "sub3" {
  product = "cucm"
  version = "7.1.5"
  network = network.hq
  role    = "subscriber"
}
node "cer-pub" {
  product = "cer"
  version = "7.1.1"
  network = network.hq
  license = "cer.lic"
  ignore  = "MAC004"
}
node "cer-sub" {
  product = "cer"
  version = "7.1.1"
  network = network.hq
  role    = "subscriber"
}
