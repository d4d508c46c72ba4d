//go:build !windows

package log

func red(text string) string { return "\x1b[31m" + text + "\x1b[0m" }
