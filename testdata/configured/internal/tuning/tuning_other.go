//go:build !arm64

// Package tuning depends on the architecture.
package tuning

// Level is how much is tuned.
const Level = 1
