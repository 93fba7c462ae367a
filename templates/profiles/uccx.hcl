# Cisco Unified Contact Center Express (IPCC Express, CRS): on Windows up to 7, an appliance from 8 on.

profile "uccx-4" {
  product     = "uccx"
  title       = "Cisco Unified Contact Center Express (CRS) on Windows"
  versions    = ">= 4.0, < 8.0"
  kind        = "windows"
  patches     = ["uccx-kit"]
  description = "Needs the Cisco OS registry key before 2003.1.4. Windows wants the LSI driver on a floppy, or scsi = \"buslogic\"."

  guest_id         = "winNetStandardGuest"
  cpus             = 1
  memory           = 2048
  disk             = 72
  scsi             = "lsilogic"
  nic_type         = "flexible"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic", "buslogic"]

  minimum {
    memory = 2048
    disk   = 72
    fix    = "Or create an empty C:\\crstest.ini before the installation: CRS then skips the check (for tests only)."
  }

  source {
    mark    = "S"
    figures = ["guest_id", "memory", "disk"]
    from    = "UC Appliance on VMWare, 15 July 2009: Cisco OS 2000 or 2003; 72 GB and 2 GB"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "vmx-07 is the ESX(i) 4 of the time"
  }

  source {
    mark    = "U"
    figures = ["cpus", "scsi", "nic_type", "firmware", "boot_order"]
    from    = "no source found: a default to override"
  }
}

profile "uccx-8" {
  product  = "uccx"
  title    = "Cisco Unified Contact Center Express"
  versions = ">= 8.0, < 8.6"
  kind     = "appliance"

  guest_id         = "rhel4Guest"
  cpus             = 2
  memory           = 8192
  disk             = 146
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000"]

  minimum {
    memory = 4096
    disk   = 146
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
    from    = "as later releases on the platform of CUCM 8"
  }
}

profile "uccx-8.6" {
  product  = "uccx"
  title    = "Cisco Unified Contact Center Express"
  versions = ">= 8.6, < 10.0"
  kind     = "appliance"

  guest_id         = "rhel5Guest"
  cpus             = 2
  memory           = 8192
  disk             = 146
  scsi             = "lsilogic"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-08"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["lsilogic"]
  nic_types        = ["flexible", "e1000", "vmxnet3"]

  minimum {
    memory = 4096
    disk   = 146
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
    from    = "as later releases on the platform of CUCM 8.6"
  }
}

profile "uccx-10" {
  product  = "uccx"
  title    = "Cisco Unified Contact Center Express"
  versions = ">= 10.0, < 12.0"
  kind     = "appliance"

  guest_id         = "rhel6_64Guest"
  cpus             = 2
  memory           = 8192
  disk             = 146
  scsi             = "lsilogic"
  nic_type         = "vmxnet3"
  firmware         = "bios"
  hardware_version = "vmx-08"
  boot_order       = ["cdrom", "disk"]

  minimum {
    memory = 8192
    disk   = 146
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "disk", "scsi", "nic_type", "hardware_version"]
    from    = "as release 12 on the platform of CUCM 10"
  }
}

profile "uccx-12" {
  product  = "uccx"
  title    = "Cisco Unified Contact Center Express"
  versions = ">= 12.0, < 16.0"
  kind     = "appliance"

  guest_id         = "centos7_64Guest"
  cpus             = 2
  memory           = 10240
  disk             = 146
  scsi             = "lsilogic"
  nic_type         = "vmxnet3"
  firmware         = "bios"
  hardware_version = "vmx-11"
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
    disk   = 146
  }

  source {
    mark    = "V"
    figures = ["cpus", "memory", "disk"]
    from    = "login banner of 12.x: 2 vCPU, 146 GB, 10240 MB"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "OVA file names: UCCX_12_0_100Agent_VM11_OVA"
  }

  source {
    mark    = "D"
    figures = ["firmware", "boot_order"]
    from    = "installer detects VMware by its legacy BIOS (ihardware.sh); installation guide: CD-ROM, then hard drive"
  }

  source {
    mark    = "U"
    figures = ["guest_id", "scsi", "nic_type"]
    from    = "as CUCM 12"
  }

  source {
    mark    = "U"
    figures = ["extra_config"]
    from    = "CER 15 guide: disable host time synchronisation (Broadcom KB 1189); the keys are from memory"
  }
}
