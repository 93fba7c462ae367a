# Cisco Emergency Responder (CER).

profile "cer-2" {
  product     = "cer"
  title       = "Cisco Emergency Responder"
  versions    = ">= 2.0, < 7.0"
  kind        = "appliance"
  patches     = ["cer-devices"]
  description = "Polls CUCM by SNMP: CUCM needs the patch snmp-off, and this node cer-devices."

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 1024
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

profile "cer-7" {
  product     = "cer"
  title       = "Cisco Emergency Responder"
  versions    = ">= 7.0, < 8.6"
  kind        = "appliance"
  patches     = ["vmware-ack", "cer-devices"]
  description = "Polls CUCM by SNMP: CUCM needs the patch snmp-off, and this node cer-devices."

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 1024
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

profile "cer-8.6" {
  product  = "cer"
  title    = "Cisco Emergency Responder"
  versions = ">= 8.6, < 10.0"
  kind     = "appliance"
  patches  = ["cer-devices"]

  guest_id         = "rhel5Guest"
  cpus             = 1
  memory           = 4096
  disk             = 80
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-08"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000", "vmxnet3"]

  minimum {
    memory = 2048
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
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "disk", "hardware_version"]
    from    = "as CUCM of the same release"
  }
}

profile "cer-10" {
  product  = "cer"
  title    = "Cisco Emergency Responder"
  versions = ">= 10.0, < 12.0"
  kind     = "appliance"
  patches  = ["cer-devices"]

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
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "disk", "scsi", "nic_type", "hardware_version"]
    from    = "as CUCM of the same release"
  }
}

profile "cer-12" {
  product  = "cer"
  title    = "Cisco Emergency Responder"
  versions = ">= 12.0, < 15.0"
  kind     = "appliance"

  guest_id         = "centos7_64Guest"
  cpus             = 2
  memory           = 6144
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
    figures = ["hardware_version"]
    from    = "OVA file names: cer_12.5_vmv13, cer_14.0_vmv13"
  }

  source {
    mark    = "V"
    figures = ["guest_id"]
    from    = "CER 15 guide: the guest running is CentOS 7 (64 bit)"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["cpus", "memory", "disk", "scsi", "nic_type"]
    from    = "as CUCM of the same release"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}

profile "cer-15" {
  product  = "cer"
  title    = "Cisco Emergency Responder"
  versions = ">= 15.0, < 16.0"
  kind     = "appliance"

  guest_id         = "rhel8_64Guest"
  cpus             = 2
  memory           = 6144
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
    memory = 6144
    disk   = 80
    cpus   = 2
  }

  source {
    mark    = "V"
    figures = ["cpus", "memory", "disk"]
    from    = "CER 15 guide, 20,000 users"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "the CUCM 15 platform"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "scsi", "nic_type"]
    from    = "as CUCM of the same release"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}
