package main

func init() {
	println("tuned for arm64")
}
