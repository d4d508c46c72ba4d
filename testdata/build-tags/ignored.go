//go:build ignore

// This file is run by hand.
package main
