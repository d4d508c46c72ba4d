//! Turns the text of go.mod, go.work, go.sum and vendor/modules.txt into values. It never reads a file.
