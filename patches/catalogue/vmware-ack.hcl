patch "vmware-ack" {
  title  = "No VMware acknowledgement at boot"
  source = "UC Appliance on VMWare (15 July 2009), limitation #3"
  about  = "From version 7 on, a rebooted appliance waits on its console for somebody to press Agree. The line that decides it is found by its exact text."

  unverified = ["the name of the script is not public: every file of the directory is searched for the line"]

  fits "cucm" { versions = ">= 7" }
  fits "cups" { versions = ">= 7" }
  fits "cuc" { versions = ">= 7" }
  fits "cer" { versions = ">= 7" }

  otherwise = "the appliance asks for the acknowledgement from version 7 on"

  param "scripts" {
    default = "/usr/local/bin/base_scripts/*"
    about   = "file, or files, to search for the line"
  }

  variant "a" {
    title = "the hardware model is compared with another name"
    file {
      path = param.scripts
      replace_line {
        from = "if [ \"$hwmodel\" = \"vmware\" ];"
        to   = ["if [ \"$hwmodel\" = \"foobar\" ];"]
        tail = "then"
      }
    }
  }

  variant "b" {
    title = "newer versions: the check of unsupported hardware never holds"
    file {
      path = param.scripts
      replace_line {
        from         = "if isHardwareUnsupported || isOriginalHardwareUnsupported ; then"
        to           = ["if 0 ; then"]
        keep_comment = true
      }
    }
  }

  restart {
    notice = "nothing now: it counts from the next reboot on"
  }
}
