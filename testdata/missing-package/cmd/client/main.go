// Command client needs a package that is generated before the build.
package main

import "example.com/missing/gen/api"

func main() {
	api.Call()
}
