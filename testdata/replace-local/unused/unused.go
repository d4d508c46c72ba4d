// Package unused is required, and imported by nobody.
package unused
