package access_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/password"
	"postern/shared/secret"
)

const importHeader = "username,email,firstName,lastName,role\r\n"

// importOf runs an import, and checks that its counts make up the file.
func importOf(p *accesstest.Place, c access.ImportOperators) access.OperatorsImported {
	p.T.Helper()
	done, err := p.Service.ImportOperators(p.T.Context(), access.System, accesstest.Account, c)
	if err != nil {
		p.T.Fatalf("ImportOperators: %v", err)
	}
	wrong := map[int]bool{}
	for _, e := range done.Errors {
		wrong[e.Row] = true
	}
	if !wrong[0] && done.Created+done.Unchanged+len(wrong) != done.Rows && !slices.ContainsFunc(done.Errors, func(e access.RowError) bool { return e.Code == "not_reached" }) {
		p.T.Errorf("%d created, %d unchanged, %d wrong of %d rows", done.Created, done.Unchanged, len(wrong), done.Rows)
	}
	for _, v := range access.Violations(p.T.Context(), p.Service, p.Store, accesstest.Account) {
		p.T.Error(v)
	}
	return done
}

// people makes a file of that many operators.
func people(n int) []byte {
	var b strings.Builder
	b.WriteString(importHeader)
	for i := range n {
		fmt.Fprintf(&b, "person%d,person%d@acme.example,Per%d,Son,operator\r\n", i, i, i)
	}
	return []byte(b.String())
}

func count(p *accesstest.Place, label string) (n int) {
	for _, c := range p.Faults.Calls() {
		if strings.HasPrefix(c.Label, label) {
			n++
		}
	}
	return n
}

// Good rows are made, bad ones are reported with row and field, and nobody is told by mail.
func TestImportOperators(t *testing.T) {
	p := accesstest.New(t)
	p.Operator("alice")
	file := importHeader +
		"zoe,zoe@acme.example,Zoe,Zett,operator\r\n" + // 1
		"two,ALICE@acme.example,Two,Zwei,operator\r\n" + // somebody's address, case aside
		"ZOE,zoe2@acme.example,Zoe,Zwei,operator\r\n" + // 3: the name of row 1
		"bo ss,not an address,,Boss,king\r\n" + // everything is wrong
		"boss,boss@acme.example,The,Boss,administrator\r\n" + // 5
		"alice,alice2@acme.example,A,B,operator\r\n" +
		"dora,zoe@ACME.example,Dora,Dee,operator\r\n" +
		"toolong,toolong@acme.example," + strings.Repeat("x", 101) + ",X,operator\r\n"
	p.Faults.Heal()
	dry := importOf(p, access.ImportOperators{File: []byte(file), DryRun: true})
	if n := count(p, "store.Commit"); n != 0 || len(dry.TemporaryPasswords) != 0 {
		t.Errorf("a dry run: %d commits, %d passwords", n, len(dry.TemporaryPasswords))
	}
	p.Advance(time.Second)
	done := importOf(p, access.ImportOperators{File: []byte(file)})
	var got []string
	for _, e := range done.Errors {
		got = append(got, fmt.Sprint(e.Row, " ", e.Field, " ", e.Code, e.Params["row"]))
	}
	want := []string{"2 email email_taken", "3 username repeated1", "4 username invalid_username", "4 email invalid_email", "4 firstName missing",
		"4 role unknown_value", "6 username username_taken", "7 email repeated1", "8 firstName too_long"}
	if !slices.Equal(got, want) || done.Rows != 8 || done.Created != 2 || done.Unchanged != 0 {
		t.Errorf("import: %+v\n got %v\nwant %v", done, got, want)
	}
	if fmt.Sprint(dry.ImportReport) != fmt.Sprint(done.ImportReport) {
		t.Errorf("dry run: %+v\nimport:  %+v", dry.ImportReport, done.ImportReport)
	}
	p.Work()
	if mails := p.Mails("zoe@acme.example"); len(mails) != 0 {
		t.Errorf("mails: %v", mails)
	}
	if len(done.TemporaryPasswords) != 2 || done.TemporaryPasswords[0].Username != "zoe" || done.TemporaryPasswords[1].Username != "boss" {
		t.Fatalf("temporary passwords: %+v", done.TemporaryPasswords)
	}
	for _, tp := range done.TemporaryPasswords {
		in, err := p.Service.Login(t.Context(), access.Login{AccountID: accesstest.Account, Login: tp.Username, Password: tp.Password})
		if err != nil || in.Next != access.NextNewPassword || in.Reason != access.ReasonNewOperator {
			t.Errorf("login of %s: %v %v, %v", tp.Username, in.Next, in.Reason, err)
		}
	}
	noted := 0
	for _, n := range p.Notices() {
		if n.Type == access.NoticeOperatorImported && (n.Detail["username"] == "zoe" || n.Detail["role"] == "administrator") {
			noted++
		}
	}
	if noted != 2 {
		t.Errorf("%d notices of 2 imported operators", noted)
	}
}

// What is no file of operators is one error, and nothing is made; so is one of too many rows.
func TestImportOfOtherFiles(t *testing.T) {
	p := accesstest.New(t)
	p.Faults.Heal()
	for _, c := range []struct{ name, file, code string }{
		{"empty", "", "csv_empty"},
		{"a header alone", importHeader, "csv_no_rows"},
		{"a spreadsheet", "PK\x03\x04\x14\x00\x06\x00\x08\x00", "csv_not_utf8"},
		{"UTF-16", "\xff\xfeu\x00s\x00", "csv_not_utf8"},
		{"NULs", importHeader + "a\x00,a@acme.example,A,B,operator\r\n", "csv_not_utf8"},
		{"no header", "zoe,zoe@acme.example,Zoe,Zett,operator\r\n", "csv_unknown_column"},
		{"a column short", "username,email,firstName,lastName\r\nzoe,zoe@acme.example,Zoe,Zett\r\n", "csv_missing_column"},
		{"a million columns", strings.Repeat("username,", 1_000_000), "csv_too_wide"},
		{"an open quote", importHeader + "\"zoe,zoe@acme.example,Zoe,Zett,operator\r\n", "csv_malformed"},
	} {
		_, err := p.Service.ImportOperators(t.Context(), access.System, accesstest.Account, access.ImportOperators{File: []byte(c.file)})
		input, ok := errors.AsType[*access.InputError](err)
		if !ok || len(input.Fields) != 1 || input.Fields[0].Field != "file" || input.Fields[0].Code != c.code {
			t.Errorf("%s: got %v, want file %s", c.name, err, c.code)
		}
	}
	_, err := p.Service.ImportOperators(t.Context(), access.System, accesstest.Account, access.ImportOperators{File: people(access.MaxImportRows + 1)})
	if !errors.Is(err, access.ErrImportTooLong) {
		t.Errorf("a row too many: %v", err)
	}
	if _, err := p.Service.ImportOperators(t.Context(), access.System, "nobody", access.ImportOperators{}); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("no such account: %v", err)
	}
	if n := count(p, "store.Commit"); n != 0 {
		t.Errorf("%d commits", n)
	}
}

// A report stays as long as an answer can be: of very many errors each row's first is told.
func TestImportOfNothingGood(t *testing.T) {
	p := accesstest.New(t)
	file := importHeader + strings.Repeat("a b,nowhere,,,king\r\n", access.MaxImportRows)
	done := importOf(p, access.ImportOperators{File: []byte(file)})
	if len(done.Errors) != access.MaxImportRows || done.Rows != access.MaxImportRows || done.Errors[9].Row != 10 || done.Errors[9].Field != "username" {
		t.Errorf("%d errors of %d rows", len(done.Errors), done.Rows)
	}
	few := importOf(p, access.ImportOperators{File: []byte(importHeader + strings.Repeat("a b,no where,,,king\r\n", 3000))})
	if len(few.Errors) != 15_000 { // five in each row
		t.Errorf("%d errors of %d rows", len(few.Errors), few.Rows)
	}
}

// The same file again changes nothing; a repeat under the same key is answered as the first time, until a password is replaced.
func TestImportAgain(t *testing.T) {
	p := accesstest.New(t)
	c := access.ImportOperators{File: people(20), Key: "a key"}
	first := importOf(p, c)
	if first.Created != 20 || len(first.TemporaryPasswords) != 20 {
		t.Fatalf("first: %+v", first.ImportReport)
	}
	if again := importOf(p, c); fmt.Sprint(again) != fmt.Sprint(first) || !same(again, first) {
		t.Errorf("again under the same key: %+v, want %+v", again.ImportReport, first.ImportReport)
	}
	for name, other := range map[string]access.ImportOperators{
		"no key": {File: c.File}, "another key": {File: c.File, Key: "another"}, "a dry run": {File: c.File, DryRun: true},
	} {
		if again := importOf(p, other); again.Unchanged != 20 || again.Created != 0 || len(again.Errors)+len(again.TemporaryPasswords) != 0 {
			t.Errorf("again with %s: %+v", name, again)
		}
	}
	bob := access.Actor{Name: "operator:bob", OperatorID: "bob"}
	others, err := p.Service.ImportOperators(t.Context(), bob, accesstest.Account, c)
	if err != nil || others.Unchanged != 20 || len(others.TemporaryPasswords) != 0 {
		t.Errorf("somebody else with the same key: %+v, %v", others, err)
	}
	if dry := importOf(p, access.ImportOperators{File: c.File, Key: c.Key, DryRun: true}); dry.Created != 20 || len(dry.TemporaryPasswords) != 0 {
		t.Errorf("a dry run under the same key: %+v", dry)
	}
	in, err := p.Service.Login(t.Context(), access.Login{AccountID: accesstest.Account, Login: "person0", Password: first.TemporaryPasswords[0].Password})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Service.NewPassword(t.Context(), access.NewPassword{Session: in.SessionToken, Password: secret.New("another good passphrase")}); err != nil {
		t.Fatal(err)
	}
	again := importOf(p, c)
	if again.Created != 20 || len(again.TemporaryPasswords) != 19 || again.TemporaryPasswords[0].Username != "person1" {
		t.Errorf("after a password was replaced: %+v, %d passwords", again.ImportReport, len(again.TemporaryPasswords))
	}
	edited := strings.Replace(string(c.File), "Per1,", "Pers1,", 1)
	if r := importOf(p, access.ImportOperators{File: []byte(edited)}); len(r.Errors) != 2 || r.Errors[0].Code != "username_taken" || r.Errors[1].Code != "email_taken" {
		t.Errorf("another first name: %+v", r.ImportReport)
	}
}

func same(a, b access.OperatorsImported) bool {
	return slices.EqualFunc(a.TemporaryPasswords, b.TemporaryPasswords, func(x, y access.ImportedPassword) bool {
		return x.Username == y.Username && x.Password.Equal(y.Password)
	})
}

// Two sessions of one assumed role are one importer; two roles are two.
func TestImportUnderAnAssumedRole(t *testing.T) {
	p := accesstest.New(t)
	c := access.ImportOperators{File: people(1), Key: "k"}
	as := func(arn string) int {
		done, err := p.Service.ImportOperators(t.Context(), access.Actor{Name: "iam:" + arn}, accesstest.Account, c)
		if err != nil {
			t.Fatal(err)
		}
		return len(done.TemporaryPasswords)
	}
	const role = "arn:aws:sts::123456789012:assumed-role/"
	if a, b, c := as(role+"admin/one"), as(role+"admin/two"), as(role+"other/one"); a != 1 || b != 1 || c != 0 {
		t.Errorf("passwords told: %d, %d, %d, want 1, 1, 0", a, b, c)
	}
}

// Hashes of other programs let people in, and are replaced by ours at the first login.
func TestImportedHashes(t *testing.T) {
	p := accesstest.New(t)
	hashes := []struct{ pw, hash string }{
		{"password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"},
		{"password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
		{"password", "$2b$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu"},
		{"pässword", "$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC"},
		{"pässword", "$scrypt$ln=10,r=8,p=2$MDEyMzQ1Njc4OWFiY2RlZg$ivs5nNdxGkJPayUBffQND3P8nXeG602LlVx4Uwe7oYw"},
		{"pässword", "$pbkdf2-sha256$1000$+/++MDEyMzQ1Njc4OWFiYw$M+O1Uecq+mscLDJuLmH2O6qq0U7xdb6RkSW4GzI8w5c"},
		{"pässword", "$pbkdf2-sha512$1000$+/++MDEyMzQ1Njc4OWFiYw$3tfWBLcocQUsNxJ0ewRRMhgqF73Tl0y3lM5DrfvbTl+dnqiveloHoiZlgCcxDWhY1BmFZSs3+rhQYaLQV3JWSw"},
	}
	var b strings.Builder
	b.WriteString("PasswordHash;role;lastName;firstName;email;username\n")
	for i, h := range hashes {
		fmt.Fprintf(&b, "%s;operator;Son;Per;p%d@acme.example;p%d\n", h.hash, i, i)
	}
	n := len(hashes)
	b.WriteString("$2b$15$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu;operator;Son;Per;costly@acme.example;costly\n")
	b.WriteString("$1$abc$def;operator;Son;Per;bad@acme.example;bad\n")
	ours, err := password.HashGenerated("123456", strings.NewReader(strings.Repeat("x", 16)))
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString(ours + ";operator;Son;Per;fast@acme.example;fast\n") // ours, but no slow one
	c := access.ImportOperators{File: []byte(b.String()), Key: "k"}
	done := importOf(p, c)
	if done.Created != n || len(done.TemporaryPasswords) != 0 || len(done.Errors) != 3 || done.Errors[0].Code != "hash_too_costly" ||
		done.Errors[1].Code != "invalid_hash" || done.Errors[2].Code != "invalid_hash" || done.Errors[0].Field != "passwordHash" {
		t.Fatalf("import: %+v", done)
	}
	if again := importOf(p, c); again.Created != n {
		t.Errorf("again under the same key: %+v", again.ImportReport)
	}
	for i, h := range hashes {
		name := "p" + strconv.Itoa(i)
		for range 2 {
			in, err := p.Service.Login(t.Context(), access.Login{AccountID: accesstest.Account, Login: name, Password: secret.New(h.pw)})
			if err != nil || in.Next != access.NextDone {
				t.Fatalf("login with %s: %v, %v", h.hash, in.Next, err)
			}
			if now := access.HashOf(t.Context(), p.Service, accesstest.Account, in.Session.OperatorID); now == h.hash || !strings.HasPrefix(now, "$argon2id$") {
				t.Errorf("%s is %s after a login", h.hash, now)
			}
		}
		if _, err := p.Service.Login(t.Context(), access.Login{AccountID: accesstest.Account, Login: name, Password: secret.New("wrong")}); !errors.Is(err, access.ErrInvalidCredentials) {
			t.Errorf("login with a wrong password: %v", err)
		}
	}
}

// Two imports of one file at the same time: each operator is made once, and the reports add up.
func TestImportTwiceAtOnce(t *testing.T) {
	p := accesstest.New(t)
	const n = 100
	var reports [3]access.OperatorsImported
	var all sync.WaitGroup
	for i := range reports {
		all.Go(func() {
			var err error
			reports[i], err = p.Service.ImportOperators(t.Context(), access.System, accesstest.Account, access.ImportOperators{File: people(n)})
			if err != nil {
				t.Errorf("import %d: %v", i, err)
			}
		})
	}
	all.Wait()
	created, passwords := 0, map[string]secret.Text{}
	for _, r := range reports {
		if r.Created+r.Unchanged != n || len(r.Errors) != 0 || len(r.TemporaryPasswords) != r.Created {
			t.Errorf("report: %+v", r.ImportReport)
		}
		created += r.Created
		for _, tp := range r.TemporaryPasswords {
			passwords[tp.Username] = tp.Password
		}
	}
	if created != n || len(passwords) != n {
		t.Errorf("%d created and %d passwords told, want %d", created, len(passwords), n)
	}
	importOf(p, access.ImportOperators{File: people(n)})
	for _, name := range []string{"person0", "person99"} {
		if _, err := p.Service.Login(t.Context(), access.Login{AccountID: accesstest.Account, Login: name, Password: passwords[name]}); err != nil {
			t.Errorf("login of %s: %v", name, err)
		}
	}
}

// ending is a context whose deadline comes close once it was asked for it so many times.
type ending struct {
	context.Context
	asked *int
}

func (e ending) Deadline() (time.Time, bool) {
	if *e.asked--; *e.asked < 0 {
		return time.Now().Add(time.Second), true
	}
	return time.Now().Add(time.Hour), true
}

// An import stops before its time is over, says where, and goes on there when it is repeated.
func TestImportStopsInTime(t *testing.T) {
	p := accesstest.New(t)
	asked := 2
	done, err := p.Service.ImportOperators(ending{t.Context(), &asked}, access.System, accesstest.Account, access.ImportOperators{File: people(100)})
	if err != nil || len(done.Errors) != 1 {
		t.Fatalf("import: %+v, %v", done.ImportReport, err)
	}
	if e := done.Errors[0]; e.Code != "not_reached" || done.Created == 0 || e.Row != done.Created+1 || len(done.TemporaryPasswords) != done.Created || done.Rows != 100 {
		t.Errorf("import: %+v", done.ImportReport)
	}
	rest := importOf(p, access.ImportOperators{File: people(100)})
	if rest.Unchanged != done.Created || rest.Created != 100-done.Created || len(rest.Errors) != 0 {
		t.Errorf("the rest: %+v, after %+v", rest.ImportReport, done.ImportReport)
	}
}

// An import whose time is over while it commits tells what it made until then: whoever asked waits for it still.
func TestImportTellsWhatItMadeWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := accesstest.New(t)
		ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
		defer cancel()
		commits := 0
		p.Faults.Before(func(label string) {
			if strings.HasPrefix(label, "store.Commit") {
				if commits++; commits == 2 {
					time.Sleep(50 * time.Second)
				}
			}
		})
		done, err := p.Service.ImportOperators(ctx, access.System, accesstest.Account, access.ImportOperators{File: people(40)})
		if err != nil || done.Created != 16 || len(done.TemporaryPasswords) != 16 || len(done.Errors) != 1 || done.Errors[0].Code != "not_reached" || done.Errors[0].Row != 17 {
			t.Errorf("import: %+v, %d passwords, %v", done.ImportReport, len(done.TemporaryPasswords), err)
		}
	})
}

// When the store fails in the middle, what was made until then is told, and nothing half is left.
func TestImportIsCutInTheMiddle(t *testing.T) {
	base := accesstest.New(t)
	dry := base.Copy(t)
	importOf(dry, access.ImportOperators{File: people(40), Key: "k"})
	calls := dry.Faults.Calls()
	for _, mode := range []accesstest.Mode{accesstest.NotDone, accesstest.ReplyLost} {
		for _, call := range calls {
			if !strings.HasPrefix(call.Label, "store.") {
				continue // keys are in the crash matrix
			}
			p := base.Copy(t)
			p.Faults.Fail(call, mode)
			done, err := p.Service.ImportOperators(t.Context(), access.System, accesstest.Account, access.ImportOperators{File: people(40), Key: "k"})
			if err != nil && !errors.Is(err, access.ErrUnavailable) {
				t.Fatalf("%s %s: %v", mode, call, err)
			}
			if err == nil && done.Created != len(done.TemporaryPasswords) {
				t.Errorf("%s %s: %d created, %d passwords", mode, call, done.Created, len(done.TemporaryPasswords))
			}
			p.Faults.Heal()
			again := importOf(p, access.ImportOperators{File: people(40), Key: "k"})
			if again.Created != 40 || len(again.TemporaryPasswords) != 40 {
				t.Errorf("%s %s, then again: %+v, %d passwords", mode, call, again.ImportReport, len(again.TemporaryPasswords))
			}
			for i, tp := range done.TemporaryPasswords {
				if !tp.Password.Equal(again.TemporaryPasswords[i].Password) {
					t.Errorf("%s %s: another password for %s", mode, call, tp.Username)
				}
			}
		}
	}
}

// What is exported can be imported elsewhere, with names that spreadsheets take for formulas.
func TestExportAndImport(t *testing.T) {
	p := accesstest.New(t)
	file := importHeader + "=cmd,'=cmd@acme.example,+Plus,-Minus,operator\r\nq,q@acme.example,\"Q, \"\"quote\"\"\",@At;x,administrator\r\nä,ä@acme.example,'=1,''=1,operator\r\n"
	if done := importOf(p, access.ImportOperators{File: []byte(file)}); done.Created != 3 {
		t.Fatalf("import: %+v", done.ImportReport)
	}
	export := func(p *accesstest.Place) string {
		var all strings.Builder
		for cursor := ""; ; {
			part, err := p.Service.ExportOperators(t.Context(), accesstest.Account, access.ListOperators{Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			all.Write(part.CSV)
			if cursor = part.Next; cursor == "" {
				return all.String()
			}
		}
	}
	want := export(p)
	if !strings.HasPrefix(want, "username,email,firstName,lastName,role,state,totp,lastLoginAt\r\n'=cmd,'=cmd@acme.example,'+Plus,'-Minus,operator,active,disabled,\r\n") {
		t.Errorf("export: %q", want)
	}
	other := accesstest.New(t)
	if done := importOf(other, access.ImportOperators{File: []byte(want)}); done.Created != 3 {
		t.Fatalf("import of the export: %+v", done.ImportReport)
	}
	if got := export(other); got != want {
		t.Errorf("export of the import:\n%q\nwant\n%q", got, want)
	}
	if _, err := p.Service.ExportOperators(t.Context(), "nobody", access.ListOperators{}); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("no such account: %v", err)
	}
	part, err := p.Service.ExportOperators(t.Context(), accesstest.Account, access.ListOperators{Role: "administrator"})
	if err != nil || strings.Count(string(part.CSV), "\r\n") != 2 {
		t.Errorf("administrators: %q, %v", part.CSV, err)
	}
	_, err = p.Service.ExportOperators(t.Context(), accesstest.Account, access.ListOperators{Cursor: "forged"})
	if _, ok := errors.AsType[*access.InputError](err); !ok {
		t.Errorf("a forged cursor: %v", err)
	}
}

// Whatever is in a file, each of its rows is accounted for, and no two good ones have a name in common.
func FuzzReadOperators(f *testing.F) {
	f.Add([]byte(importHeader + "zoe,zoe@acme.example,Zoe,Zett,operator\r\n"))
	f.Add([]byte("\uFEFFrole;username;email;firstName;lastName\nadministrator;\"z\";z@x;'=a;b\n;;;;\n"))
	f.Add([]byte("username\temail\tfirstName\tlastName\trole\tpasswordHash\na\ta@b\tA\tB\toperator\t$2a$05$x\nA\ta@B\tA\tB\toperator\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		good, report, err := access.ReadOperators(file)
		if err != nil {
			if !acceptable(err) && !errors.Is(err, access.ErrImportTooLong) {
				t.Errorf("%q: %v", file, err)
			}
			return
		}
		wrong, names := map[int]bool{}, map[string]bool{}
		for _, e := range report.Errors {
			wrong[e.Row] = true
		}
		for _, o := range good {
			for _, n := range []string{"u " + strings.ToLower(o.Username), "e " + strings.ToLower(o.Email)} {
				if names[n] {
					t.Errorf("%q: %s twice", file, n)
				}
				names[n] = true
			}
		}
		if len(good)+len(wrong) != report.Rows || report.Rows == 0 {
			t.Errorf("%q: %d good and %d wrong rows of %d", file, len(good), len(wrong), report.Rows)
		}
	})
}
