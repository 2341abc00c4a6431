package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const operatorColumns = "username,email,firstName,lastName,role\r\n"

// operatorFile makes a file of so many operators whose names begin alike.
func operatorFile(begin string, n int) []byte {
	var b strings.Builder
	b.WriteString(operatorColumns)
	for i := range n {
		fmt.Fprintf(&b, "%s%d,%[1]s%[2]d@import.example,Per,Son,operator\r\n", begin, i)
	}
	return []byte(b.String())
}

// importReport is the answer of an import.
type importReport struct {
	Rows, Created, Unchanged int
	Errors                   []struct {
		Row                  int
		Field, Code, Message string
	}
	TemporaryPasswords []struct{ Username, TemporaryPassword string }
}

func reportOf(a *answer) importReport {
	a.t.Helper()
	var r importReport
	if err := json.Unmarshal(a.want(200).body, &r); err != nil {
		a.t.Fatalf("%s: %v", a.what, err)
	}
	return r
}

// An import tells of each row what came of it, changes nothing when it is a trial, and is answered the same when it is repeated.
func TestImport(t *testing.T) {
	for _, d := range doors(t) {
		t.Run(strings.Trim(d.name, "/"), func(t *testing.T) {
			path := d.prefix + "/operators/import"
			send := func(query string, file []byte, headers ...string) *answer {
				t.Helper()
				all := map[string]string{"Content-Type": "text/csv"}
				for i := 0; i < len(headers); i += 2 {
					all[headers[i]] = headers[i+1]
				}
				return d.do(t, "POST", path+query, file, all)
			}
			name := unused("imp")
			// As a German spreadsheet saves it.
			file := []byte("\uFEFFUsername;Email;FirstName;LastName;Role\r\n" + name + ";" + name + "@import.example;\"Zoë; \"\"Z\"\"\";Zett;operator\r\n" +
				name + "2;no address;Two;Zwei;king\r\n" + strings.ToUpper(name) + ";" + name + "3@import.example;Three;Drei;operator\r\n;;;;\r\n")
			dry := reportOf(send("?dryRun=true", file))
			if dry.Rows != 3 || dry.Created != 1 || dry.Unchanged != 0 || len(dry.Errors) != 3 || dry.TemporaryPasswords != nil {
				t.Errorf("dry run: %+v", dry)
			}
			if a := d.do(t, "GET", d.prefix+"/operators?query="+name, nil, nil).want(200); strings.Contains(string(a.body), name) {
				t.Errorf("a dry run made %s", a.body)
			}
			first := send("", file, "Idempotency-Key", name)
			made := reportOf(first)
			if made.Created != 1 || len(made.TemporaryPasswords) != 1 || made.TemporaryPasswords[0].Username != name || !slices.Equal(made.Errors, dry.Errors) {
				t.Fatalf("import: %s", first.body)
			}
			for i, want := range []string{"2 email Not an email address.", "2 role Not one of the values there are.", "3 username The same as in row 1. Each may stand in the file once."} {
				if e := made.Errors[i]; fmt.Sprint(e.Row, " ", e.Field, " ", e.Message) != want || e.Code == "" {
					t.Errorf("error %d: %+v, want %s", i, e, want)
				}
			}
			if again := send("", file, "Idempotency-Key", name); string(again.body) != string(first.body) {
				t.Errorf("again:\n%s\nwant\n%s", again.body, first.body)
			}
			if other := reportOf(send("", file)); other.Unchanged != 1 || other.Created != 0 || len(other.TemporaryPasswords) != 0 {
				t.Errorf("again without the key: %+v", other)
			}
			if a := login(newBrowser(t), name, made.TemporaryPasswords[0].TemporaryPassword).want(200); a.text("next") != "new_password" || a.text("reason") != "new_operator" {
				t.Errorf("login: %s", a.body)
			}
			if a := d.do(t, "GET", d.prefix+"/notices?type=operator.imported&limit=200", nil, nil).want(200); !strings.Contains(string(a.body), name) {
				t.Errorf("no notice of %s", name)
			}

			for what, bad := range map[string][]byte{
				"a workbook": []byte("PK\x03\x04\x14\x00\x06\x00\x08\x00\x00"), "UTF-16": []byte("\xff\xfeu\x00s\x00e\x00r\x00"), "no file": nil, "a header alone": []byte(operatorColumns),
				"NULs": []byte(operatorColumns + "a\x00,a,a,a,a\r\n"), "a million columns": []byte(strings.Repeat("username,", 1_000_000/2)),
			} {
				if p := send("", bad).refused(400, "invalid_request"); len(p.Errors) != 1 || p.Errors[0].Field != "file" || p.Errors[0].Message == "" {
					t.Errorf("%s: %+v", what, p)
				}
			}
			send("", operatorFile(name+"x", 10_001)).refused(413, "payload_too_large")
			if a := d.do(t, "GET", d.prefix+"/operators?query="+name+"x", nil, nil).want(200); strings.Contains(string(a.body), name) {
				t.Errorf("of a file that is too long was made: %s", a.body)
			}
			send("?dryRun=perhaps", file).refused(400, "invalid_request")
			send("", file, "Idempotency-Key", "with space").refused(400, "invalid_request")
			send("", file, "Idempotency-Key", strings.Repeat("k", 129)).refused(400, "invalid_request")
			if p := send("", file, "Content-Type", "application/json").refused(415, "unsupported_media_type"); !strings.Contains(p.Detail, "text/csv") {
				t.Errorf("another media type: %s", p.Detail)
			}
		})
	}
	file := operatorFile("x", 1)
	signed(t, "POST", "/admin/accounts/nobody/operators/import", file, map[string]string{"Content-Type": "text/csv"}, nil).refused(404, "not_found")
	p := operator(t, "operator")
	p.send("POST", "/manage/operators/import", "text/csv", file).refused(403, "forbidden")
	newBrowser(t).send("POST", "/manage/operators/import", "text/csv", file).refused(401, "not_signed_in")
}

// What is exported can be imported, and cells that a spreadsheet would take for formulas come back as they were.
func TestExport(t *testing.T) {
	for _, d := range doors(t) {
		t.Run(strings.Trim(d.name, "/"), func(t *testing.T) {
			name := unused("exp")
			file := operatorColumns + name + ",+" + name + "@import.example,=1+1,\"-x, \"\"y\"\"\",administrator\r\n"
			if r := reportOf(d.do(t, "POST", d.prefix+"/operators/import", []byte(file), map[string]string{"Content-Type": "text/csv"})); r.Created != 1 {
				t.Fatalf("import: %+v", r)
			}
			export := d.do(t, "GET", d.prefix+"/operators/export?query="+name+"&role=administrator", nil, nil).want(200)
			want := "username,email,firstName,lastName,role,state,totp,lastLoginAt\r\n" + name + ",'+" + name + "@import.example,'=1+1,\"'-x, \"\"y\"\"\",administrator,active,disabled,\r\n"
			if string(export.body) != want || export.header.Get("Content-Disposition") != `attachment; filename="operators-`+demo.AccountID+`.csv"` {
				t.Errorf("export: %q, %v\nwant %q", export.body, export.header, want)
			}
			if r := reportOf(d.do(t, "POST", d.prefix+"/operators/import", export.body, map[string]string{"Content-Type": "text/csv"})); r.Unchanged != 1 || len(r.Errors) != 0 {
				t.Errorf("import of the export: %+v", r)
			}
			d.do(t, "GET", d.prefix+"/operators/export?role=boss", nil, nil).refused(400, "invalid_request")
			d.do(t, "GET", d.prefix+"/operators/export?cursor=forged", nil, nil).refused(400, "invalid_request")
			if a := d.do(t, "GET", d.prefix+"/operators/export?query="+name+"&state=disabled", nil, nil).want(200); strings.Contains(string(a.body), name) {
				t.Errorf("disabled: %q", a.body)
			}
		})
	}
	operator(t, "operator").get("/manage/operators/export").refused(403, "forbidden")
}

// An import by its page: the form, the report, the same report when it is loaded again, and what a wrong file is told.
func TestImportPages(t *testing.T) {
	admin := alice(t)
	admin.html = true
	defer func() { admin.html = false }()
	if a := admin.get("/manage/operators?role=operator").want(200); !strings.Contains(string(a.body), "/manage/operators/import") || !strings.Contains(string(a.body), "/manage/operators/export?role=operator") {
		t.Error("the list links to no import or export")
	}
	page := admin.get("/manage/operators/import").want(200)
	key := regexp.MustCompile(`name="idempotencyKey" value="([^"]+)"`).FindSubmatch(page.body)
	if key == nil || !bytes.Contains(page.body, []byte(`enctype="multipart/form-data"`)) {
		t.Fatalf("the form: %s", page.body)
	}
	send := func(file []byte, more ...string) *answer {
		t.Helper()
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for i := 0; i < len(more); i += 2 {
			_ = w.WriteField(more[i], more[i+1])
		}
		part, err := w.CreateFormFile("file", "people.csv")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(file)
		_ = w.Close()
		return admin.send("POST", "/manage/operators/import", w.FormDataContentType(), b.Bytes())
	}
	name := unused("page")
	file := append(operatorFile(name, 2), []byte(",,,,nobody\r\n")...)
	dry := send(file, "idempotencyKey", string(key[1]), "dryRun", "false", "dryRun", "true").want(200)
	if !strings.Contains(string(dry.body), "Nothing was changed") || strings.Contains(string(dry.body), "<h2>Temporary passwords") {
		t.Errorf("a trial: %s", dry.body)
	}
	made := send(file, "idempotencyKey", string(key[1]), "dryRun", "false").want(200)
	password := regexp.MustCompile(`<th scope="row" class="long">` + name + `0</th><td>([0-9A-Z-]{19})</td>`).FindSubmatch(made.body)
	if password == nil || !strings.Contains(string(made.body), "<code>email</code>") {
		t.Fatalf("the report: %s", made.body)
	}
	if again := send(file, "idempotencyKey", string(key[1]), "dryRun", "false").want(200); !bytes.Contains(again.body, password[1]) {
		t.Errorf("loaded again: %s", again.body)
	}
	login(newBrowser(t), name+"0", string(password[1])).want(200)
	for what, bad := range map[string][]byte{"a workbook": []byte("PK\x03\x04\x00"), "nothing": nil} {
		if a := send(bad).want(400); !strings.Contains(string(a.body), `href="#f-file"`) || !strings.Contains(string(a.body), `id="f-file-wrong"`) {
			t.Errorf("%s: %s", what, a.body)
		}
	}
}
