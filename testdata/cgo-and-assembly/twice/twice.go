//go:build cgo

// Package twice doubles numbers.
package twice

// #include "twice.h"
import "C"

// Twice doubles.
func Twice(n int) int {
	return int(C.twice(C.int(n)))
}
