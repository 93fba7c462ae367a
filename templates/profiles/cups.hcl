# Cisco Unified Presence (CUPS) up to 8; from 9 on it is called IM and Presence, product "imp".

profile "cups-6" {
  product  = "cups"
  title    = "Cisco Unified Presence"
  versions = ">= 6.0, < 7.0"
  kind     = "appliance"

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 1296
  disk             = 75
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000"]

  minimum {
    memory = 1296
    disk   = 75
  }

  maximum {
    cpus = 1
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
    figures = ["guest_id", "cpus", "memory", "disk"]
    from    = "as release 7"
  }
}

profile "cups-7" {
  product  = "cups"
  title    = "Cisco Unified Presence"
  versions = ">= 7.0, < 8.0"
  kind     = "appliance"
  patches  = ["vmware-ack"]

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 1296
  disk             = 75
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000"]

  minimum {
    memory = 1296
    disk   = 75
  }

  maximum {
    cpus = 1
  }

  source {
    mark    = "S"
    figures = ["guest_id", "cpus", "memory", "disk"]
    from    = "CCIE Voice Lab v3, 11 March 2009"
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
}

profile "cups-8" {
  product  = "cups"
  title    = "Cisco Unified Presence"
  versions = ">= 8.0, < 8.6"
  kind     = "appliance"

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 4096
  disk             = 80
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000"]

  minimum {
    memory = 2048
    disk   = 80
  }

  maximum {
    cpus = 2
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
    figures = ["guest_id", "cpus", "memory", "disk"]
    from    = "as CUCM of the same release"
  }
}

profile "cups-8.6" {
  product  = "cups"
  title    = "Cisco Unified Presence"
  versions = ">= 8.6, < 9.0"
  kind     = "appliance"

  guest_id         = "rhel5Guest"
  cpus             = 1
  memory           = 4096
  disk             = 80
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000", "vmxnet3"]

  minimum {
    memory = 4096
    disk   = 80
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
    figures = ["guest_id", "cpus", "memory", "disk"]
    from    = "as CUCM of the same release"
  }
}
