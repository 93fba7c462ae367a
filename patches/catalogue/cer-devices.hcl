patch "cer-devices" {
  title  = "Emergency Responder knows CUCM on VMware"
  source = "UC Appliance on VMWare (15 July 2009), Emergency Responder"
  about  = "Emergency Responder takes a CUCM whose machine type it does not know as unsupported. A member in the CcmHost family of its devices.xml makes it known."

  fits "cer" { versions = ">= 2" }

  param "oid" {
    default    = "1.3.6.1.4.1.9.1.1348"
    matches    = "^[0-9]+([.][0-9]+)+$"
    about      = "sysObjectID of the CUCM"
    unverified = "what CUCM reports on VMware in later releases; read it from 'show hardware' of the CUCM where that can be reached"
  }
  param "devices_xml" {
    default = "/usr/local/CER/etc/devices.xml"
    about   = "the file"
  }
  param "family" {
    default    = "CcmHost"
    about      = "name of the family that gets the member"
    unverified = "no copy of the file is public: the family is found by this name, as an element or as the value of an attribute"
  }

  file {
    path = param.devices_xml
    insert_member {
      family  = param.family
      element = "member"
      key     = "OID"
      attributes = [
        ["OID", param.oid],
        ["OIDNAME", "vm-ware"],
        ["CAPTION", "VMWare"],
      ]
    }
  }

  restart {
    notice  = "reboot Emergency Responder, or restart its Phone Tracking Engine"
    command = "/sbin/shutdown -r now"
  }
}
