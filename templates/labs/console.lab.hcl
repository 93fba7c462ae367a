# An ASA with its serial console on an XP terminal
#
#   uclab apply console.lab.hcl
#
# After the post "Virtualize everything!": the ASA has no screen and keyboard.
format = 1

lab "console" {
  description = "An ASA and its terminal"
  message     = "Open the serial port of ${node["xp-term"].vm_name} at 9,600 baud: it is the ASA's console."
}

network "inside" {
  cidr   = "10.10.230.0/24"
  switch = "vSwitch0"
  vlan   = 230
}

network "outside" {
  cidr   = "10.10.231.0/24"
  switch = "vSwitch0"
  vlan   = 231
}

node "asa" {
  product = "asa"

  nic {
    network = "inside"
    ip      = cidrhost(network.inside.cidr, 1)
  }
  nic {
    network = "outside"
    ip      = cidrhost(network.outside.cidr, 1)
  }
}

node "xp-term" {
  product = "winxp"
  network = "inside"
  ip      = cidrhost(network.inside.cidr, 50)
}

serial_link "asa-console" {
  server = "asa"
  client = "xp-term"
}
