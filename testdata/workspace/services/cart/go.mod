module example.com/shop/services/cart

go 1.24

require example.com/shop/libs v0.0.0

replace example.com/shop/libs => ../../libs
