// Command app lies in a workspace that uses a module that is not there.
package main

func main() {}
