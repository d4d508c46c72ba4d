package log

// The old Windows console shows escape sequences as they are.
func red(text string) string { return "! " + text }
