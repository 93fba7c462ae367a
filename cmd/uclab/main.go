// Command uclab builds labs of UC appliances on vSphere from one HCL file.
package main

func main() {}
