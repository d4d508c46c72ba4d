// Package other is named in an import that does not end.
package other
