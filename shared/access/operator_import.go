package access

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/shared/csvfile"
	"postern/shared/keys"
	"postern/shared/password"
	"postern/shared/secret"
	"postern/shared/shortcode"
)

// ImportOperators is a file of new operators (behaviour 7.2).
type ImportOperators struct {
	File []byte // CSV, with the columns of OperatorFile
	// Key, up to 128 characters, names the import, so that it can be repeated after a lost answer: with the same key, whom it made before
	// counts as created again, and gets the same temporary password as long as it was not replaced. Empty: it cannot be repeated so.
	Key    string
	DryRun bool // tell what would be done, and do nothing
}

// OperatorsImported says what came of an import.
type OperatorsImported struct {
	ImportReport
	UnchangedRows      []int
	TemporaryPasswords []ImportedPassword // of those created without a hash, in the order of the file; none in a dry run
}

// ImportedPassword is the temporary password of an operator who was imported, shown this once.
type ImportedPassword struct {
	Username string
	Password secret.Text
}

const (
	// importBatch is how many rows one commit takes: each has a record, four names at the most and a notice, and all together have one
	// count of administrators. One more would be too many for store.MaxChanges.
	importBatch = 16
	// importMargin is how much of a request's time an import leaves: for the batch that it is at, and for the answer.
	importMargin = 4 * time.Second
)

// ImportOperators makes the operators of a file, each row on its own: good ones are made whole, bad ones are reported, and those that
// are there already just so are left alone (behaviour 7.2). Nobody is told by mail. It commits a few rows at a time, and stops in time
// before the deadline of ctx: the first row that was not reached is reported then, and the same file imported again goes on there.
//
// ErrNotFound: no such account. [InputError]: no such file, nothing was done. ErrImportTooLong.
func (s *Service) ImportOperators(ctx context.Context, by Actor, accountID string, c ImportOperators) (OperatorsImported, error) {
	none := OperatorsImported{}
	if _, err := s.loadAccount(ctx, accountID); err != nil {
		return none, err
	}
	rows, report, err := readOperators(c.File)
	if err != nil {
		return none, err
	}
	im := &operatorImport{s: s, by: by, accountID: accountID, dryRun: c.DryRun}
	if im.name, err = im.identify(ctx, c.Key); err != nil {
		return none, err
	}
	done := OperatorsImported{ImportReport: report}
	for batch := range slices.Chunk(rows, importBatch) {
		if closing(ctx) {
			done.wrong(batch[0].number, FieldError{Code: "not_reached"})
			break
		}
		results, err := im.batch(ctx, batch)
		if err != nil && done.Created == 0 {
			return none, err
		}
		if err != nil { // what was made before must be told: it has passwords that are shown this once
			s.log.ErrorContext(ctx, "import stopped", "row", batch[0].number, "error", err)
			done.wrong(batch[0].number, FieldError{Code: "not_reached"})
			break
		}
		done.add(batch, results, c.DryRun)
	}
	done.sort()
	return done, nil
}

// closing reports whether too little is left of a request's time to go on. Deadlines are of the machine's clock.
func closing(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) < importMargin
}

func (d *OperatorsImported) add(rows []*operatorRow, results []rowResult, dryRun bool) {
	for i, r := range results {
		switch {
		case len(r.bad) > 0:
			d.wrong(rows[i].number, r.bad...)
		case r.unchanged:
			d.Unchanged++
			d.UnchangedRows = append(d.UnchangedRows, rows[i].number)
		default:
			d.Created++
			if !r.temporary.Empty() && !dryRun {
				d.TemporaryPasswords = append(d.TemporaryPasswords, ImportedPassword{rows[i].Username, r.temporary})
			}
		}
	}
}

// operatorImport is one run of an import.
type operatorImport struct {
	s         *Service
	by        Actor
	accountID string
	dryRun    bool
	name      string // stands in the operators that it makes
}

// identify names an import by its key, its account and who imports: somebody else's import is another one, whatever its key.
func (im *operatorImport) identify(ctx context.Context, key string) (string, error) {
	if key == "" {
		return newID(im.s.random)
	}
	b, err := im.s.keys.Derive(ctx, keys.Context{"import", im.accountID, importer(im.by), key})
	if err != nil {
		return "", fmt.Errorf("derive name of import: %w", unavailable(err))
	}
	return hex.EncodeToString(b[:16]), nil
}

// importer is who imports, as it stays the same from one session of an assumed role to the next: the CLI takes up an import under a new
// one.
func importer(by Actor) string {
	if role, _, ok := strings.Cut(by.Name, ":assumed-role/"); ok {
		name, _, _ := strings.Cut(strings.TrimPrefix(by.Name, role+":assumed-role/"), "/")
		return role + ":assumed-role/" + name
	}
	return by.Name
}

// operatorRow is a good row of a file, and what is made for it before anything is decided, once.
type operatorRow struct {
	CreateOperator
	number int         // in the file
	hash   secret.Text // of passwordHash; may be empty

	id        string
	temporary generated // without a hash
}

// rowResult is what came of a row: it was refused, was there, or was created.
type rowResult struct {
	bad       []FieldError
	unchanged bool
	temporary secret.Text
}

// importState is what a batch is decided on.
type importState struct {
	account        account
	administrators administrators
	rows           []importRow
}

// importRow is a row, and who has its names.
type importRow struct {
	*operatorRow
	username, email *name
	there           *operator // who has both; nil: nobody
	again           generated // the temporary password that this import gave them, without its hash
}

// batch imports a few rows in one commit.
func (im *operatorImport) batch(ctx context.Context, rows []*operatorRow) ([]rowResult, error) {
	try := func(now time.Time) ([]rowResult, changes, error) {
		st, err := im.load(ctx, rows)
		if err != nil {
			return nil, nil, err
		}
		return decideImportOperators(st, im.by, im.name, now, im.s.random)
	}
	if im.dryRun {
		results, _, err := try(im.s.now())
		return results, err
	}
	return commit(ctx, im.s, try)
}

func (im *operatorImport) load(ctx context.Context, rows []*operatorRow) (*importState, error) {
	st := &importState{account: account{ID: im.accountID}, administrators: administrators{AccountID: im.accountID}}
	all := []record{&st.account, &st.administrators}
	for _, r := range rows {
		names := (&operator{AccountID: im.accountID, Username: r.Username, Email: r.Email}).names()
		st.rows = append(st.rows, importRow{operatorRow: r, username: names[0], email: names[1]})
		all = append(all, names[0], names[1])
	}
	if err := im.s.get(ctx, all...); err != nil {
		return nil, fmt.Errorf("load account and names: %w", err)
	}
	var there []record
	for i := range st.rows {
		r := &st.rows[i]
		switch {
		case r.username.exists() && r.email.exists() && r.username.OperatorID == r.email.OperatorID:
			r.there = &operator{AccountID: im.accountID, ID: r.username.OperatorID}
			there = append(there, r.there)
		case !r.username.exists() && !r.email.exists():
			if err := im.prepare(ctx, r.operatorRow); err != nil {
				return nil, err
			}
		}
	}
	if len(there) == 0 {
		return st, nil
	}
	if err := im.s.get(ctx, there...); err != nil {
		return nil, fmt.Errorf("load operators: %w", err)
	}
	for i := range st.rows {
		if r := &st.rows[i]; r.there != nil && r.there.ImportedBy == im.name {
			text, err := im.temporary(ctx, r.there.ID)
			if err != nil {
				return nil, err
			}
			r.again.password = secret.New(text)
		}
	}
	return st, nil
}

// prepare makes the id and the temporary password of a row that may become an operator.
func (im *operatorImport) prepare(ctx context.Context, r *operatorRow) (err error) {
	if r.id == "" {
		if r.id, err = newID(im.s.random); err != nil {
			return err
		}
	}
	if !r.hash.Empty() || r.temporary.hash != "" {
		return nil
	}
	text, err := im.temporary(ctx, r.id)
	if err != nil {
		return err
	}
	return r.temporary.set(text, im.s.random)
}

// temporary gives the temporary password of an operator of this import: the same whenever it is asked for, and another for anybody
// else, and for whoever gets the same names later.
func (im *operatorImport) temporary(ctx context.Context, operatorID string) (string, error) {
	b, err := im.s.keys.Derive(ctx, keys.Context{"imported password", im.accountID, operatorID, im.name})
	if err != nil {
		return "", fmt.Errorf("derive temporary password: %w", unavailable(err))
	}
	return shortcode.NewTemporary(bytes.NewReader(b))
}

// decideImportOperators is pure: what comes of each row. Rows of one file have different names.
func decideImportOperators(st *importState, by Actor, name string, now time.Time, random io.Reader) ([]rowResult, changes, error) {
	results := make([]rowResult, len(st.rows))
	var done changes
	for i := range st.rows {
		r := &st.rows[i]
		if results[i] = r.standing(name); len(results[i].bad) > 0 || r.there != nil {
			continue
		}
		o, joined := r.join(st.account.ID, r.id, r.username, r.email, &st.administrators, now)
		o.ImportedBy = name
		if r.hash.Empty() {
			expires := now.Add(time.Duration(st.account.Policy.TemporaryPasswordHours) * time.Hour)
			o.setTemporary(r.temporary.hash, false, expires, st.account.Policy, now)
			results[i].temporary = r.temporary.password
		} else {
			o.setPermanent(r.hash.Reveal(), st.account.Policy, now)
		}
		entry, err := newNotice(NoticeOperatorImported, by, o.AccountID, o.ID, now, random,
			detail{"username", o.Username}, detail{"role", string(o.Role)})
		if err != nil {
			return nil, nil, err
		}
		done.add(joined...)
		done.add(put(entry))
	}
	return results, done, nil
}

// standing is pure: what is there of a row already. Whom this very import made, and lost the answer, is created again in its report.
func (r *importRow) standing(name string) rowResult {
	if o := r.there; o != nil && o.exists() && o.Username == r.Username && o.Email == r.Email && o.FirstName == r.FirstName &&
		o.LastName == r.LastName && o.Role == r.Role {
		result := rowResult{unchanged: o.ImportedBy != name}
		if o.Password.Kind == PasswordTemporary && password.IsGenerated(o.Password.Hash.Reveal(), r.again.password.Reveal()) {
			result.temporary = r.again.password
		}
		return result
	}
	var bad []FieldError
	if r.username.exists() {
		bad = append(bad, FieldError{Field: "username", Code: "username_taken"})
	}
	if r.email.exists() {
		bad = append(bad, FieldError{Field: "email", Code: "email_taken"})
	}
	return rowResult{bad: bad}
}

// check says what is wrong with a row, all at once.
func (r *operatorRow) check() []FieldError {
	var bad []FieldError
	if e, ok := errors.AsType[*InputError](r.CreateOperator.check()); ok {
		bad = e.Fields
	}
	if r.hash.Empty() {
		return bad
	}
	switch err := password.CheckHash(r.hash.Reveal()); {
	case errors.Is(err, password.ErrTooCostly):
		bad = append(bad, FieldError{Field: "passwordHash", Code: "hash_too_costly"})
	case err != nil:
		bad = append(bad, FieldError{Field: "passwordHash", Code: "invalid_hash"})
	}
	return bad
}

// OperatorFile is what a file of operators holds. The columns that exports have besides are let through: what is in one account's
// export can be imported into another.
var OperatorFile = csvfile.Format{
	Columns: []csvfile.Column{
		{Name: "username"}, {Name: "email"}, {Name: "firstName"}, {Name: "lastName"}, {Name: "role"}, {Name: "passwordHash", Optional: true},
		{Name: "state", Optional: true}, {Name: "totp", Optional: true}, {Name: "lastLoginAt", Optional: true},
	},
	MaxRows: MaxImportRows,
	MaxCell: 4 * MaxEmail, // bytes; a hash has 512 at the most
}

// readOperators gives the good rows of a file, each with names of its own, and a report that counts all of them and tells what is wrong
// with the others. Of rows with the same name the first one counts. [InputError], ErrImportTooLong: about the whole file.
func readOperators(file []byte) ([]*operatorRow, ImportReport, error) {
	lines, err := OperatorFile.Read(file)
	if err != nil {
		return nil, ImportReport{}, fileRefused(err)
	}
	if len(lines) == 0 {
		return nil, ImportReport{}, &InputError{[]FieldError{{Field: "file", Code: "csv_no_rows"}}}
	}
	report := ImportReport{Rows: len(lines)}
	firsts := map[string]int{} // rows by the names in them
	var good []*operatorRow
	for _, l := range lines {
		r, bad := readOperator(l, firsts)
		if report.wrong(l.Number, bad...); len(bad) == 0 {
			good = append(good, r)
		}
	}
	return good, report, nil
}

// readOperator gives what stands in a row, and what is wrong with it.
func readOperator(l csvfile.Row, firsts map[string]int) (*operatorRow, []FieldError) {
	if e := l.Err; e != nil {
		return nil, []FieldError{{e.Column, e.Code, e.Params}}
	}
	r := &operatorRow{
		CreateOperator: CreateOperator{
			Username: l.Cell("username"), Email: l.Cell("email"), FirstName: l.Cell("firstName"), LastName: l.Cell("lastName"),
			Role: Role(l.Cell("role")),
		},
		number: l.Number, hash: secret.New(l.Cell("passwordHash")),
	}
	return r, append(r.check(), r.repeated(firsts)...)
}

// repeated says which of a row's names stand in an earlier row too, and remembers those that do not.
func (r *operatorRow) repeated(firsts map[string]int) []FieldError {
	var bad []FieldError
	for _, n := range []struct{ field, name string }{{"username", r.Username}, {"email", r.Email}} {
		canonical, ok := canonicalName(n.name)
		if !ok {
			continue // said already
		}
		key := n.field + " " + canonical
		if first, ok := firsts[key]; ok {
			bad = append(bad, FieldError{n.field, "repeated", map[string]string{"row": strconv.Itoa(first)}})
		} else {
			firsts[key] = r.number
		}
	}
	return bad
}
