package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
)

var people = Format{Columns: []Column{{Name: "name"}, {Name: "givenName"}, {Name: "note", Optional: true}}, MaxRows: 3, MaxCell: 20}

func read(t *testing.T, content string) []Row {
	t.Helper()
	rows, err := people.Read([]byte(content))
	if err != nil {
		t.Fatalf("Read %q: %v", content, err)
	}
	return rows
}

// What spreadsheets and programs make of one and the same table.
func TestFormsOfOneTable(t *testing.T) {
	for name, content := range map[string]string{
		"commas":                    "name,givenName,note\nDoe,Jane,hi\n",
		"CRLF, no end":              "name,givenName,note\r\nDoe,Jane,hi",
		"byte order mark":           "\uFEFFname,givenName,note\r\nDoe,Jane,hi\r\n",
		"semicolons":                "name;givenName;note\nDoe;Jane;hi\n",
		"tabs":                      "name\tgivenName\tnote\nDoe\tJane\thi\n",
		"quoted":                    "\"name\",\"givenName\",\"note\"\n\"Doe\",\"Jane\",\"hi\"\n",
		"another order, other case": "NOTE, GIVENNAME ,Name\nhi,Jane,Doe\n",
		"empty columns and rows":    "\n\nname,givenName,note,,\n\n,,,,\nDoe,Jane,hi,,\n,,,,\n",
	} {
		t.Run(name, func(t *testing.T) {
			rows := read(t, content)
			if len(rows) != 1 || rows[0].Number != 1 || rows[0].Err != nil {
				t.Fatalf("Read %q: %+v, want one good row", content, rows)
			}
			got := rows[0].Cell("name") + "/" + rows[0].Cell("givenName") + "/" + rows[0].Cell("note")
			if got != "Doe/Jane/hi" {
				t.Errorf("Read %q: cells %s, want Doe/Jane/hi", content, got)
			}
		})
	}
}

func TestCellsAreAsWritten(t *testing.T) {
	rows := read(t, "name,givenName,note\n\" a \",\"x;\"\"y\"\"\",\"two\r\nlines\"\nÄ,'=1+1,'quoted'\nshort,row\n")
	want := []map[string]string{
		{"name": " a ", "givenName": `x;"y"`, "note": "two\nlines"}, {"name": "Ä", "givenName": "=1+1", "note": "'quoted'"}, {"name": "short", "givenName": "row"},
	}
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for i, row := range rows {
		if row.Number != i+1 || row.Err != nil || !maps.Equal(row.cells, want[i]) {
			t.Errorf("row %d: %+v, want %v", i+1, row, want[i])
		}
	}
}

// A row that is wrong in itself leaves the others alone.
func TestWrongRows(t *testing.T) {
	rows := read(t, "name,givenName\na,b,c\n"+strings.Repeat("x", 21)+",b\nc,d\n")
	for i, code := range []string{"csv_cell_without_column", "too_long", ""} {
		switch {
		case code == "" && rows[i].Err != nil:
			t.Errorf("row %d: %v, want none", i+1, rows[i].Err)
		case code != "" && (rows[i].Err == nil || rows[i].Err.Code != code):
			t.Errorf("row %d: %v, want %s", i+1, rows[i].Err, code)
		}
	}
}

// What is no such file is one error, which says what to do.
func TestWrongFiles(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"empty":             {"", "csv_empty"},
		"blank":             {"\n\r\n", "csv_empty"},
		"only a BOM":        {"\uFEFF", "csv_empty"},
		"UTF-16":            {"\xFF\xFEn\x00a\x00m\x00e\x00", "csv_not_utf8"},
		"a zip":             {"PK\x03\x04\x14\x00\x06\x00", "csv_not_utf8"},
		"Latin-1":           {"name,givenName\nM\xFCller,Jane\n", "csv_not_utf8"},
		"JSON":              {`{"name":"Doe"}`, "csv_malformed"},
		"XML":               {"<?xml?>\n<a/>", "csv_unknown_column"},
		"no header":         {"Doe,Jane\n", "csv_unknown_column"},
		"unknown column":    {"name,givenName,shoe\n", "csv_unknown_column"},
		"missing column":    {"name,note\n", "csv_missing_column"},
		"duplicate column":  {"name,givenName,NAME\n", "csv_duplicate_column"},
		"open quote":        {"name,givenName\na,b\n\"c,d\n", "csv_malformed"},
		"stray quote":       {"name,givenName\na\"b,c\n", "csv_malformed"},
		"a million columns": {"name,givenName" + strings.Repeat(",", 1_000_000), "csv_too_wide"},
		"a million cells":   {"name,givenName\n" + strings.Repeat(",", 1_000_000), "csv_too_wide"},
		"a long header":     {"name,givenName" + strings.Repeat(strings.Repeat(",", 90)+"\"\n\"", 10_000) + "\n", "csv_malformed"},
		"a long row":        {"name,givenName\n" + strings.Repeat(strings.Repeat(",", 90)+"\"\n\"", 10_000) + "\n", "csv_malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := people.Read([]byte(c.content))
			if e, ok := errors.AsType[*Error](err); !ok || e.Code != c.want || rows != nil {
				t.Errorf("Read: %d rows, %v, want %s", len(rows), err, c.want)
			}
		})
	}
	if rows, err := people.Read([]byte("name,givenName\na,b\na,b\na,b\na,b\n")); err != ErrTooManyRows || rows != nil {
		t.Errorf("4 rows of 3: %v, %v", rows, err)
	}
	if rows, err := people.Read([]byte("name,givenName\n")); err != nil || len(rows) != 0 {
		t.Errorf("a header alone: %v, %v, want no rows", rows, err)
	}
}

// The longest file that is let in takes no more than a few times its size.
func TestMemoryIsBounded(t *testing.T) {
	for name, line := range map[string]string{"commas": strings.Repeat(",", maxCells-1) + "\n", "short lines": "a\n", "quotes": "\"\"\n"} {
		content := []byte("name,givenName\n" + strings.Repeat(line, 5<<20/len(line)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = people.Read(content)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
			t.Errorf("%s: %d MiB for 5 MiB", name, used>>20)
		}
	}
}

// What is written is read again as it was, and no spreadsheet takes it for a formula.
func TestGuardedAndBack(t *testing.T) {
	cells := []string{"", "a", "=1+1", "+1", "-1", "@a", "\ta", "\ra", "'", "'a", "'=1", "''=1", "a=1", "ä", `"`, "a,b;c"}
	for _, cell := range cells {
		g := Guard(cell)
		if formula(g) {
			t.Errorf("Guard %q: %q begins a formula", cell, g)
		}
		if back := Unguard(g); back != cell {
			t.Errorf("Guard and Unguard %q: %q", cell, back)
		}
	}
	var b bytes.Buffer
	w := NewWriter(&b)
	w.Write([]string{"name", "givenName"})
	w.Write([]string{"=1", `a "b"`})
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "name,givenName\r\n'=1,\"a \"\"b\"\"\"\r\n"; b.String() != want {
		t.Errorf("written %q, want %q", b.String(), want)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"name,givenName\na,b\n", "name;givenName\n\"a\";b", "\uFEFFname\tgivenName\r\n'=a\tb\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, content string) {
		rows, err := people.Read([]byte(content))
		if err != nil && rows != nil {
			t.Fatalf("Read %q: rows and %v", content, err)
		}
		if len(rows) > people.MaxRows {
			t.Fatalf("Read %q: %d rows", content, len(rows))
		}
		// What was read is written, and read again as the same.
		var b bytes.Buffer
		w := NewWriter(&b)
		w.Write([]string{"name", "givenName", "note"})
		for _, r := range rows {
			if r.Err != nil {
				return
			}
			w.Write([]string{r.Cell("name"), r.Cell("givenName"), r.Cell("note")})
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		again, err := people.Read(b.Bytes())
		if rows != nil && err == nil && fmt.Sprint(cellsOf(again)) != fmt.Sprint(cellsOf(rows)) {
			t.Fatalf("Read %q: %v, again %v", content, cellsOf(rows), cellsOf(again))
		}
	})
}

func cellsOf(rows []Row) (all []map[string]string) {
	for _, r := range rows {
		all = append(all, r.cells)
	}
	return all
}

// A quotation mark that is missing is told where its row begins, however far the reader went to look for it.
func TestMissingQuoteIsToldWhereItIs(t *testing.T) {
	for name, content := range map[string]string{
		"to the end":       "name,givenName\na,b\n\"c,d\ne,f\ng,h\n",
		"to the next":      "name,givenName\na,b\n\"c,d\ne,f\n\"g\",h\n",
		"of a stray one":   "name,givenName\na,b\nc\",d\ne,f\n" + strings.Repeat("g,h\n", 200),
		"for a long while": "name,givenName\na,b\n\"c,d\n" + strings.Repeat("e,f\n", 200),
	} {
		_, err := people.Read([]byte(content))
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != "csv_malformed" || e.Params["line"] != "3" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
