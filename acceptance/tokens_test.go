package acceptance

import (
	"bytes"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// device is a hardware token in somebody's hand: eight digits every 60 seconds, SHA-256.
type device struct {
	serial string
	ahead  time.Duration // how far its clock is ahead
}

const deviceSecret = "12345678901234567890123456789012"

func (d device) body() map[string]any {
	return map[string]any{
		"serial": d.serial, "secret": hex.EncodeToString([]byte(deviceSecret)), "encoding": "hex", "digits": 8, "period": 60, "algorithm": "SHA256",
	}
}

// code is what the device shows at the server's time.
func (d device) code(t testing.TB, at time.Time) string {
	t.Helper()
	code, err := hotp.GenerateCodeCustom(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(deviceSecret)),
		uint64(at.Add(d.ahead).Unix()/60), hotp.ValidateOpts{Digits: 8, Algorithm: otp.AlgorithmSHA256})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// second does the second step of a login with what the device shows in a step of its own.
func (d device) second(p *person) *answer {
	p.t.Helper()
	return p.post("/login/totp", map[string]string{"code": d.code(p.t, freshStep(p.t))})
}

func pskcFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "shared", "totp", "pskc", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A token's whole life through either door: imported, assigned, waiting, in use, lost, another in its place, deleted (behaviour 6.5, 6.6).
func TestHardwareToken(t *testing.T) {
	for _, door := range doors(t) {
		t.Run(strings.Trim(door.name, "/"), func(t *testing.T) {
			do := func(method, path string, body any) *answer {
				t.Helper()
				return door.do(t, method, door.prefix+path, body, nil)
			}
			p := operator(t, "operator")
			d, other := device{serial: unused("SN"), ahead: 5 * time.Minute}, device{serial: unused("SN"), ahead: -5 * time.Minute}
			made := do("POST", "/tokens", d.body()).want(201)
			if made.text("serial") != d.serial || made.field("digits").(float64) != 8 || strings.Contains(string(made.body), "secret") || made.field("assignedTo") != nil {
				t.Errorf("made: %s", made.body)
			}
			do("POST", "/tokens", d.body()).refused(409, "conflict")
			do("POST", "/tokens", other.body()).want(201)

			assign := "/operators/" + p.id + "/totp"
			if p := do("PUT", assign, map[string]string{"serial": unused("SN")}).refused(400, "invalid_request"); len(p.Errors) != 1 || p.Errors[0].Field != "serial" {
				t.Errorf("a serial number that there is not: %+v", p)
			}
			do("PUT", assign, map[string]string{"serial": d.serial, "code": "12345678"}).refused(401, "invalid_code")
			if o := do("PUT", assign, map[string]string{"serial": d.serial}).want(200); o.field("totp.enabled") != false || o.text("totp.serial") != d.serial {
				t.Errorf("assigned: %s", o.body)
			}
			newest(t, p.email, "hardware token was assigned")
			do("PUT", assign, map[string]string{"serial": d.serial}).want(200) // twice is once
			do("PUT", assign, map[string]string{"serial": other.serial}).refused(409, "conflict")
			do("DELETE", "/tokens/"+d.serial, nil).refused(409, "conflict")
			somebody := operator(t, "operator")
			do("PUT", "/operators/"+somebody.id+"/totp", map[string]string{"serial": d.serial}).refused(409, "conflict")

			// The next login asks for it; its clock is five minutes ahead.
			if p.signIn().want(200).text("next") != "totp" {
				t.Fatal("no code is asked for")
			}
			p.post("/login/totp", map[string]string{"code": "00000000"}).refused(401, "invalid_code")
			if d.second(p).want(200).text("next") != "done" {
				t.Error("the first code does not let in")
			}
			newest(t, p.email, "Two-factor authentication was enabled")
			if a := p.get("/account").want(200); a.text("totp.source") != "hardware" || a.text("totp.serial") != d.serial || a.field("totp.digits").(float64) != 8 {
				t.Errorf("account: %s", a.body)
			}
			p.signIn().want(200)
			right := device{serial: d.serial}
			right.second(p).refused(401, "invalid_code") // it goes by its own clock now
			d.second(p).want(200)
			do("PUT", assign, map[string]string{"serial": other.serial}).refused(409, "conflict")

			// Lost: an administrator disables it, and assigns another, which works at once.
			do("DELETE", assign, map[string]string{"reason": "lost"}).want(204)
			do("PUT", assign, map[string]string{"serial": other.serial, "code": other.code(t, freshStep(t))}).want(200)
			if p.signIn().want(200).text("next") != "totp" {
				t.Fatal("no code of the other token is asked for")
			}
			other.second(p).want(200)
			do("DELETE", "/tokens/"+d.serial, nil).want(204)
			do("DELETE", "/tokens/"+d.serial, nil).refused(404, "not_found")
			do("DELETE", "/operators/"+p.id, nil).want(204)
			do("PUT", "/operators/"+somebody.id+"/totp", map[string]string{"serial": other.serial}).want(200) // it went back with its holder

			notices := do("GET", "/notices?query="+d.serial+"&limit=200", nil).want(200)
			for _, must := range []string{"token.imported", "token.assigned", "totp.enabled", "totp.disabled_by_administrator", "token.deleted"} {
				if !strings.Contains(string(notices.body), must) {
					t.Errorf("no notice %s of %s", must, d.serial)
				}
			}
		})
	}
	me := alice(t)
	id := me.get("/session").want(200).text("operatorId")
	me.do("PUT", "/manage/operators/"+id+"/totp", map[string]string{"serial": unused("SN")}).refused(409, "conflict")
	p := operator(t, "operator")
	p.do("PUT", "/manage/operators/"+id+"/totp", map[string]string{"serial": "x"}).refused(403, "forbidden")
	p.get("/manage/tokens").refused(403, "forbidden")
	newBrowser(t).get("/manage/tokens").refused(401, "not_signed_in")
}

// A policy that requires two-factor authentication is satisfied by a token that waits; an app may take its place.
func TestAppInPlaceOfAToken(t *testing.T) {
	admin, p := alice(t), operator(t, "operator")
	d := device{serial: unused("SN")}
	admin.post("/manage/tokens", d.body()).want(201)
	admin.do("PUT", "/manage/operators/"+p.id+"/totp", map[string]string{"serial": d.serial}).want(200)
	p.enableTOTP(60)
	if a := p.get("/account").want(200); a.text("totp.source") != "app" || a.field("totp.serial") != nil {
		t.Errorf("account: %s", a.body)
	}
	admin.do("DELETE", "/manage/tokens/"+d.serial, nil).want(204)
}

// Of twenty who assign one token at the same moment one wins.
func TestAssignAtOnce(t *testing.T) {
	d := device{serial: unused("SN")}
	alice(t).post("/manage/tokens", d.body()).want(201)
	var ids []string
	for range 20 {
		ids = append(ids, newcomer(t, "operator").id)
	}
	statuses := make([]int, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			statuses[i] = signed(t, "PUT", "/admin/accounts/"+demo.AccountID+"/operators/"+id+"/totp", map[string]string{"serial": d.serial}, nil, nil).status
		})
	}
	wg.Wait()
	slices.Sort(statuses)
	if statuses[0] != 200 || statuses[1] != 409 || statuses[len(statuses)-1] != 409 {
		t.Errorf("statuses: %v", statuses)
	}
}

// tokenReport is the answer of an import.
type tokenReport struct {
	Rows, Created, Unchanged int
	Errors                   []struct {
		Row                  int
		Field, Code, Message string
	}
}

func (r tokenReport) String() string {
	s := fmt.Sprintf("%d rows, %d created, %d unchanged", r.Rows, r.Created, r.Unchanged)
	for _, e := range r.Errors {
		s += fmt.Sprintf("; %d %s %s", e.Row, e.Field, e.Code)
	}
	return s
}

func TestImportTokens(t *testing.T) {
	const csv, pskc = "text/csv", "application/pskc+xml"
	const key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	for _, door := range doors(t) {
		t.Run(strings.Trim(door.name, "/"), func(t *testing.T) {
			path := door.prefix + "/tokens/import"
			send := func(query, mediaType string, file []byte, headers ...string) *answer {
				t.Helper()
				all := map[string]string{"Content-Type": mediaType}
				for i := 0; i < len(headers); i += 2 {
					all[headers[i]] = headers[i+1]
				}
				return door.do(t, "POST", path+query, file, all)
			}
			report := func(a *answer) string {
				t.Helper()
				var r tokenReport
				if err := json.Unmarshal(a.want(200).body, &r); err != nil {
					t.Fatal(err)
				}
				for _, e := range r.Errors {
					if e.Message == "" || strings.Contains(e.Message, "field.") {
						t.Errorf("an error without words: %+v", e)
					}
				}
				return r.String()
			}
			is := func(what, got, want string) {
				t.Helper()
				if got != want {
					t.Errorf("%s: %s, want %s", what, got, want)
				}
			}
			sn := unused("IM")
			named := func(file []byte) []byte { return bytes.ReplaceAll(file, []byte("TEST-"), []byte(sn+"-")) }

			// PSKC, encrypted with a pre-shared key; first to see, then really, then once more.
			encrypted := named(pskcFile(t, "aes256-hmac-sha256.xml"))
			is("dry run", report(send("?dryRun=true", pskc, encrypted, "X-Pskc-Key", key)), "4 rows, 4 created, 0 unchanged")
			for what, refused := range map[string]struct {
				file  []byte
				key   string
				field string
			}{
				"no key":          {encrypted, "", "key"},
				"another key":     {encrypted, strings.Repeat("ab", 32), "key"},
				"a key too short": {encrypted, "abcd", "key"},
				"a key not hex":   {encrypted, "xyz", "key"},
				"cut off":         {encrypted[:len(encrypted)-30], key, "file"},
				"an entity":       {append([]byte(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>`), encrypted...), key, "file"},
				"CSV":             {[]byte("serial,secret,encoding\n"), key, "file"},
			} {
				headers := []string{"X-Pskc-Key", refused.key}
				if refused.key == "" {
					headers = nil
				}
				if p := send("", pskc, refused.file, headers...).refused(400, "invalid_request"); len(p.Errors) != 1 || p.Errors[0].Field != refused.field {
					t.Errorf("%s: %+v", what, p)
				}
			}
			if a := door.do(t, "GET", door.prefix+"/tokens?limit=200", nil, nil).want(200); strings.Contains(string(a.body), sn) {
				t.Errorf("what was refused or tried was imported: %s", a.body)
			}
			changed := bytes.Replace(encrypted, []byte("<pskc:ValueMAC>d"), []byte("<pskc:ValueMAC>e"), 1)
			is("a MAC that does not fit", report(send("", pskc, changed, "X-Pskc-Key", key)), "4 rows, 3 created, 0 unchanged; 1 secret pskc_mac_wrong")
			is("PSKC", report(send("", pskc, encrypted, "X-Pskc-Key", key)), "4 rows, 1 created, 3 unchanged")
			is("the same, plain", report(send("", pskc, named(pskcFile(t, "plain.xml")))), "4 rows, 0 created, 4 unchanged")
			is("figure 6 of the RFC", report(send("", pskc, pskcFile(t, "rfc6030-figure6.xml"), "X-Pskc-Key", "12345678901234567890123456789012")),
				"1 rows, 0 created, 0 unchanged; 1 algorithm pskc_not_totp")
			passphrase := bytes.ReplaceAll(named(pskcFile(t, "pbkdf2-hmac-sha256.xml")), []byte("-0001"), []byte("-0009"))
			is("a passphrase", report(send("", pskc, passphrase, "X-Pskc-Key", hex.EncodeToString([]byte("pässword")))), "1 rows, 1 created, 0 unchanged")

			// As a German spreadsheet saves it, with what is wrong in it.
			secret := strings.Repeat("ab", 20)
			sheet := "\uFEFFSerial;Secret;Encoding;Digits;Period;Algorithm\r\n" + sn + "-a;" + secret + ";hex;;;\r\n" + sn + "-b;" + secret + ";hex;8;30;SHA512\r\n" +
				sn + "-a;" + secret + ";hex;;;\r\n" + sn + "-0001;" + secret + ";hex;;;\r\n" + sn + "-c;abc;base32;;;\r\n" + sn + "/d;" + secret + ";hex;5;45;MD5\r\n"
			want := "; 3 serial repeated; 4 serial token_exists; 5 secret not_base32; 6 serial invalid_serial; 6 digits out_of_range; 6 period invalid_period; 6 algorithm not_one_of"
			is("CSV", report(send("", csv, []byte(sheet))), "6 rows, 2 created, 0 unchanged"+want)
			is("CSV again", report(send("", csv, []byte(sheet))), "6 rows, 0 created, 2 unchanged"+want)

			// The list goes through all of them, in order and in pages, and never shows a secret.
			var serials []string
			for cursor := ""; ; {
				a := door.do(t, "GET", door.prefix+"/tokens?limit=3&cursor="+cursor, nil, nil).want(200)
				if strings.Contains(string(a.body), secret) || strings.Contains(string(a.body), `"secret"`) {
					t.Fatalf("a secret came back: %s", a.body)
				}
				for _, item := range a.field("items").([]any) {
					serials = append(serials, item.(map[string]any)["serial"].(string))
				}
				if a.field("next") == nil {
					break
				}
				cursor = a.text("next")
			}
			if mine := slices.DeleteFunc(slices.Clone(serials), func(s string) bool { return !strings.HasPrefix(s, sn) }); len(mine) != 7 || !slices.IsSorted(serials) {
				t.Errorf("listed: %v of %d", mine, len(serials))
			}
			door.do(t, "GET", door.prefix+"/tokens?cursor=forged", nil, nil).refused(400, "invalid_request")

			for what, file := range map[string]string{
				"a workbook": "PK\x03\x04\x14\x00", "another table": "a,b\n1,2\n", "a column missing": "serial,secret\n1,2\n", "no file": "", "a header alone": "serial,secret,encoding\n",
				"a million columns": strings.Repeat("serial,", 500_000),
			} {
				if p := send("", csv, []byte(file)).refused(400, "invalid_request"); len(p.Errors) != 1 || p.Errors[0].Field != "file" {
					t.Errorf("%s: %+v", what, p)
				}
			}
			var many strings.Builder
			many.WriteString("serial,secret,encoding\n")
			for i := range 10_001 {
				fmt.Fprintf(&many, "%s-x%d,%s,hex\n", sn, i, secret)
			}
			send("", csv, []byte(many.String())).refused(413, "payload_too_large")
			send("", "application/json", []byte("{}")).refused(415, "unsupported_media_type")
			send("?dryRun=perhaps", csv, []byte(sheet)).refused(400, "invalid_request")
		})
	}
	// As browsers send it: a form, whose key is a passphrase as it is typed.
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, content := range map[string]string{"file": string(pskcFile(t, "pbkdf2-hmac-sha256.xml")), "key": "pässword", "dryRun": "true"} {
		create := w.CreateFormField
		if name == "file" {
			create = func(name string) (io.Writer, error) { return w.CreateFormFile(name, "tokens.xml") }
		}
		part, err := create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write([]byte(content))
	}
	_ = w.Close()
	if a := alice(t).send("POST", "/manage/tokens/import", w.FormDataContentType(), b.Bytes()).want(200); a.field("rows").(float64) != 1 || len(a.field("errors").([]any)) != 0 {
		t.Errorf("form: %s", a.body)
	}
	signed(t, "POST", "/admin/accounts/nobody/tokens/import", []byte("serial,secret,encoding\nx,00,hex\n"), map[string]string{"Content-Type": "text/csv"}, nil).refused(404, "not_found")
	p := operator(t, "operator")
	p.send("POST", "/manage/tokens/import", "text/csv", []byte("serial,secret,encoding\n")).refused(403, "forbidden")
}

// 6 MB are more than an import may have; a gateway may say so in its own words.
func TestTokenFileTooLong(t *testing.T) {
	needOwnServer(t)
	alice(t).send("POST", "/manage/tokens/import", "application/pskc+xml", bytes.Repeat([]byte(" "), 6_000_000)).refused(413, "payload_too_large")
}

func TestTokensRefuse(t *testing.T) {
	admin := alice(t)
	for field, value := range map[string]any{"serial": "a/b", "secret": "xyz", "encoding": "base64", "digits": 9, "period": 45, "algorithm": "MD5"} {
		body := device{serial: unused("SN")}.body()
		body[field] = value
		if p := admin.post("/manage/tokens", body).refused(400, "invalid_request"); len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %+v", field, p)
		}
		delete(body, field)
		if field == "serial" || field == "secret" || field == "encoding" {
			admin.post("/manage/tokens", body).refused(400, "invalid_request")
		} else {
			admin.post("/manage/tokens", body).want(201)
		}
	}
	admin.do("DELETE", "/manage/tokens/"+unused("SN"), nil).refused(404, "not_found")
	admin.do("DELETE", "/manage/tokens/%20", nil).refused(404, "not_found")
}

// typed runs a command with something on standard input.
func typed(t *testing.T, in string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "AWS_PROFILE=postern", "AWS_EC2_METADATA_DISABLED=true", "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(folder, "admin-credentials"), "POSTERN_ENDPOINT="+demo.URL)
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	_ = cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestTokenCommands(t *testing.T) {
	p := operator(t, "operator")
	d := device{serial: unused("CLI")}
	run := func(want int, in string, args ...string) (string, string) {
		t.Helper()
		out, errs, code := typed(t, in, append([]string{"tokens"}, args...)...)
		if code != want {
			t.Fatalf("tokens %v: exit %d, want %d\n%s%s", args, code, want, out, errs)
		}
		return out, errs
	}
	account, token := []string{"--account", demo.AccountID}, []string{"--account", demo.AccountID, "--serial", d.serial}
	with := func(base []string, more ...string) []string { return append(slices.Clone(more), base...) }
	secret := hex.EncodeToString([]byte(deviceSecret))
	if out, _ := run(0, secret+"\n", with(token, "create", "--digits", "8", "--algorithm", "SHA256")...); !strings.Contains(out, d.serial) || strings.Contains(out, secret) {
		t.Errorf("create: %q", out)
	}
	run(254, secret+"\n", with(token, "create")...)
	run(252, "", with(token, "create")...)
	if out, _ := run(0, "", with(account, "list", "--free", "--output", "csv")...); !strings.Contains(out, d.serial+",8,60,SHA256,\r\n") {
		t.Errorf("list: %q", out)
	}
	if _, said := run(254, "", with(token, "take-back")...); !strings.Contains(said, "nobody") {
		t.Errorf("take-back of what nobody has: %q", said)
	}
	run(254, "123456\n", with(token, "assign", "--operator", p.username, "--with-code")...)
	if _, said := run(0, "", with(token, "assign", "--operator", p.username)...); !strings.Contains(said, "at the next login") {
		t.Errorf("assign: %q", said)
	}
	if _, said := run(0, d.code(t, freshStep(t))+"\n", with(token, "assign", "--operator", p.username, "--with-code")...); !strings.Contains(said, "from now on") {
		t.Errorf("assign with a code: %q", said)
	}
	if out, _ := run(0, "", with(account, "list", "--free")...); strings.Contains(out, d.serial) {
		t.Errorf("an assigned token is free: %q", out)
	}
	run(254, "", with(token, "delete", "--yes")...)
	run(0, "", with(token, "take-back", "--reason", "lost")...)
	if p.signIn().want(200).text("next") != "done" {
		t.Error("a code is asked for after take-back")
	}
	if _, said := run(252, "", with(token, "delete")...); !strings.Contains(said, "--yes") {
		t.Errorf("delete without --yes: %q", said)
	}
	run(0, "", with(token, "delete", "--yes")...)
	run(254, "", with(token, "take-back")...)

	folder := t.TempDir()
	write := func(name string, content []byte) string {
		t.Helper()
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	pskc := write("tokens.xml", bytes.ReplaceAll(pskcFile(t, "pbkdf2-hmac-sha256.xml"), []byte("TEST"), []byte(d.serial)))
	key, wrong := write("key", []byte("pässword\n")), write("wrong", []byte("password\n"))
	if _, said := run(0, "pässword\n", with(account, "import", "--file", pskc, "--dry-run")...); !strings.Contains(said, "1 rows: 1 would be added, 0 there already, 0 wrong.") {
		t.Errorf("dry run: %q", said)
	}
	if _, said := run(254, "", with(account, "import", "--file", pskc, "--key-file", wrong)...); !strings.Contains(said, "key: This key does not open the file") {
		t.Errorf("wrong passphrase: %q", said)
	}
	run(252, "", with(account, "import", "--file", pskc)...)
	run(0, "", with(account, "import", "--file", pskc, "--key-file", key)...)
	if _, said := run(0, "", with(account, "import", "--file", pskc, "--key-file", key)...); !strings.Contains(said, "0 added, 1 there already") {
		t.Errorf("import again: %q", said)
	}
	six := write("six.xml", pskcFile(t, "rfc6030-figure6.xml"))
	if out, said := run(1, "12345678901234567890123456789012\n", with(account, "import", "--file", six)...); !strings.Contains(out, "TOTP") || !strings.Contains(said, "1 of 1 rows are wrong") {
		t.Errorf("HOTP: %q, %q", out, said)
	}
	run(252, "not hex\n", with(account, "import", "--file", six)...)
	if _, said := run(0, "serial,secret,encoding\n"+d.serial+"-csv,"+secret+",hex\n", with(account, "import", "--file", "-")...); !strings.Contains(said, "1 added") {
		t.Errorf("CSV from standard input: %q", said)
	}
	run(254, "a,b\n", with(account, "import", "--file", "-")...)
	run(252, "", with(account, "import", "--file", filepath.Join(folder, "nowhere"))...)
	run(252, "", with(account, "import")...)
	run(252, "", "list")
}
