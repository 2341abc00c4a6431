package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"postern/shared/csvfile"
)

// checkOutput refuses an --output that there is not.
func (o *clientOptions) checkOutput() error {
	if !slices.Contains([]string{"table", "json", "csv"}, o.output) {
		return &exitError{exitUsage, errors.New("--output is table, json or csv")}
	}
	return nil
}

// printRows writes all as JSON, or rows as a table for people, or as CSV with a guard against formulas (details 33).
func printRows(w io.Writer, output string, all any, header []string, rows [][]string) error {
	switch output {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(all)
	case "csv":
		c := csvfile.NewWriter(w)
		c.Write(header)
		for _, cells := range rows {
			c.Write(cells)
		}
		return c.Flush()
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(header, "\t"))
	for _, cells := range rows {
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}
