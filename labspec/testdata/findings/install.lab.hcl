format = 1

lab "Install" {
  domain = "Lab.local"
  ignore = ["USE001"]
}

network "HQ" {
  cidr   = "10.1.0.0/24"
  switch = "vSwitch0"
}

cluster "hq" {
  product = "cucm"
  version = "7.1.5"
  network = "HQ"
  dns     = ["10.1.0.5"]
  ntp     = ["ntp.lab.local"]

  node "CUCM-Pub" {
    role   = "publisher"
    params = { ldap_account = "svc-uc@lab.local" }
  }
  node "cucm-sub" {
    role = "subscriber"
    ntp  = ["10.1.0.1"]
  }
  node "cucm-sub2" {
    role   = "subscriber"
    ignore = ["KISS001"]
  }
}

node "cups" {
  product = "cups"
  version = "7.0.8"
  network = "HQ"
  params = {
    calendar_account = "SVC-UC@lab.local"
    sip_domain       = "other.local"
  }
}
