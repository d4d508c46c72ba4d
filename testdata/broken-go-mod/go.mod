module example.com/broken

go 1.24

requires example.org/color v1.4.0
