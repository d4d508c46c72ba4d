// Package color names colours.
package color

// Red is the colour of tomatoes.
const Red = "red"
