package access

import (
	"errors"
	"slices"

	"postern/shared/csvfile"
)

// MaxImportRows is how many rows one import may hold (api.md: payload_too_large).
const MaxImportRows = 10_000

// ImportReport says what an import did; of a dry run, what it would do. Each row is on its own: good ones are made, bad ones
// are reported.
type ImportReport struct {
	Rows      int // in the file
	Created   int
	Unchanged int // were there already, just so: a file may be imported again
	Errors    []RowError
}

// RowError says what is wrong with one row of a file. Row counts from 1, the first after the header; for PSKC it is the ordinal
// of the KeyPackage (details 29).
type RowError struct {
	Row int
	FieldError
}

// wrong reports what is wrong with a row, if anything.
func (r *ImportReport) wrong(row int, bad ...FieldError) {
	for _, f := range bad {
		r.Errors = append(r.Errors, RowError{row, f})
	}
}

// maxRowErrors is how many errors a report tells: a function on AWS answers with 6 MB at the most. Of more, each row's first is told.
const maxRowErrors = 15_000

// sort puts the errors into the order of the file, each row's as they were found.
func (r *ImportReport) sort() {
	slices.SortStableFunc(r.Errors, func(a, b RowError) int { return a.Row - b.Row })
	if len(r.Errors) > maxRowErrors {
		r.Errors = slices.CompactFunc(r.Errors, func(a, b RowError) bool { return a.Row == b.Row })
	}
}

// fileRefused makes a refusal of what is wrong with a whole CSV file.
func fileRefused(err error) error {
	if e, ok := errors.AsType[*csvfile.Error](err); ok {
		return &InputError{[]FieldError{{"file", e.Code, e.Params}}}
	}
	if errors.Is(err, csvfile.ErrTooManyRows) {
		return ErrImportTooLong
	}
	return err
}
