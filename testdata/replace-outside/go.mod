module example.com/inside

go 1.24

require example.com/elsewhere v0.0.0

replace example.com/elsewhere => ../elsewhere
