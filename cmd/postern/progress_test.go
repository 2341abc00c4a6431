package main

import (
	"strings"
	"testing"
)

func TestProgress(t *testing.T) {
	var b strings.Builder
	p := &progress{to: &b, total: 200}
	p.show(0)
	p.show(50)
	p.show(200)
	p.end()
	want := "\r[" + strings.Repeat(".", 40) + "] 0 of 200\r[" + strings.Repeat("#", 10) + strings.Repeat(".", 30) + "] 50 of 200\r[" + strings.Repeat("#", 40) + "] 200 of 200\r\x1b[K"
	if b.String() != want {
		t.Errorf("shown: %q, want %q", b.String(), want)
	}
	nowhere := newProgress(3) // go test has no terminal
	nowhere.show(1)
	nowhere.end()
	if nowhere.to != nil {
		t.Error("a bar on what is no terminal")
	}
}
