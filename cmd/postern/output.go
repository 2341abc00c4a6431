package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
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
		c := csv.NewWriter(w)
		c.UseCRLF = true
		_ = c.Write(header) // errors stay in the writer
		for _, cells := range rows {
			for i, cell := range cells {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					cells[i] = "'" + cell
				}
			}
			_ = c.Write(cells)
		}
		c.Flush()
		return c.Error()
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(header, "\t"))
	for _, cells := range rows {
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}
