// Package library is all there is: no program, so no service.
package library
