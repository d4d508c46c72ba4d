// Command seed prints prices for a fresh database.
package main

import (
	"fmt"

	"example.com/shop/libs/money"
)

func main() {
	for cents := money.Amount(100); cents < 1000; cents += 100 {
		fmt.Println(cents)
	}
}
