// Command onaws measures what Postern costs on AWS, as far as one machine can show it, in one run: the size and the start of each
// function beside an empty one, and what DynamoDB is asked for each thing that people do. `make bench` runs it with DynamoDB
// Local beside it.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := functions(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
