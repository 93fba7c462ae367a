# Cisco Unified Communications Manager (CallManager).

profile "cucm-4" {
  product  = "cucm"
  title    = "Cisco Unified CallManager"
  versions = ">= 4.0, < 5.0"
  kind     = "windows"

  guest_id         = "win2000ServGuest"
  cpus             = 1
  memory           = 1024
  disk             = 40
  scsi             = "lsilogic"
  nic_type         = "flexible"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic", "buslogic"]

  minimum {
    memory = 512
    disk   = 20
  }

  source {
    mark    = "S"
    figures = ["guest_id"]
    from    = "Map a UC appliance as a network drive, 29 August 2009: a Windows 2000 box"
  }

  source {
    mark    = "U"
    figures = ["cpus", "memory", "disk", "scsi", "nic_type", "firmware", "hardware_version", "boot_order"]
    from    = "no source found: a default to override"
  }
}

profile "cucm-5" {
  product     = "cucm"
  title       = "Cisco Unified Communications Manager"
  versions    = ">= 5.0, < 6.0"
  kind        = "appliance"
  patches     = ["snmp-off"]
  description = "2,048 MiB is better."

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 1024
  disk             = 72
  scsi             = "lsilogic"
  nic_type         = "e1000"
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
    mark    = "V"
    figures = ["disk"]
    from    = "CUCM 6 minimum, Cisco Press CIPT1"
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
    figures = ["guest_id", "cpus", "memory"]
    from    = "no source found: a default to override"
  }
}

profile "cucm-6" {
  product     = "cucm"
  title       = "Cisco Unified Communications Manager"
  versions    = ">= 6.0, < 7.0"
  kind        = "appliance"
  patches     = ["snmp-off"]
  description = "Cisco wants 2,048 MiB; 1,024 MiB and 40 GiB were seen to work."

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 1024
  disk             = 72
  scsi             = "lsilogic"
  nic_type         = "e1000"
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
    mark    = "V"
    figures = ["memory", "disk"]
    from    = "Cisco Press CIPT1 (2 GB, 72 GB); 1 GB and 40 GB were seen to work"
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
    figures = ["guest_id", "cpus"]
    from    = "no source found: a default to override"
  }
}

profile "cucm-7" {
  product     = "cucm"
  title       = "Cisco Unified Communications Manager"
  versions    = ">= 7.0, < 8.0"
  kind        = "appliance"
  patches     = ["vmware-ack", "snmp-off"]
  description = "Waits at every boot for the VMware agreement until the patch vmware-ack is applied."

  guest_id         = "rhel4Guest"
  cpus             = 1
  memory           = 1024
  disk             = 60
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000"]

  minimum {
    memory = 1024
    disk   = 60
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

profile "cucm-8" {
  product  = "cucm"
  title    = "Cisco Unified Communications Manager"
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
    from    = "no source found: a default to override"
  }
}

profile "cucm-8.6" {
  product  = "cucm"
  title    = "Cisco Unified Communications Manager"
  versions = ">= 8.6, < 10.0"
  kind     = "appliance"

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
    from    = "OVA file names: cucm_9.1_vmv8"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "disk"]
    from    = "no source found: a default to override"
  }
}

profile "cucm-10" {
  product     = "cucm"
  title       = "Cisco Unified Communications Manager"
  versions    = ">= 10.0, < 12.0"
  kind        = "appliance"
  description = "show hardware reports a 32-bit UCOS; rhel6Guest works too."

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
    cpus   = 1
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "OVA file names: cucm_10.5_vmv8, cucm_11.5_vmv8"
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
    figures = ["guest_id", "cpus", "memory", "disk", "scsi"]
    from    = "no source found: a default to override"
  }
}

profile "cucm-12" {
  product     = "cucm"
  title       = "Cisco Unified Communications Manager"
  versions    = ">= 12.0, < 14.0"
  kind        = "appliance"
  description = "A lab ran it with 1 CPU and 4,096 MiB."

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
    cpus   = 1
  }

  source {
    mark    = "V"
    figures = ["guest_id", "memory", "disk"]
    from    = "login banner of 12.5 (6,144 MB, 80 GB); lab script: centos7_64Guest"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "OVA file names: cucm_12.5_vmv13"
  }

  source {
    mark    = "V"
    figures = ["nic_type"]
    from    = "Upgrade and Migration Guide: VMXNET 3"
  }

  source {
    mark    = "V"
    figures = ["cpus"]
    from    = "login banner of 12.5: 2 vCPU"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["scsi"]
    from    = "no source found: a default to override"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}

profile "cucm-14" {
  product  = "cucm"
  title    = "Cisco Unified Communications Manager"
  versions = ">= 14.0, < 15.0"
  kind     = "appliance"

  guest_id         = "centos7_64Guest"
  cpus             = 2
  memory           = 8192
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
    memory = 8192
    disk   = 80
    cpus   = 2
  }

  source {
    mark    = "V"
    figures = ["cpus", "memory", "disk", "nic_type"]
    from    = "Install-CUCM14-on-proxmox: at least 2 cores, 8 GB, 80 GB; vmxnet3 or the install fails"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "OVA file names: cucm_14.0_vmv13"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "scsi"]
    from    = "no source found: a default to override"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}

profile "cucm-15" {
  product     = "cucm"
  title       = "Cisco Unified Communications Manager"
  versions    = ">= 15.0, < 16.0"
  kind        = "appliance"
  description = "On ESXi 8 guest_id = \"almalinux_64Guest\" is exact."

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
    memory = 8192
    disk   = 80
    cpus   = 2
  }

  source {
    mark    = "V"
    figures = ["nic_type"]
    from    = "Upgrade and Migration Guide: VMXNET 3"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "OVA file names: cucm_15.0_vmv17"
  }

  source {
    mark    = "D"
    figures = ["guest_id"]
    from    = "AlmaLinux 8; almalinux_64Guest exists from ESXi 8 on"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["cpus", "memory", "disk", "scsi"]
    from    = "no source found: a default to override"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}
