package prices

import "testing"

func TestPricesIncludeTax(t *testing.T) {
	if got := (Product{Name: "mug", Price: 1000}).WithTax().String(); got != "11.90" {
		t.Errorf("got %s", got)
	}
}

func TestTheProductsCanBeRead(t *testing.T) {
	products, err := Load("../../products.json")
	if err != nil || len(products) == 0 {
		t.Errorf("got %v, %v", products, err)
	}
}
