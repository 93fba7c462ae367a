patch "uccx-kit" {
  title  = "UCCX installs on VMware"
  source = "UC Appliance on VMWare (15 July 2009), UCCX"
  about  = "UCCX on Windows refuses to install without Cisco's registry key (not needed from Cisco OS 2003.1.4 on) and below 72 GB of disk and 2 GB of memory. The kit is a small disc for the Windows machine."

  unverified = ["that UCCX reads the value Version of the key 'OS Image', the documented place of the Cisco OS version"]

  fits "uccx" { versions = "< 8" }

  otherwise = "UCCX runs on Linux from version 8 on"

  param "cisco_os" {
    default    = "2003.1.4"
    about      = "Cisco OS version to state"
    unverified = "any version that UCCX accepts will do"
  }

  kit "UCCX.REG" {
    content = "Windows Registry Editor Version 5.00\r\n"
    set_registry {
      key   = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Cisco Systems, Inc.\\System Info\\OS Image"
      name  = "Version"
      value = param.cisco_os
    }
  }
  kit "CRSTEST.INI" {
    content = ""
  }
  kit "README.TXT" {
    content = <<-EOT
      UCCX on VMware: for labs only, not supported by the vendor.

      1. UCCX.REG: open it to add the registry key that UCCX looks for before
         it installs. Not needed from Cisco OS 2003.1.4 on.
      2. CRSTEST.INI: copy this empty file to C:\ and UCCX skips its check of
         72 GB of disk and 2 GB of memory.
      3. Run the UCCX installer.

      Source: "UC Appliance on VMWare", 15 July 2009. That UCCX reads this very
      registry value is not verified.
    EOT
  }
}
