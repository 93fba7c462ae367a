format = 1

lab "macs" {}

network "hq" {
  cidr    = "10.1.0.0/24"
  gateway = "10.1.0.1"
  switch  = "vSwitch0"
}

cluster "c" {
  product = "winxp"
  network = "hq"

  node "bad" {
    mac = "00:50:56:zz:00:01"
  }
  node "multicast" {
    mac = "01:50:56:00:00:01"
  }
  node "vcenter" {
    mac = "00:50:56:80:00:01"
  }
  node "esx" {
    mac = "00-0C-29-00-00-01"
  }
  node "insists" {
    mac       = "00:0c:29:00:00:02"
    check_mac = false
  }
  node "real" {
    mac = "00:16:35:AA:BB:CC"
  }
  node "real-again" {
    mac = "00:16:35:aa:bb:cc"
  }
  node "good" {
    mac = "00:50:56:3f:ff:ff"
  }
  node "outside" {
    ip = "10.2.0.1"
  }
  node "gateway" {
    ip = "10.1.0.1"
  }
  node "network" {
    ip = "10.1.0.0"
  }
  node "broadcast" {
    ip = "10.1.0.255"
  }
  node "two-nics" {
    ip = "10.1.0.20"
    nic {
      ip = "10.1.0.21"
    }
    nic {
      network = "hqq"
    }
  }
}
