package totp

import (
	"encoding/base32"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"postern/shared/csvfile"
)

// Seed is what makers of hardware tokens hand over with each of them. Files of seeds are read here (CSV) and in package pskc;
// whether what they hold can be used is for the caller to say.
type Seed struct {
	Row       int // in the file, from 1
	Serial    string
	Secret    Secret
	Digits    int
	Period    int // seconds
	Algorithm Algorithm
	Drift     time.Duration // how far the device's clock is ahead
	Err       *SeedError    // what is wrong with this row; of the rest only Row can be relied on then
}

// SeedError says what is wrong with a seed, or a file of them. Code is a key of languages without its prefix "field.", Params fill
// its message.
type SeedError struct {
	Field  string // "serial", "secret", ..., or "" for the row as a whole
	Code   string
	Params map[string]string
}

func (e *SeedError) Error() string { return "seed: " + strings.TrimPrefix(e.Field+" "+e.Code, " ") }

// Encodings of secrets.
const (
	EncodingBase32 = "base32"
	EncodingHex    = "hex"
)

// DecodeSecret reads a secret as makers print it: case, spaces and hyphens aside; base32 (RFC 4648, section 6) with or without
// its padding. ok is false for what is not written so, to the last bit, and for another encoding.
func DecodeSecret(encoding, text string) (s Secret, ok bool) {
	text = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text))
	switch encoding {
	case EncodingHex:
		raw, err := hex.DecodeString(text)
		return raw, err == nil && len(raw) > 0
	case EncodingBase32:
		text = strings.TrimRight(text, "=")
		raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
		return raw, err == nil && len(raw) > 0 && Base32(raw) == text
	}
	return nil, false
}

// Defaults of what a seed leaves out (details 29).
const (
	SeedDigits = 6
	SeedPeriod = 60 // seconds; of PSKC 30
)

// ReadSeeds reads a CSV file with the columns serial, secret, encoding, and if the file has them digits, period, algorithm.
//
// An error is about the whole file: [csvfile.ErrTooManyRows] or a [*csvfile.Error].
func ReadSeeds(content []byte, maxRows int) ([]Seed, error) {
	format := csvfile.Format{MaxRows: maxRows, MaxCell: 400, Columns: []csvfile.Column{
		{Name: "serial"}, {Name: "secret"}, {Name: "encoding"},
		{Name: "digits", Optional: true}, {Name: "period", Optional: true}, {Name: "algorithm", Optional: true},
	}}
	rows, err := format.Read(content)
	if err != nil {
		return nil, err
	}
	seeds := make([]Seed, len(rows))
	for i, row := range rows {
		seeds[i] = readSeed(row)
		seeds[i].Row = row.Number
	}
	return seeds, nil
}

func readSeed(row csvfile.Row) Seed {
	if e := row.Err; e != nil {
		return Seed{Err: &SeedError{e.Column, e.Code, e.Params}}
	}
	cell := func(name string) string { return strings.TrimSpace(row.Cell(name)) }
	for _, name := range []string{"serial", "secret", "encoding"} {
		if cell(name) == "" {
			return Seed{Err: &SeedError{Field: name, Code: "missing"}}
		}
	}
	s := Seed{Serial: cell("serial"), Digits: SeedDigits, Period: SeedPeriod, Algorithm: SHA1}
	encoding := strings.ToLower(cell("encoding"))
	if encoding != EncodingBase32 && encoding != EncodingHex {
		return Seed{Err: &SeedError{Field: "encoding", Code: "unknown_value"}}
	}
	var ok bool
	switch s.Secret, ok = DecodeSecret(encoding, cell("secret")); {
	case !ok && encoding == EncodingHex:
		return Seed{Err: &SeedError{Field: "secret", Code: "not_hex"}}
	case !ok:
		return Seed{Err: &SeedError{Field: "secret", Code: "not_base32"}}
	}
	for _, n := range []struct {
		name string
		to   *int
	}{{"digits", &s.Digits}, {"period", &s.Period}} {
		if cell(n.name) == "" {
			continue
		}
		var err error
		if *n.to, err = strconv.Atoi(cell(n.name)); err != nil {
			return Seed{Err: &SeedError{Field: n.name, Code: "not_a_number"}}
		}
	}
	if a := cell("algorithm"); a != "" {
		s.Algorithm = Algorithm(strings.ToUpper(a))
	}
	return s
}
