// Package lib does not parse.
package lib

import "example.com/syntax/other

func Run() {}
