# Cisco IM and Presence (IM&P), release 9 and later of Cisco Unified Presence.

profile "imp-9" {
  product  = "imp"
  title    = "Cisco IM and Presence"
  versions = ">= 9.0, < 10.0"
  kind     = "appliance"

  guest_id         = "rhel5Guest"
  cpus             = 2
  memory           = 4096
  disk             = 80
  scsi             = "lsilogic"
  nic_type         = "vmxnet3"
  firmware         = "bios"
  hardware_version = "vmx-08"
  boot_order       = ["cdrom", "disk"]
  nic_types        = ["flexible", "e1000", "vmxnet3"]

  minimum {
    memory = 4096
    disk   = 80
  }

  source {
    mark    = "V"
    figures = ["memory", "disk"]
    from    = "login banner of an IM&P node: 80 GB, 4096 MB (Cisco TAC document)"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "scsi", "nic_type", "hardware_version"]
    from    = "as CUCM of the same release"
  }
}

profile "imp-10" {
  product  = "imp"
  title    = "Cisco IM and Presence"
  versions = ">= 10.0, < 12.0"
  kind     = "appliance"

  guest_id         = "rhel6_64Guest"
  cpus             = 2
  memory           = 4096
  disk             = 80
  scsi             = "lsilogic"
  nic_type         = "vmxnet3"
  firmware         = "bios"
  hardware_version = "vmx-08"
  boot_order       = ["cdrom", "disk"]

  minimum {
    memory = 4096
    disk   = 80
  }

  source {
    mark    = "V"
    figures = ["memory", "disk"]
    from    = "login banner of an IM&P node: 80 GB, 4096 MB (Cisco TAC document)"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "OVA file names: cucm_im_p_11.5_vmv8"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "scsi", "nic_type"]
    from    = "as CUCM of the same release"
  }
}

profile "imp-12" {
  product  = "imp"
  title    = "Cisco IM and Presence"
  versions = ">= 12.0, < 14.0"
  kind     = "appliance"

  guest_id         = "centos7_64Guest"
  cpus             = 2
  memory           = 4096
  disk             = 80
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
    disk   = 80
  }

  source {
    mark    = "V"
    figures = ["memory", "disk"]
    from    = "login banner of an IM&P node: 80 GB, 4096 MB (Cisco TAC document)"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "OVA file names: cucm_im_p_12.5_vmv13"
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
    figures = ["guest_id", "cpus", "scsi"]
    from    = "as CUCM of the same release"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}

profile "imp-14" {
  product  = "imp"
  title    = "Cisco IM and Presence"
  versions = ">= 14.0, < 15.0"
  kind     = "appliance"

  guest_id         = "centos7_64Guest"
  cpus             = 2
  memory           = 4096
  disk             = 80
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
    disk   = 80
  }

  source {
    mark    = "V"
    figures = ["memory", "disk"]
    from    = "login banner of an IM&P node: 80 GB, 4096 MB (Cisco TAC document)"
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
    figures = ["guest_id", "cpus", "scsi", "hardware_version"]
    from    = "as CUCM of the same release"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}

profile "imp-15" {
  product  = "imp"
  title    = "Cisco IM and Presence"
  versions = ">= 15.0, < 16.0"
  kind     = "appliance"

  guest_id         = "rhel8_64Guest"
  cpus             = 2
  memory           = 8192
  disk             = 80
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
    memory = 4096
    disk   = 80
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
    from    = "as CUCM of the same release"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}
