// Package pages makes the pages of the shop.
package pages

import (
	"embed"
	"html/template"
	"io"

	"example.com/shop/libs/money"
)

//go:embed templates
var files embed.FS

var templates = template.Must(template.ParseFS(files, "templates/*.html"))

// Page is what a page shows.
type Page struct {
	Title string
	Items []Item
}

// Item is one thing on a page.
type Item struct {
	Name  string
	Price money.Amount
}

// Home returns the first page.
func Home() Page {
	return Page{Title: "The shop", Items: []Item{{"mug", 890}, {"teapot", 3490}}}
}

// Write writes a page as HTML.
func Write(w io.Writer, page Page) error {
	return templates.ExecuteTemplate(w, "page.html", page)
}
