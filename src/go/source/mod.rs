//! Turns the text of one source file into what `go build` reads of it before compiling. It never reads a file.
