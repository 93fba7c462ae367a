# Cisco Unity Connection.

profile "cuc-7" {
  product  = "cuc"
  title    = "Cisco Unity Connection"
  versions = ">= 7.0, < 8.0"
  kind     = "appliance"
  patches  = ["vmware-ack"]

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 2048
  disk             = 72
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000"]

  minimum {
    memory = 2048
    disk   = 72
  }

  maximum {
    cpus = 1
  }

  source {
    mark    = "S"
    figures = ["guest_id"]
    from    = "CCIE Voice Lab v3, 11 March 2009: a Linux appliance; RHEL 4 as CUCM 7"
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

profile "cuc-8" {
  product  = "cuc"
  title    = "Cisco Unity Connection"
  versions = ">= 8.0, < 8.6"
  kind     = "appliance"

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 4096
  disk             = 160
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000"]

  minimum {
    memory = 4096
    disk   = 160
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
    from    = "no source found: a default to override"
  }
}

profile "cuc-8.6" {
  product  = "cuc"
  title    = "Cisco Unity Connection"
  versions = ">= 8.6, < 10.0"
  kind     = "appliance"

  guest_id         = "rhel5Guest"
  cpus             = 1
  memory           = 4096
  disk             = 160
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-08"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000", "vmxnet3"]

  minimum {
    memory = 4096
    disk   = 160
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
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "disk", "hardware_version"]
    from    = "no source found: a default to override"
  }
}

profile "cuc-10" {
  product  = "cuc"
  title    = "Cisco Unity Connection"
  versions = ">= 10.0, < 12.0"
  kind     = "appliance"

  guest_id         = "rhel6_64Guest"
  cpus             = 2
  memory           = 4096
  disk             = 160
  scsi             = "lsilogic"
  nic_type         = "vmxnet3"
  firmware         = "bios"
  hardware_version = "vmx-08"
  boot_order       = ["cdrom", "disk"]

  minimum {
    memory = 4096
    disk   = 160
    cpus   = 1
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "disk", "scsi", "nic_type", "hardware_version"]
    from    = "no source found: a default to override"
  }
}

profile "cuc-12" {
  product  = "cuc"
  title    = "Cisco Unity Connection"
  versions = ">= 12.0, < 14.0"
  kind     = "appliance"

  guest_id         = "centos7_64Guest"
  cpus             = 2
  memory           = 6144
  disk             = 160
  scsi             = "lsilogic"
  nic_type         = "vmxnet3"
  firmware         = "bios"
  hardware_version = "vmx-13"
  boot_order       = ["cdrom", "disk"]
  nic_types        = ["vmxnet3"]

  extra_config = {
    "tools.syncTime"                 = "FALSE"
    "time.synchronize.continue"      = "FALSE"
    "time.synchronize.restore"       = "FALSE"
    "time.synchronize.resume.disk"   = "FALSE"
    "time.synchronize.shrink"        = "FALSE"
    "time.synchronize.tools.startup" = "FALSE"
  }

  minimum {
    memory = 4096
    disk   = 160
    cpus   = 1
  }

  source {
    mark    = "V"
    figures = ["disk"]
    from    = "OVA file names: Unity Connection 12.5 with 160 GB"
  }

  source {
    mark    = "V"
    figures = ["nic_type"]
    from    = "Upgrade and Migration Guide: VMXNET 3"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "scsi", "hardware_version"]
    from    = "no source found: a default to override"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}

profile "cuc-14" {
  product  = "cuc"
  title    = "Cisco Unity Connection"
  versions = ">= 14.0, < 15.0"
  kind     = "appliance"

  guest_id         = "centos7_64Guest"
  cpus             = 2
  memory           = 6144
  disk             = 200
  scsi             = "lsilogic"
  nic_type         = "vmxnet3"
  firmware         = "bios"
  hardware_version = "vmx-13"
  boot_order       = ["cdrom", "disk"]
  nic_types        = ["vmxnet3"]

  extra_config = {
    "tools.syncTime"                 = "FALSE"
    "time.synchronize.continue"      = "FALSE"
    "time.synchronize.restore"       = "FALSE"
    "time.synchronize.resume.disk"   = "FALSE"
    "time.synchronize.shrink"        = "FALSE"
    "time.synchronize.tools.startup" = "FALSE"
  }

  minimum {
    memory = 6144
    disk   = 160
    cpus   = 2
  }

  source {
    mark    = "V"
    figures = ["disk"]
    from    = "OVA file names: Unity Connection 14 with 200 GB"
  }

  source {
    mark    = "V"
    figures = ["nic_type"]
    from    = "Upgrade and Migration Guide: VMXNET 3"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "scsi", "hardware_version"]
    from    = "no source found: a default to override"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}

profile "cuc-15" {
  product  = "cuc"
  title    = "Cisco Unity Connection"
  versions = ">= 15.0, < 16.0"
  kind     = "appliance"

  guest_id         = "rhel8_64Guest"
  cpus             = 2
  memory           = 6144
  disk             = 200
  scsi             = "lsilogic"
  nic_type         = "vmxnet3"
  firmware         = "bios"
  hardware_version = "vmx-17"
  boot_order       = ["cdrom", "disk"]
  nic_types        = ["vmxnet3"]

  extra_config = {
    "tools.syncTime"                 = "FALSE"
    "time.synchronize.continue"      = "FALSE"
    "time.synchronize.restore"       = "FALSE"
    "time.synchronize.resume.disk"   = "FALSE"
    "time.synchronize.shrink"        = "FALSE"
    "time.synchronize.tools.startup" = "FALSE"
  }

  minimum {
    memory = 6144
    disk   = 160
    cpus   = 2
  }

  source {
    mark    = "V"
    figures = ["nic_type"]
    from    = "Upgrade and Migration Guide: VMXNET 3"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "disk", "scsi", "hardware_version"]
    from    = "as release 14 on the CUCM 15 platform"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}
