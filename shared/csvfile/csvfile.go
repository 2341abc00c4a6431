// Package csvfile reads the CSV files that people hand in, as spreadsheets really save them, and writes those that they get:
// RFC 4180, with a guard against formulas (details 33). What the columns mean is the caller's.
package csvfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxCells is how many cells a line, or a row of several lines, may seem to have. It is far more than any format here has columns, and
// keeps a file of nothing but commas from taking a hundred times its size in memory.
const maxCells = 100

// Format says what a kind of file holds.
type Format struct {
	Columns []Column
	MaxRows int // without the header
	MaxCell int // bytes
}

// Column is a column of a file, named in its first line, in any order, case and white space around it aside.
type Column struct {
	Name     string
	Optional bool // a file may lack it
}

// Row is a row of a file. Number counts from 1, the first after the header; blank lines are not counted.
type Row struct {
	Number int
	Err    *Error // what is wrong with the form of this row alone; its cells cannot be relied on then
	cells  map[string]string
}

// Cell is what stands in a column, "" if nothing does, or if the file lacks the column.
func (r Row) Cell(column string) string { return r.cells[column] }

// Error says what is wrong with a file, or with one row. Code is a key of languages without its prefix "field.", and Params
// fill its message. Column is the column that it is about, or "".
type Error struct {
	Code   string
	Column string
	Params map[string]string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("CSV: " + e.Code)
	if e.Column != "" {
		b.WriteString(" column " + e.Column)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Params)) {
		b.WriteString(" " + name + "=" + e.Params[name])
	}
	return b.String()
}

// ErrTooManyRows says that a file has more rows than its format allows.
var ErrTooManyRows = errors.New("CSV: too many rows")

// Read gives all rows of a file: UTF-8 with or without a byte order mark, separated by commas, semicolons or tabs, whichever
// splits the first line best. A row with fewer cells than columns has nothing in the others. Guards against formulas are
// taken away; nothing else of a cell is changed.
//
// An error is about the whole file, which is then read no further: [ErrTooManyRows] or an [*Error].
func (f Format) Read(content []byte) ([]Row, error) {
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil, &Error{Code: "csv_not_utf8"}
	}
	separator, err := separator(content)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(content))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = separator, -1, true
	first, err := r.Read()
	if err != nil {
		return nil, unreadable(err)
	}
	names, err := f.header(first)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if !slices.ContainsFunc(cells, func(c string) bool { return c != "" }) {
			continue // spreadsheets leave such rows at the end
		}
		if len(rows) == f.MaxRows {
			return nil, ErrTooManyRows
		}
		rows = append(rows, f.row(len(rows)+1, names, cells))
	}
}

// separator finds what stands between the cells. It refuses lines and rows with too many of them before they are read.
func separator(content []byte) (rune, error) {
	best, most := byte(','), 0
	first, _, _ := bytes.Cut(bytes.TrimLeft(content, "\r\n"), []byte("\n"))
	for _, c := range []byte(",;\t") {
		if n := bytes.Count(first, []byte{c}); n > most {
			best, most = c, n
		}
	}
	line, begin, cells, quotes := 0, 0, 0, 0
	for l := range bytes.Lines(content) {
		line++
		if quotes%2 == 0 { // else it goes on with a cell in quotes, and belongs to the row before
			begin, cells = line, 0
		}
		n := bytes.Count(l, []byte{best})
		if cells += n; n >= maxCells {
			return 0, &Error{Code: "csv_too_wide", Params: map[string]string{"line": strconv.Itoa(line)}}
		}
		if cells >= maxCells {
			return 0, malformed(begin)
		}
		quotes += bytes.Count(l, []byte{'"'})
	}
	return rune(best), nil
}

func unreadable(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return malformed(parse.StartLine)
	}
	return &Error{Code: "csv_empty"} // reading memory ends in nothing else
}

// malformed is about the row that begins in a line: where a quotation mark is missing, the reader may have gone on far beyond it.
func malformed(line int) error {
	return &Error{Code: "csv_malformed", Params: map[string]string{"line": strconv.Itoa(line)}}
}

// header gives the name of each column of a file, from its first line.
func (f Format) header(cells []string) ([]string, error) {
	known := make([]string, len(f.Columns))
	for i, c := range f.Columns {
		known[i] = c.Name
	}
	refuse := func(code, column string) error {
		if len(column) > 40 {
			column = strings.ToValidUTF8(column[:40], "")
		}
		return &Error{Code: code, Column: column, Params: map[string]string{"column": column, "columns": strings.Join(known, ",")}}
	}
	var names []string
	for _, cell := range cells {
		name := strings.TrimSpace(Unguard(cell))
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
		switch {
		case name == "":
			names = append(names, "") // with nothing below it, it is no column
		case i < 0:
			return nil, refuse("csv_unknown_column", name)
		case slices.Contains(names, known[i]):
			return nil, refuse("csv_duplicate_column", known[i])
		default:
			names = append(names, known[i])
		}
	}
	for _, c := range f.Columns {
		if !c.Optional && !slices.Contains(names, c.Name) {
			return nil, refuse("csv_missing_column", c.Name)
		}
	}
	return names, nil
}

// row gives a row its names. cells is the reader's, and used again for the next.
func (f Format) row(number int, names, cells []string) Row {
	row := Row{Number: number, cells: make(map[string]string, len(names))}
	for i, cell := range cells {
		switch {
		case cell == "":
		case i >= len(names) || names[i] == "":
			row.Err = &Error{Code: "csv_cell_without_column"}
			return row
		case len(cell) > f.MaxCell:
			row.Err = &Error{Code: "too_long", Column: names[i], Params: map[string]string{"max": strconv.Itoa(f.MaxCell)}}
			return row
		default:
			row.cells[names[i]] = Unguard(cell)
		}
	}
	return row
}

// Writer writes a file: CRLF, UTF-8 without byte order mark, each cell guarded.
type Writer struct {
	csv     *csv.Writer
	guarded []string
}

// NewWriter writes to w.
func NewWriter(w io.Writer) *Writer {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return &Writer{csv: c}
}

// Write writes a line. What goes wrong is reported by Flush.
func (w *Writer) Write(cells []string) {
	w.guarded = w.guarded[:0]
	for _, c := range cells {
		w.guarded = append(w.guarded, Guard(c))
	}
	_ = w.csv.Write(w.guarded)
}

// Flush writes what is left, and reports what went wrong.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

// Guard puts an apostrophe before what a spreadsheet would take for a formula (details 33), and before what looks guarded
// already, so that [Unguard] gives back exactly what was there.
func Guard(cell string) string {
	if formula(strings.TrimLeft(cell, "'")) {
		return "'" + cell
	}
	return cell
}

// Unguard takes one such apostrophe away.
func Unguard(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && formula(strings.TrimLeft(rest, "'")) {
		return rest
	}
	return cell
}

func formula(cell string) bool { return cell != "" && strings.IndexByte("=+-@\t\r", cell[0]) >= 0 }
