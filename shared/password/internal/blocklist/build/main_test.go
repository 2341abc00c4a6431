package main

import (
	"bytes"
	"os"
	"testing"

	"postern/shared/password/internal/blocklist"
)

// Somebody who changes the list, or how it is looked up, has to build the filter anew.
func TestFilterIsOfTheList(t *testing.T) {
	list, err := read("../passwords.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	want, err := build(list)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../passwords.fuse16")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("passwords.fuse16 is not what passwords.txt.gz gives: go generate ./shared/password/internal/blocklist")
	}
	for _, pw := range list {
		if !blocklist.Has(pw) {
			t.Errorf("Has(%q): got false, want true", pw)
		}
		if len(pw) > 4 && !blocklist.Has(pw+"!") {
			t.Errorf("Has(%q): got false, want true", pw+"!")
		}
	}
}
