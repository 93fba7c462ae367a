format = 1

lab "passwords" {}

target "vsphere" {
  password = "hunter2"
  url      = "https://root:hunter2@esx1/sdk"
}

variable "admin" {
  default   = "hunter2"
  sensitive = true
}

node "xp" {
  product = "winxp"
  notes   = "log in with ${var.admin}"
  params = {
    admin_password = var.admin
  }
}

node "xp2" {
  product = "winxp"
  params = {
    admin_password = "hunter2"
  }
}
