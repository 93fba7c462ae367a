# Lab client.

profile "winxp" {
  product     = "winxp"
  title       = "Windows XP client"
  kind        = "windows"
  description = "For CUPC, CAD and IP Communicator, and as a terminal. ESX has no sound card: use a virtual audio cable for a soft phone."

  guest_id         = "winXPProGuest"
  cpus             = 1
  memory           = 512
  disk             = 10
  scsi             = "none"
  nic_type         = "flexible"
  firmware         = "bios"
  hardware_version = "vmx-07"
  boot_order       = ["cdrom", "disk"]

  minimum {
    memory = 128
    disk   = 4
  }

  source {
    mark    = "S"
    figures = ["guest_id"]
    from    = "KISS, 25 February 2009: stick with Windows XP"
  }

  source {
    mark    = "U"
    figures = ["cpus", "memory", "disk", "scsi", "nic_type", "firmware", "hardware_version", "boot_order"]
    from    = "no source found: a default to override"
  }
}
