// Package a imports b.
package a

import _ "example.com/cycle/b"
