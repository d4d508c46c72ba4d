// Command files embeds in every way.
package main

import (
	"embed"
	"fmt"
)

//go:embed one.txt
var one string

//go:embed texts/*.txt
var glob embed.FS

//go:embed folder
var folder embed.FS

//go:embed all:everything
var everything embed.FS

func main() {
	fmt.Println(one, glob, folder, everything)
}
