patch "snmp-off" {
  title  = "SNMP agent off"
  source = "UC Appliance on VMWare (15 July 2009), limitation #2"
  about  = "The SNMP Master Agent does not start on VMware, and Emergency Responder then gets no phone data from CUCM. Keeping snmpd from starting at boot cures it."

  unverified = ["the names of the start links that chkconfig keeps (/etc/rc.d/rc?.d/S??snmpd)"]

  fits "cucm" { versions = ">= 5" }
  fits "cups" { versions = ">= 6" }
  fits "cuc" { versions = ">= 7" }
  fits "cer" { versions = ">= 2" }

  service "snmpd" {
    off = "/sbin/chkconfig snmpd off"
  }

  restart {
    notice  = "reboot the appliance"
    command = "/sbin/shutdown -r now"
  }
}
