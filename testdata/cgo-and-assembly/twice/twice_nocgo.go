//go:build !cgo

// Package twice doubles numbers.
package twice

// Twice doubles.
func Twice(n int) int {
	return 2 * n
}
