// Command onaws measures what Postern costs on AWS, as far as one machine can show it, in one run: the size and the start of each
// function beside an empty one, and what DynamoDB is asked for each thing that people do. `make bench` runs it with DynamoDB
// Local beside it; "functions" as the only argument leaves that part out.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	err := functions()
	if err == nil && len(os.Args) < 2 {
		err = requests(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
