format = 1

lab "presence" {
  domain = "cisco.com"
}

cluster "cups" {
  product = "cups"
  version = "7.0.8"

  node "plain" {
    params = { node_name = "cup1" }
  }
  node "address" {
    params = { node_name = "10.1.1.1" }
  }
  node "full" {
    params = { node_name = "cup1.cisco.com" }
  }
  node "other-domain" {
    params = { node_name = "cup1.a.com" }
  }
  node "case" {
    params = { node_name = "cup1.CISCO.com" }
  }
  node "no-dot" {
    params = { node_name = "cup1xcisco.com" }
  }
}
