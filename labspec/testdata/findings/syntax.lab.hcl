format = 1

lab "syntax" {
  description = "no end
}

node "xp" {
  product = winxp
