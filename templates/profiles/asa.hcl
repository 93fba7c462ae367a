# ASA 8 on a PC.

profile "asa" {
  product     = "asa"
  title       = "Cisco Adaptive Security Appliance"
  kind        = "network"
  console     = "serial"
  description = "Has a serial console only (post Virtualize everything!): give it a serial_link or a serial block."

  guest_id         = "other26xLinuxGuest"
  cpus             = 1
  memory           = 1024
  disk             = 1
  scsi             = "none"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["none"]
  nic_types        = ["flexible", "e1000"]

  minimum {
    memory = 512
  }

  source {
    mark    = "V"
    figures = ["memory", "nic_type"]
    from    = "GNS3: 1,024 MB for 8.4(2), e1000"
  }

  source {
    mark    = "V"
    figures = ["disk", "scsi"]
    from    = "GNS3: 256 MB of IDE flash; 1 GiB is the smallest disk here"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "vmx-07 is the ESX(i) 4 of the time"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "firmware", "boot_order"]
    from    = "no source found: a default to override"
  }
}
