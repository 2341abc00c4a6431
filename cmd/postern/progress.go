package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// progress is a bar on standard error, if that is a terminal; elsewhere it is nothing.
type progress struct {
	to    io.Writer // nil: nowhere
	total int
}

func newProgress(total int) *progress {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return &progress{total: total}
	}
	return &progress{to: os.Stderr, total: total}
}

// show says how much is done.
func (p *progress) show(done int) {
	if p.to == nil || p.total == 0 {
		return
	}
	const width = 40
	full := width * done / p.total
	fmt.Fprintf(p.to, "\r[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(".", width-full), done, p.total)
}

// end makes room for what is said next.
func (p *progress) end() {
	if p.to != nil {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
