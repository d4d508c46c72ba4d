// Package pages renders the pages of the shop.
package pages

import (
	"embed"
	"html/template"
	"net/http"

	"example.com/shop/libs/money"
)

//go:embed templates
var files embed.FS

var templates = template.Must(template.ParseFS(files, "templates/*.html"))

// Home renders the first page.
func Home(w http.ResponseWriter, _ *http.Request) {
	_ = templates.ExecuteTemplate(w, "home.html", money.Amount(990))
}
