//go:build !linux && !windows

package main

const system = "another system"
