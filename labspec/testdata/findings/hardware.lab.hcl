format = 1

lab "hardware" {}

target "vsphere" {
  url      = "https://esx1/sdk"
}

network "hq" {
  cidr   = "10.1.0.0/24"
  switch = "vSwitch0"
}

cluster "hq" {
  product = "cucm"
  version = "7.1.5"
  network = "hq"

  node "small" {
    memory = 512
    disk   = 40
  }
  node "wrong" {
    cpus             = 2
    guest_id         = "rhel5Guest"
    firmware         = "efi"
    scsi             = "pvscsi"
    nic_type         = "vmxnet3"
    hardware_version = 12
  }
  node "nic" {
    nic {
      type = "vmxnet3"
    }
  }
  node "presence" {
    role = "presence"
  }
  node "both" {
    product = ["cucm", "cups"]
  }
  node "quiet" {
    memory = 512
    ignore = "VM001"
  }
}

node "uccx" {
  product = "uccx"
  version = "7.0(1)"
  network = "hq"
  memory  = "1GiB"
  disk    = 20
}

node "vista" {
  product  = "winxp"
  guest_id = "winVistaGuest"
  audio    = true
}

node "asa" {
  product = "asa"
  network = "hq"
}

node "ports" {
  product = "winxp"
  serial {
    pipe = "p1"
  }
  serial {
    pipe     = "p2"
    endpoint = "client"
  }
  serial {
    pipe = "p3"
  }
  serial {
    pipe = "p3"
  }
  serial {
    uri   = "telnet://:2001"
    proxy = "telnets://concentrator:13370"
  }
}
