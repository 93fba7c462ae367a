# Cisco Unified Mobility Advantage.

profile "cuma-7" {
  product     = "cuma"
  title       = "Cisco Unified Mobility Advantage"
  kind        = "appliance"
  description = "Needs an ASA in front of it (post Virtualize everything!)."

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 2048
  disk             = 72
  scsi             = "lsilogic"
  nic_type         = "flexible"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000"]

  minimum {
    memory = 1024
    disk   = 40
  }

  maximum {
    cpus = 1
  }

  source {
    mark    = "S"
    figures = ["guest_id"]
    from    = "Hard Drive Partition and version control of UC Appliance: shares the same OS"
  }

  source {
    mark    = "D"
    figures = ["scsi", "nic_type"]
    from    = "RHEL 4 and 5 kernels have no pvscsi or vmxnet3 driver"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "vmx-07 is the ESX(i) 4 of the time"
  }

  source {
    mark    = "U"
    figures = ["cpus", "memory", "disk"]
    from    = "no source found: a default to override"
  }
}
