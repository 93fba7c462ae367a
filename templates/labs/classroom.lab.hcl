# A classroom: one pod of the ccie-voice lab per student, and a desk for the trainer
#
# Each pod has a VLAN of its own, and so may have the same names and addresses.
#
#   uclab apply classroom.lab.hcl                           empty machines
#   uclab apply classroom.lab.hcl -var master=ccie-voice    linked clones of the finished lab
#
# The students are in roster.auto.vars.hcl beside this file:
#   roster = ["alvarez", "bauer", "chen"]
format = 1

lab "classroom" {
  description = "CCIE Voice v3 for ${length(var.roster)} students"
  domain      = "lab.local"
  owner       = "trainer"
  message     = <<-TEXT
    Every pod has its publisher at https://${node["cucm-pub"].ip}/ccmadmin, seen from the pod's own XP.
    Students reach their XP in the room: pod 1 at ${cidrhost(network.room.cidr, 101)}, pod 2 at ${cidrhost(network.room.cidr, 102)}, and so on.
  TEXT
}

variable "roster" {
  description = "The students; each gets a pod"
  type        = list(string)
  default     = ["ann", "ben"]
}

variable "master" {
  description = "Lab to clone from, with a snapshot called clean; empty creates empty machines"
  default     = ""
}

locals {
  student = var.roster[pod.index - 1]
  notes   = "${local.student}, ${pod.name}"
}

pods {
  count = length(var.roster)

  clone {
    from     = var.master == "" ? null : var.master
    snapshot = "clean"
    linked   = true
  }
}

# Inside a pod: example addressing, the same in all of them.
network "hq" {
  cidr    = "10.10.210.0/24"
  gateway = "10.10.210.1"
  switch  = "vSwitch0"
  vlan    = 1000 + pod.index
}

# The room: the trainer's desk and a second adapter of every XP.
network "room" {
  cidr   = "192.168.77.0/24"
  switch = "vSwitch0"
  vlan   = 77
  shared = true
}

cluster "hq" {
  product = "cucm"
  version = "7.1.5"
  network = "hq"
  notes   = local.notes

  node "cucm-pub" {
    role = "publisher"
    ip   = cidrhost(network.hq.cidr, 10)
  }

  node "cucm-sub" {
    role = "subscriber"
    ip   = cidrhost(network.hq.cidr, 11)
  }
}

node "cups" {
  product = "cups"
  version = "7.0.8"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 12)
  notes   = local.notes
}

node "cuc" {
  product = "cuc"
  version = "7.1.5"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 13)
  notes   = local.notes
}

node "uccx" {
  product = "uccx"
  version = "7.0.1"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 14)
  notes   = local.notes
}

node "asa" {
  product = "asa"
  version = "8.4(2)"
  network = "hq"
  ip      = cidrhost(network.hq.cidr, 2)
  notes   = local.notes
}

node "xp-term" {
  product = "winxp"
  notes   = local.notes

  nic {
    network = "hq"
    ip      = cidrhost(network.hq.cidr, 50)
  }
  nic {
    network = "room"
    ip      = cidrhost(network.room.cidr, 100 + pod.index)
  }
}

serial_link "asa-console" {
  server = "asa"
  client = "xp-term"
}

node "trainer" {
  product = "winxp"
  network = "room"
  ip      = cidrhost(network.room.cidr, 10)
  shared  = true
}
