package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"postern/shared/atomicfile"
	"postern/shared/csvfile"
)

// resume is what an import is gone on with after it was cut off. It stands beside the report until that is whole.
type resume struct {
	Key     string `json:"key"` // Idempotency-Key: the service answers the same for it, however often it is asked
	Account string `json:"account"`
	File    string `json:"file"` // SHA-256 of what is imported, in hex
}

func (im *operatorsImport) resumeFile() string { return im.report + ".resume" }

// begin takes up an import that was cut off, or starts a report: there must be none yet.
func (im *operatorsImport) begin(content []byte) error {
	sum := sha256.Sum256(content)
	im.resume = resume{Key: rand.Text(), Account: im.account, File: hex.EncodeToString(sum[:])}
	raw, err := os.ReadFile(im.resumeFile())
	switch {
	case err == nil && len(raw) > 0: // empty: cut off as it was made, before anything was sent
		return im.goOn(raw)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return &exitError{exitUsage, fmt.Errorf("--report: %w", err)}
	}
	if _, err := os.Lstat(im.report); err == nil {
		return &exitError{exitUsage, fmt.Errorf("--report: %s is there already, and whole: name another file, or move it away", im.report)}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitUsage, fmt.Errorf("--report: %w", err)}
	}
	if raw, err = json.Marshal(im.resume); err != nil {
		return err
	}
	if err := atomicfile.Write(im.resumeFile(), raw); err != nil {
		return &exitError{exitUsage, fmt.Errorf("--report: %w", err)}
	}
	f, err := os.OpenFile(im.report, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // nobody else's, whatever happened meanwhile
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--report: %w", err)}
	}
	return errors.Join(f.Close(), im.writeReport())
}

// goOn takes up an import that was cut off: raw is what was kept of it.
func (im *operatorsImport) goOn(raw []byte) error {
	refuse := func(what string) error {
		return &exitError{exitUsage, fmt.Errorf("--report: %s belongs to %s: name another report, or remove it if that import is given up", im.resumeFile(), what)}
	}
	var kept resume
	if err := json.Unmarshal(raw, &kept); err != nil || kept.Key == "" {
		return refuse("no import that can be gone on with")
	}
	if kept.Account != im.resume.Account || kept.File != im.resume.File {
		return refuse("an import of another file, or into another account")
	}
	im.resume, im.goesOn = kept, true
	report, err := os.ReadFile(im.report)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(report) == 0 {
		return im.writeReport() // it was cut off in between
	}
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--report: %w", err)}
	}
	lines, err := reportFormat.Read(report)
	if err != nil || len(lines) > len(im.rows) {
		return refuse("a report that is not as it was written")
	}
	for i, l := range lines {
		if l.Err != nil || l.Cell("row") != strconv.Itoa(im.rows[i].Number) {
			return refuse("a report that is not as it was written")
		}
		im.keep([]importedRow{{im.rows[i].Number, l.Cell("username"), l.Cell("result"), l.Cell("message"), l.Cell("temporaryPassword")}})
	}
	return nil
}

var reportFormat = csvfile.Format{
	Columns: []csvfile.Column{{Name: "row"}, {Name: "username"}, {Name: "result"}, {Name: "message"}, {Name: "temporaryPassword"}},
	MaxRows: importRows, MaxCell: 16 << 10,
}

// writeReport writes what is known, as a whole: a report that was cut off is the one before.
func (im *operatorsImport) writeReport() error {
	var b bytes.Buffer
	w := csvfile.NewWriter(&b)
	w.Write(columnNames(reportFormat))
	for _, r := range im.done {
		w.Write([]string{strconv.Itoa(r.Row), r.Username, r.Result, r.Message, r.password})
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return atomicfile.Write(im.report, b.Bytes())
}

func columnNames(f csvfile.Format) (names []string) {
	for _, c := range f.Columns {
		names = append(names, c.Name)
	}
	return names
}

// giveUp removes the report of an import that did nothing.
func (im *operatorsImport) giveUp() bool {
	return os.Remove(im.report) == nil && os.Remove(im.resumeFile()) == nil
}

// end removes what an import is gone on with: its report is whole.
func (im *operatorsImport) end() error {
	if err := os.Remove(im.resumeFile()); err != nil {
		return fmt.Errorf("the report %s is whole, but: %w", im.report, err)
	}
	return nil
}
