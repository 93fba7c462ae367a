format = 2

lab "later" {}
