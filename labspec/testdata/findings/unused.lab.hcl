format = 1

lab "unused" {}

network "hq" {
  switch = "vSwitch0"
}

network "quiet" {
  switch = "vSwitch1"
  ignore = "USE001"
}

media "disc" {
  source = "[ds] disc.iso"
}
