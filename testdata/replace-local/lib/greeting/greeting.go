// Package greeting has polite words.
package greeting

// Hello returns a greeting.
func Hello() string {
	return "hello"
}
