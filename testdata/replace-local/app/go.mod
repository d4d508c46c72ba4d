module example.com/app

go 1.24

require (
	example.com/lib v1.2.3
	example.com/unused v1.0.0
)

replace (
	example.com/lib => ../lib
	example.com/unused => ../unused
)
