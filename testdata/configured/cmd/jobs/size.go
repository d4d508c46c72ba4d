//go:build !batch

package main

const size = 1
