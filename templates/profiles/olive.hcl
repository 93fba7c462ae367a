# Junos Olive.

profile "olive" {
  product     = "olive"
  title       = "Junos on a PC (Olive)"
  versions    = "<= 12.1"
  kind        = "network"
  console     = "serial"
  description = "Has a serial console only. JUNOS 10.1 boots with 256 MiB. Installed from a FreeBSD before 8."

  guest_id         = "freebsdGuest"
  cpus             = 1
  memory           = 512
  disk             = 8
  scsi             = "none"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]
  scsi_types       = ["none"]
  nic_types        = ["e1000"]

  minimum {
    memory = 256
    disk   = 4
  }

  source {
    mark    = "S"
    figures = ["guest_id"]
    from    = "Virtualize everything!, 20 June 2009: JUNOS on a PC; it is FreeBSD"
  }

  source {
    mark    = "V"
    figures = ["nic_type"]
    from    = "em0 to em5"
  }

  source {
    mark    = "V"
    figures = ["hardware_version"]
    from    = "vmx-07 is the ESX(i) 4 of the time"
  }

  source {
    mark    = "U"
    figures = ["cpus", "memory", "disk", "scsi", "firmware", "boot_order"]
    from    = "no source found: a default to override"
  }
}
