patch "mac" {
  title  = "MAC address inside the guest"
  source = "UC Appliance on VMWare (15 July 2009), limitation #1; ucguerrilla.com, CentOS use case #1 (2015)"
  about  = "A licence of a physical server is bound to its MAC address. The guest takes it over; the virtual network adapter keeps its own."

  unverified = ["which further copies of the interface file a release keeps: those known from RHEL are changed where they exist"]

  fits "cucm" { versions = "< 8" }
  fits "cups" { versions = "< 8" }
  fits "cuc" { versions = "< 8" }
  fits "cer" { versions = "< 8" }
  fits "cuma" { versions = "< 8" }

  otherwise = "from 8.x on a virtual machine's licence is bound to a License MAC, a digest of its settings ('show status'), and not to a network adapter"

  param "mac" {
    matches = "^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$"
    about   = "the address that the licence wants, as 00:16:35:aa:bb:cc"
  }
  param "device" {
    default = "eth0"
    matches = "^[A-Za-z0-9._-]+$"
    about   = "the network interface"
  }

  file {
    path = "/etc/sysconfig/network-scripts/ifcfg-${param.device}"
    set_key "MACADDR" {
      value       = param.mac
      instead_of  = "HWADDR"
      letter_case = "as-found"
    }
  }
  file {
    path     = "/etc/sysconfig/networking/devices/ifcfg-${param.device}"
    optional = true
    set_key "MACADDR" {
      value       = param.mac
      instead_of  = "HWADDR"
      letter_case = "as-found"
    }
  }
  file {
    path     = "/etc/sysconfig/networking/profiles/default/ifcfg-${param.device}"
    optional = true
    set_key "MACADDR" {
      value       = param.mac
      instead_of  = "HWADDR"
      letter_case = "as-found"
    }
  }
  file {
    path     = "/etc/sysconfig/hwconf"
    optional = true
    set_record {
      match       = { class = "NETWORK", device = param.device }
      key         = "network.hwaddr"
      value       = param.mac
      letter_case = "as-found"
    }
  }

  restart {
    notice  = "reboot the appliance"
    command = "/sbin/shutdown -r now"
  }
}
