format = 1

lab "unset" {}

variable "unset" {}

node "xp" {
  product = "winxp"
  notes   = var.unset
}
