package web

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/keys/file"
	"postern/shared/mail"
	"postern/shared/password"
	"postern/shared/queue"
	"postern/shared/store/bolt"
	"postern/shared/totp"
)

// stand is everything behind one handler: a Service on the embedded store with account "demo" and its first
// administrator, a clock, and the mails that were sent.
type stand struct {
	t       *testing.T
	service *access.Service
	handler http.Handler
	now     time.Time
	mails   []mail.Message
	waiting []waiting
	first   string // the temporary password of alice
}

type waiting struct {
	queue queue.Queue
	queue.Message
}

// Send keeps what was sent to a queue or by mail, until work does it.
func (s *stand) Send(_ context.Context, q queue.Queue, m queue.Message) error {
	s.waiting = append(s.waiting, waiting{q, m})
	return nil
}

type inbox struct{ s *stand }

func (i inbox) Send(_ context.Context, m mail.Message) error {
	i.s.mails = append(i.s.mails, m)
	return nil
}

func newStand(t *testing.T, change ...func(*Config)) *stand {
	t.Helper()
	dir := t.TempDir()
	store, err := bolt.Open(filepath.Join(dir, "postern.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	keys, err := file.Open(filepath.Join(dir, "keys"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := file.OpenSigner(filepath.Join(dir, "sign.pem"))
	if err != nil {
		t.Fatal(err)
	}
	quick := password.Params{MemoryKiB: 64, Passes: 1, Lanes: 1} // what hashing costs is not what is told here
	hasher, err := password.New(quick, 1, 10, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{t: t, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	s.service = access.New(access.Config{
		Store: store, Keys: keys, Signer: signer, Hasher: hasher, Queue: s, Now: func() time.Time { return s.now }, Origin: origin,
		Log: slog.New(slog.DiscardHandler),
	})
	c := Config{
		Service: s.service, Origin: origin, AppOrigins: []string{"https://app.example.com"}, Log: slog.New(slog.DiscardHandler),
		ClientAddress: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.7") },
		Principal: func(r *http.Request) (string, bool) {
			actor := r.Header.Get("Test-Principal")
			return actor, actor != ""
		},
	}
	for _, f := range change {
		f(&c)
	}
	s.handler = Handler(c, Functions()...)
	made, err := s.service.CreateAccount(t.Context(), access.System, access.CreateAccount{
		AccountID: "demo", Name: "Demo",
		Administrator: &access.CreateOperator{Username: "alice", Email: "alice@demo.example", FirstName: "Alice", LastName: "Adams"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.first = made.TemporaryPassword.Reveal()
	return s
}

// work does what waits in the queues.
func (s *stand) work() {
	s.t.Helper()
	mailer := access.NewMailer(s.service, inbox{s}, "postern@id.example.com")
	for len(s.waiting) > 0 {
		w := s.waiting[0]
		s.waiting = s.waiting[1:]
		do := mailer.SendMail
		if w.queue == queue.Codes {
			do = s.service.IssueCode
		}
		if err := do(s.t.Context(), w.AccountID, w.ID); err != nil {
			s.t.Fatalf("%s: %v", w.queue, err)
		}
	}
}

// lastMail gives what a pattern finds in the text of the last mail.
func (s *stand) lastMail(pattern string) string {
	s.t.Helper()
	s.work()
	if len(s.mails) == 0 {
		s.t.Fatal("no mail was sent")
	}
	text := s.mails[len(s.mails)-1].Text
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		s.t.Fatalf("%q is not in the mail:\n%s", pattern, text)
	}
	return found[1]
}

// browser is a browser, or with json set a program, with its cookies.
type browser struct {
	s       *stand
	json    bool
	cookies map[string]string
}

func (s *stand) browser() *browser { return &browser{s, false, map[string]string{}} }
func (s *stand) program() *browser { return &browser{s, true, map[string]string{}} }

// answered is what came back.
type answered struct {
	*http.Response
	text string
	said map[string]any // a JSON object
}

func (b *browser) do(method, path, body string, headers ...string) answered {
	b.s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.json {
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.s.handler.ServeHTTP(w, r)
	res := w.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	a := answered{res, string(text), nil}
	if strings.HasSuffix(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(text, &a.said); err != nil {
			b.s.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return a
}

// want asks, and fails the test unless the answer has that status and, if it is not empty, goes there or holds that text.
func (b *browser) want(status int, holds, method, path, body string, headers ...string) answered {
	b.s.t.Helper()
	a := b.do(method, path, body, headers...)
	if a.StatusCode != status || a.Header.Get("Location") != holds && !strings.Contains(a.text, holds) {
		b.s.t.Fatalf("%s %s: got %d to %q, want %d with %q:\n%s", method, path, a.StatusCode, a.Header.Get("Location"), status, holds, a.text)
	}
	if p, ok := a.said["code"].(string); ok && a.said["status"] != float64(status) {
		b.s.t.Errorf("%s %s: problem %s says status %v", method, path, p, a.said["status"])
	}
	return a
}

const (
	firstPassword = "quiet-otter-paints-13"
	nextPassword  = "brave-heron-knits-47"
)

// signedIn gives a program in which alice is signed in with a permanent password.
func (s *stand) signedIn() *browser {
	s.t.Helper()
	p := s.program()
	p.want(200, `"next":"new_password"`, "POST", "/login", `{"accountId":"demo","login":"alice","password":"`+s.first+`"}`)
	p.want(200, `"next":"done"`, "POST", "/new-password", `{"password":"`+firstPassword+`"}`)
	return p
}

// asBrowser is the same session in a browser.
func (b *browser) asBrowser() *browser { return &browser{b.s, false, b.cookies} }

// code gives the code that an authenticator with that secret (base32) shows now.
func (s *stand) code(typed string) string {
	s.t.Helper()
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(typed, " ", ""))
	if err != nil {
		s.t.Fatal(err)
	}
	c := totp.Credential{Secret: raw, Period: time.Minute, Digits: 6, Algorithm: totp.SHA1}
	return c.Code(s.now.Unix() / 60)
}
