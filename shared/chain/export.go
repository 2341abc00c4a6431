package chain

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"postern/shared/csvfile"
)

// Columns are the columns of an export. Those for people come first; from accountId on they are for verifying, those of the
// head are filled in one row alone.
var Columns = []string{
	"seq", "at", "type", "actor", "operatorId", "detail",
	"accountId", "id", "version", "prev", "hash", "headSeq", "headHash", "headAt", "headSignature",
}

const (
	colSeq = iota
	colAt
	colType
	colActor
	colOperatorID
	colDetail
	colAccount
	colID
	colVersion
	colPrev
	colHash
	colHeadSeq
	colHeadHash
	colHeadAt
	colHeadSignature
	columns
)

// exportTime is how exports write times: UTC, in milliseconds.
const exportTime = "2006-01-02T15:04:05.000Z"

// Row is a row of an export.
type Row struct {
	Sealed                 // Seq 0: not sealed yet, then Version, Prev and Hash are zero
	Head       *SignedHead // in one row, the first; nil when nothing is sealed yet
	unreadable bool        // something of it is not as it was written
}

// Readable reports whether every cell of the row is as an [Exporter] writes it.
func (r Row) Readable() bool { return !r.unreadable }

// Exporter writes an export, a CSV file (details 33).
type Exporter struct {
	csv   *csvfile.Writer
	cells []string
}

// NewExporter writes to w. An export may be written in parts: header says whether this one begins it.
func NewExporter(w io.Writer, header bool) *Exporter {
	x := &Exporter{csv: csvfile.NewWriter(w), cells: make([]string, columns)}
	if header {
		x.csv.Write(Columns)
	}
	return x
}

// Write writes a row.
func (x *Exporter) Write(r Row) {
	c := x.cells
	clear(c)
	c[colAt] = r.At.UTC().Format(exportTime)
	c[colType], c[colActor], c[colOperatorID] = r.Type, r.Actor, r.OperatorID
	c[colDetail] = string(detailText(r.Detail))
	c[colAccount], c[colID] = r.Account, r.ID
	if r.Seq > 0 {
		c[colSeq], c[colVersion] = strconv.FormatInt(r.Seq, 10), strconv.Itoa(r.Version)
		c[colPrev], c[colHash] = hex.EncodeToString(r.Prev[:]), hex.EncodeToString(r.Hash[:])
	}
	if h := r.Head; h != nil {
		c[colHeadSeq], c[colHeadHash] = strconv.FormatInt(h.Seq, 10), hex.EncodeToString(h.Hash[:])
		c[colHeadAt], c[colHeadSignature] = h.At.UTC().Format(exportTime), hex.EncodeToString(h.Signature)
	}
	x.csv.Write(c)
}

// Flush writes what is left, and reports what went wrong.
func (x *Exporter) Flush() error { return x.csv.Flush() }

// detailText is a detail as a JSON object, names in order.
func detailText(d map[string]string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	text := func(s string) {
		_ = e.Encode(s) // into memory
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(d)) {
		if i > 0 {
			b.WriteByte(',')
		}
		text(name)
		b.WriteByte(':')
		text(d[name])
	}
	b.WriteByte('}')
	return b.Bytes()
}

// plainDetail reads what detailText wrote if nothing of it is escaped, several times as fast as package json does. nil: it is not so.
func plainDetail(s string) map[string]string {
	d := map[string]string{}
	if s == "{}" {
		return d
	}
	if !strings.HasPrefix(s, "{") || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r == '\\' || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
	}) {
		return nil
	}
	last := ""
	for s != "}" {
		name, rest, ok := strings.Cut(s[1:], `":"`)
		value, rest, also := strings.Cut(rest, `"`)
		if !ok || !also || !strings.HasPrefix(name, `"`) || strings.Contains(name[1:], `"`) || rest == "" || rest[0] != ',' && rest != "}" {
			return nil
		}
		if name = name[1:]; len(d) > 0 && name <= last {
			return nil
		}
		d[name], last, s = value, name, rest
	}
	return d
}

// ErrNoExport says that a file is no export of notices: another kind of file, or one that lost its form.
var ErrNoExport = errors.New("this is no export of notices")

// ReadExport reads the rows of an export. After an error there are no more; [ErrNoExport] names the line.
func ReadExport(r io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		c := csv.NewReader(r)
		c.FieldsPerRecord, c.ReuseRecord = columns, true
		for n := 0; ; n++ {
			cells, err := c.Read()
			if err == io.EOF && n > 0 {
				return
			}
			var row Row
			switch parse := (*csv.ParseError)(nil); {
			case errors.As(err, &parse):
				err = fmt.Errorf("%w: line %d: %w", ErrNoExport, parse.Line, parse.Err)
			case err == io.EOF:
				err = fmt.Errorf("%w: it is empty", ErrNoExport)
			case err != nil:
				err = fmt.Errorf("read export: %w", err)
			case n == 0 && !slices.Equal(cells, Columns):
				err = fmt.Errorf("%w: its first line is not %s", ErrNoExport, strings.Join(Columns, ","))
			case n == 0:
				continue
			default:
				if row, err = readRow(cells); err != nil {
					line, _ := c.FieldPos(0)
					err = fmt.Errorf("%w: line %d: %w", ErrNoExport, line, err)
				}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// readRow reads a row. An error means that its number cannot be read; anything else that is not as it was written makes the
// row unreadable, which a Verifier's user tells by its number.
func readRow(c []string) (Row, error) {
	for i := range c {
		c[i] = csvfile.Unguard(c[i])
	}
	r := Row{Sealed: Sealed{Entry: Entry{
		Account: c[colAccount], ID: c[colID], Type: c[colType], Actor: c[colActor], OperatorID: c[colOperatorID],
	}}}
	var ok bool
	r.At, ok = readTime(c[colAt])
	if r.Detail = plainDetail(c[colDetail]); r.Detail == nil {
		// As it was written, byte for byte: of two values under one name readers choose differently.
		err := json.Unmarshal([]byte(c[colDetail]), &r.Detail)
		ok = ok && err == nil && string(detailText(r.Detail)) == c[colDetail]
	}
	if c[colSeq] != "" {
		var err error
		if r.Seq, err = strconv.ParseInt(c[colSeq], 10, 64); err != nil || r.Seq < 1 {
			return Row{}, fmt.Errorf("seq %q is no number of an entry", c[colSeq])
		}
		r.Version, err = strconv.Atoi(c[colVersion])
		ok = ok && err == nil && readHash(&r.Prev, c[colPrev]) && readHash(&r.Hash, c[colHash])
	}
	if c[colHeadSeq] != "" {
		h := &SignedHead{Head: Head{Account: r.Account}}
		var err [2]error
		h.Seq, err[0] = strconv.ParseInt(c[colHeadSeq], 10, 64)
		h.Signature, err[1] = hex.DecodeString(c[colHeadSignature])
		at, fine := readTime(c[colHeadAt])
		if h.At = at; errors.Join(err[:]...) != nil || !fine || h.Seq < 1 || !readHash(&h.Hash, c[colHeadHash]) {
			return Row{}, errors.New("the signed head cannot be read")
		}
		r.Head = h
	}
	r.unreadable = !ok
	return r, nil
}

func readTime(cell string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, cell)
	return t, err == nil && len(cell) == len(exportTime) && cell[len(cell)-5] == '.' && cell[len(cell)-1] == 'Z'
}

func readHash(h *Hash, cell string) bool {
	if len(cell) != hex.EncodedLen(len(h)) {
		return false
	}
	_, err := hex.Decode(h[:], []byte(cell))
	return err == nil
}

// Report is what came of verifying a log.
type Report struct {
	Account  string
	Entries  int64     // sealed entries
	Unsealed int64     // entries that wait to be sealed; they are not protected yet
	SealedTo int64     // number of the head; 0: nothing is sealed
	SealedAt time.Time // when the head was signed
	Bad      *Bad      // nil: every entry is the one that was sealed
}

// VerifyExport verifies an export. signed reports whether a head's signature is right. An error means that the file could not be
// read to its end: [ErrNoExport], or what reading it ended in.
func VerifyExport(r io.Reader, signed func(SignedHead) bool) (Report, error) {
	var report Report
	var v *Verifier
	var head SignedHead
	for row, err := range ReadExport(r) {
		if err != nil {
			return report, err
		}
		if v == nil {
			report.Account = row.Account
			v = NewVerifier(row.Account)
		}
		if row.Head != nil {
			if head.Seq > 0 {
				return report, fmt.Errorf("%w: it has more than one head", ErrNoExport)
			}
			head = *row.Head
		}
		switch {
		case row.Seq == 0:
			report.Unsealed++
			continue
		case !row.Readable(), row.Account != report.Account:
			row.Version = 0 // found to be altered
		}
		v.Add(row.Sealed)
	}
	if v == nil { // an account's log begins with its making: an empty one was cut
		report.Bad = &Bad{1, Missing}
		return report, nil
	}
	report.Entries, report.SealedTo, report.SealedAt = v.Entries(), head.Seq, head.At
	head.Account = report.Account
	report.Bad = v.Check(head.Head, head.Seq > 0 && signed(head))
	return report, nil
}
