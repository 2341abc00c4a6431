// Command build makes passwords.fuse16 from passwords.txt.gz, both in the working directory. See ../README.md.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"log"
	"os"
	"slices"

	"github.com/FastFilter/xorfilter"

	"postern/shared/password/internal/blocklist"
)

func main() {
	list, err := read("passwords.txt.gz")
	if err != nil {
		log.Fatal(err)
	}
	filter, err := build(list)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("passwords.fuse16", filter, 0o644); err != nil {
		log.Fatal(err)
	}
}

// read gives the lines of a gzipped file.
func read(name string) ([]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open list: %w", err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("unzip list: %w", err)
	}
	var list []string
	lines := bufio.NewScanner(unzipped)
	for lines.Scan() {
		list = append(list, lines.Text())
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read list: %w", err)
	}
	return list, nil
}

// build gives the serialized filter of list. The same list always gives the same bytes.
func build(list []string) ([]byte, error) {
	keys := make([]uint64, len(list))
	for i, pw := range list {
		keys[i] = blocklist.Key(blocklist.Fold(pw))
	}
	slices.Sort(keys)
	f, err := xorfilter.NewBinaryFuse[uint16](slices.Compact(keys))
	if err != nil {
		return nil, fmt.Errorf("build filter: %w", err)
	}
	var out bytes.Buffer
	if err := f.Save(&out); err != nil {
		return nil, fmt.Errorf("serialize filter: %w", err)
	}
	return out.Bytes(), nil
}
