// Command far reads a module that lies beside the repository.
package main

import "example.com/elsewhere"

func main() {
	elsewhere.Go()
}
