# Juniper vMX, control plane.

profile "vmx" {
  product     = "vmx"
  title       = "Juniper vMX control plane (vCP)"
  versions    = ">= 14.1"
  kind        = "network"
  console     = "serial"
  description = "Successor of Olive; nothing here is verified."

  guest_id         = "freebsd64Guest"
  cpus             = 1
  memory           = 2048
  disk             = 8
  scsi             = "none"
  nic_type         = "e1000"
  firmware         = "bios"
  hardware_version = "vmx-08"
  boot_order       = ["cdrom", "disk"]

  source {
    mark    = "U"
    figures = ["guest_id", "cpus", "memory", "disk", "scsi", "nic_type", "firmware", "hardware_version", "boot_order"]
    from    = "no source found: a default to override"
  }
}
