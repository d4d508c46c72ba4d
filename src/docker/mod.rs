//! Turns a Dockerfile into the files that reach the image other than through the Go compiler.
