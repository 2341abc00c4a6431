package acceptance

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/acceptance/internal/demoserver"
)

// No secret of a whole run stands in the store, the inbox, a file or the log, in any spelling (security.md 7). Exempt are demo.json and
// admin-credentials, and the passwords that the first start prints (details 15).
func TestSecretsAreNowhere(t *testing.T) {
	needOwnServer(t)
	dir := filepath.Join(t.TempDir(), "data")
	first, err := demoserver.Start(binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	// The second start prints none, and logs everything.
	var log lockedBuffer
	if err := os.Remove(filepath.Join(dir, "demo.json")); err != nil {
		t.Fatal(err)
	}
	s, err := demoserver.StartLogged(binary, dir, &log, &log, "--verbose")
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	base := s.Facts.URL

	var canaries []string
	keep := func(secrets ...string) {
		for _, c := range secrets {
			if len(c) >= 6 {
				canaries = append(canaries, c)
			}
		}
	}
	b := &browser{t: t, base: base, cookies: map[string]string{}}
	post := func(path string, body map[string]string) *answer {
		t.Helper()
		for field, v := range body {
			if field != "accountId" && field != "login" && field != "username" && field != "role" {
				keep(v)
			}
		}
		a := b.post(path, body)
		for name, c := range b.cookies {
			if name != "__Host-device" {
				keep(c[strings.LastIndexByte(c, '.')+1:])
			} else {
				keep(c)
			}
		}
		return a
	}
	mails := func(to string) mail { drain(t, base); return inbox(t, base, to)[0] }
	temporary := first.Facts.Temporary("alice")
	post("/login", map[string]string{"accountId": "demo", "login": "alice", "password": temporary}).want(200)
	post("/new-password", map[string]string{"password": "canary passphrase of alice"}).want(200)
	post("/login", map[string]string{"accountId": "demo", "login": "alice", "password": "a wrong canary passphrase"}).want(401)
	setup := post("/account/totp", map[string]string{"password": "canary passphrase of alice"}).want(201)
	keep(setup.text("secret"))
	code := totp(t, setup.text("secret"), now(t, base), 60)
	post("/account/totp/confirm", map[string]string{"code": code}).want(200)
	created := b.post("/manage/operators", map[string]string{"username": "canary", "email": "canary@x.example", "firstName": "C", "lastName": "C", "role": "operator"}).want(201)
	keep(created.text("temporaryPassword"))
	post("/reset-request", map[string]string{"accountId": "demo", "login": "bob"}).want(202)
	m := mails("bob@demo.example")
	token := find(t, linkLine, m)
	keep(find(t, codeLine, m), strings.ReplaceAll(find(t, codeLine, m), "-", ""), token[strings.LastIndexByte(token, '.')+1:])
	post("/reset-confirm", map[string]string{"token": token}).want(200)
	post("/new-password", map[string]string{"password": "canary passphrase of bob"}).want(200)
	post("/single-use-code", map[string]string{"accountId": "demo", "login": "carol"}).want(202)
	single := find(t, codeLine, mails("carol@demo.example"))
	keep(single)
	post("/login", map[string]string{"accountId": "demo", "login": "carol", "password": single}).want(200)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if len(canaries) < 15 {
		t.Fatalf("only %d secrets were seen", len(canaries))
	}
	look := func(where string, content []byte) {
		for _, c := range canaries {
			for _, spelt := range []string{
				c, hex.EncodeToString([]byte(c)), base64.StdEncoding.EncodeToString([]byte(c)), base64.RawURLEncoding.EncodeToString([]byte(c)), url.QueryEscape(c),
			} {
				if bytes.Contains(content, []byte(spelt)) && !(len(c) == 6 && strings.Trim(c, "0123456789") == "") {
					t.Errorf("%s shows a secret, as %.12s…", where, spelt)
				}
			}
		}
	}
	look("the log", []byte(log.String()))
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "demo.json" || e.Name() == "admin-credentials" {
			return err
		}
		content, err := os.ReadFile(path)
		look(e.Name(), content)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
