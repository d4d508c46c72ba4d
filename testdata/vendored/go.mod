module example.com/vendored

go 1.24

require (
	example.org/color v1.4.0
	example.org/shape v0.2.0
)
