package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"postern/shared/store"
	"postern/shared/totp"
	"postern/shared/totp/pskc"
)

// Media types of files of hardware tokens.
const (
	TypeCSV  = "text/csv"
	TypePSKC = "application/pskc+xml"
)

// ImportTokens is a file of hardware tokens.
type ImportTokens struct {
	Content []byte
	Type    string   // TypeCSV or TypePSKC; empty: as TokenFileType tells
	Key     pskc.Key // of an encrypted PSKC file
	DryRun  bool     // report what the import would do, and do nothing
}

// ImportTokens puts the hardware tokens of a file into an account (behaviour 6.5). Each row is on its own. A token that is there
// already just so is left as it is, so that a file may be imported again, also after an import that was cut off. It stops in time before
// the deadline of ctx: the first row that was not reached is reported then.
//
// [InputError] about "file" or "key": the file as a whole cannot be used, nothing was done. ErrImportTooLong. ErrNotFound: no such
// account.
func (s *Service) ImportTokens(ctx context.Context, by Actor, accountID string, c ImportTokens) (ImportReport, error) {
	seeds, err := c.seeds()
	if err != nil {
		return ImportReport{}, err
	}
	r := ImportReport{Rows: len(seeds)}
	good := r.sift(seeds)
	if len(good) == 0 {
		a := &account{ID: accountID}
		if err := s.get(ctx, a); err != nil {
			return ImportReport{}, fmt.Errorf("load account: %w", err)
		}
		if !a.exists() {
			return ImportReport{}, ErrNotFound
		}
	}
	if err := s.importSeeds(ctx, by, accountID, good, c.DryRun, &r); err != nil {
		return ImportReport{}, err
	}
	r.sort()
	return r, nil
}

// TokenFileType tells TypePSKC from TypeCSV by the first character.
func TokenFileType(content []byte) string {
	if bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\uFEFF"))), []byte("<")) {
		return TypePSKC
	}
	return TypeCSV
}

// seeds reads the file.
func (c ImportTokens) seeds() ([]totp.Seed, error) {
	if c.Type == "" {
		c.Type = TokenFileType(c.Content)
	}
	if c.Type == TypePSKC {
		seeds, err := pskc.Read(c.Content, c.Key, MaxImportRows)
		if bad, ok := errors.AsType[*totp.SeedError](err); ok {
			return nil, &InputError{[]FieldError{{bad.Field, bad.Code, bad.Params}}}
		}
		if errors.Is(err, pskc.ErrTooMany) {
			return nil, ErrImportTooLong
		}
		return seeds, err
	}
	seeds, err := totp.ReadSeeds(c.Content, MaxImportRows)
	if err == nil && len(seeds) == 0 {
		return nil, &InputError{[]FieldError{{Field: "file", Code: "csv_no_rows"}}}
	}
	return seeds, fileRefused(err)
}

// sift reports the rows that are wrong in themselves, and those whose serial number stood in the file before, and gives the others.
func (r *ImportReport) sift(seeds []totp.Seed) []totp.Seed {
	good, first := make([]totp.Seed, 0, len(seeds)), map[string]int{} // serial number to row
	for _, s := range seeds {
		if e := s.Err; e != nil {
			r.wrong(s.Row, FieldError{e.Field, e.Code, e.Params})
			continue
		}
		if row := first[s.Serial]; row > 0 {
			r.wrong(s.Row, FieldError{"serial", "repeated", map[string]string{"row": strconv.Itoa(row)}})
			continue
		}
		first[s.Serial] = s.Row
		if bad := checkSeed(s); len(bad) > 0 {
			r.wrong(s.Row, bad...)
			continue
		}
		good = append(good, s)
	}
	return good
}

const (
	// tokensAtOnce is how many tokens one commit makes, each with its notice.
	tokensAtOnce = store.MaxChanges / 2
	// tokenImporters is how many such commits run at the same time: a commit of a hundred items takes DynamoDB some 100 ms, and
	// 10,000 rows are to be in before the gateway gives up after 29 s.
	tokenImporters = 4
)

// importSeeds makes tokens of seeds, many in a commit, and counts in r what became of them.
func (s *Service) importSeeds(ctx context.Context, by Actor, accountID string, seeds []totp.Seed, dryRun bool, r *ImportReport) error {
	var mu sync.Mutex // of r and stopped
	stopped := 0      // the first row that was not reached; 0: none
	importers := make([]func() error, tokenImporters)
	for i := range importers {
		importers[i] = func() error {
			for from := i * tokensAtOnce; from < len(seeds); from += tokenImporters * tokensAtOnce {
				if closing(ctx) {
					mu.Lock()
					defer mu.Unlock()
					if row := seeds[from].Row; stopped == 0 || row < stopped {
						stopped = row
					}
					return nil
				}
				part, err := s.importPart(ctx, by, accountID, seeds[from:min(from+tokensAtOnce, len(seeds))], dryRun)
				if err != nil {
					return err
				}
				mu.Lock()
				r.Created += part.Created
				r.Unchanged += part.Unchanged
				r.Errors = append(r.Errors, part.Errors...)
				mu.Unlock()
			}
			return nil
		}
	}
	err := parallel(importers...)
	if stopped > 0 {
		r.wrong(stopped, FieldError{Code: "not_reached"})
	}
	return err
}

// importPart makes tokens of at most tokensAtOnce seeds in one commit.
func (s *Service) importPart(ctx context.Context, by Actor, accountID string, seeds []totp.Seed, dryRun bool) (ImportReport, error) {
	return commit(ctx, s, func(now time.Time) (ImportReport, changes, error) {
		tokens := make([]*hardwareToken, len(seeds))
		a := &account{ID: accountID}
		load := []record{a}
		for i, seed := range seeds {
			tokens[i] = &hardwareToken{AccountID: accountID, Serial: seed.Serial}
			load = append(load, tokens[i])
		}
		if err := s.get(ctx, load...); err != nil {
			return ImportReport{}, nil, fmt.Errorf("load account and hardware tokens: %w", err)
		}
		if !a.exists() {
			return ImportReport{}, nil, ErrNotFound
		}
		r, done, err := decideImportTokens(tokens, by, seeds, now, s.random)
		if dryRun {
			done = nil
		}
		return r, done, err
	})
}

// decideImportTokens is pure. tokens are what there is under the serial numbers of seeds.
func decideImportTokens(tokens []*hardwareToken, by Actor, seeds []totp.Seed, now time.Time, random io.Reader) (ImportReport, changes, error) {
	var r ImportReport
	var done changes
	for i, seed := range seeds {
		t := tokens[i]
		switch {
		case !t.exists():
			_, made, err := importToken(t, by, seed, now, random)
			if err != nil {
				return r, nil, err
			}
			done.add(made...)
			r.Created++
		case t.sameAs(seed):
			r.Unchanged++
		default:
			r.wrong(seed.Row, FieldError{Field: "serial", Code: "token_exists"})
		}
	}
	return r, done, nil
}
