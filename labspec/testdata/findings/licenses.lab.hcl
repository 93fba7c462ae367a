format = 1

lab "licenses" {}

network "hq" {
  cidr   = "10.1.0.0/24"
  switch = "vSwitch0"
}

cluster "hq" {
  product = "cucm"
  version = "7.1.5"
  network = "hq"

  node "pub" {
    role    = "publisher"
    license = ["real.lic", "vmware.lic"]
  }
  node "sub" {
    role    = "subscriber"
    license = "real.lic"
  }
  node "broken" {
    license = "broken.lic"
  }
  node "absent" {
    license = "absent.lic"
  }
}

cluster "big" {
  product = "cucm"
  version = "7.1.5"
  network = "hq"
  license = "vmware.lic"

  node "big-pub" {
    role = "publisher"
  }
  node "big-sub1" {
    role = "subscriber"
  }
  node "big-sub2" {
    role = "subscriber"
  }
  node "big-sub3" {
    role = "subscriber"
  }
}

cluster "cer" {
  product = "cer"
  version = "7.1.1"
  network = "hq"
  node "cer-pub" {
    role    = "publisher"
    license = "cer.lic"
    mac     = "00:16:35:aa:bb:01"
  }
  node "cer-sub" {
    role = "subscriber"
  }
}

node "cuc" {
  product = "cuc"
  version = "8.6.2"
  network = "hq"
  license = "real.lic"
}
