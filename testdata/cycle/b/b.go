// Package b imports a.
package b

import _ "example.com/cycle/a"
