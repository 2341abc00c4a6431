package acceptance

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"postern/shared/captcha"
)

// browser is a client with cookies of its own. On http://localhost it keeps Secure cookies, as browsers do.
type browser struct {
	t       testing.TB
	base    string
	html    bool              // asks for pages, as people do
	headers map[string]string // sent with every request
	mu      sync.Mutex
	cookies map[string]string
}

func newBrowser(t testing.TB) *browser {
	return &browser{t: t, base: demo.URL, cookies: map[string]string{}}
}

// answer is what came back.
type answer struct {
	t       testing.TB
	what    string
	status  int
	header  http.Header
	body    []byte
	cookies []*http.Cookie
}

var plain = &http.Client{
	Timeout:       time.Minute,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (b *browser) cookie(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cookies[name]
}

func (b *browser) setCookie(name, value string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if value == "" {
		delete(b.cookies, name)
	} else {
		b.cookies[name] = value
	}
}

// send sends any body.
func (b *browser) send(method, path, contentType string, body []byte) *answer {
	b.t.Helper()
	r, err := http.NewRequest(method, b.base+path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	r.Header.Set("Accept", "application/json")
	if b.html {
		r.Header.Set("Accept", "text/html,application/xhtml+xml")
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for k, v := range b.headers {
		r.Header.Set(k, v)
	}
	b.mu.Lock()
	for name, v := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: v})
	}
	b.mu.Unlock()
	resp, err := plain.Do(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			c.Value = ""
		}
		b.setCookie(c.Name, c.Value)
	}
	contract.check(b.t, r, resp, raw)
	return &answer{t: b.t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, body: raw, cookies: resp.Cookies()}
}

// do sends JSON; a nil body is none.
func (b *browser) do(method, path string, body any) *answer {
	b.t.Helper()
	if body == nil {
		return b.send(method, path, "", nil)
	}
	return b.send(method, path, "application/json", encoded(b.t, body))
}

// encoded is a body as it is sent: JSON, but a file as it is.
func encoded(t testing.TB, body any) []byte {
	t.Helper()
	if file, ok := body.([]byte); ok || body == nil {
		return file
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (b *browser) get(path string) *answer            { b.t.Helper(); return b.do("GET", path, nil) }
func (b *browser) post(path string, body any) *answer { b.t.Helper(); return b.do("POST", path, body) }

// form sends a form, as a page without JavaScript does.
func (b *browser) form(path string, fields ...string) *answer {
	b.t.Helper()
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return b.send("POST", path, "application/x-www-form-urlencoded", []byte(v.Encode()))
}

// want expects a status, and gives the answer back.
func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: got %d, want %d\n%.600s", a.what, a.status, status, a.body)
	}
	return a
}

// problem is RFC 9457 as Postern fills it.
type problem struct {
	Type, Title, Detail, Code, RequestID string
	Status                               int
	Errors                               []struct{ Field, Code, Message string }
	Captcha                              *captcha.Challenge
}

// refused expects a problem.
func (a *answer) refused(status int, code string) problem {
	a.t.Helper()
	var p problem
	if err := json.Unmarshal(a.want(status).body, &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		a.t.Fatalf("%s: no problem+json: %s, %v\n%.300s", a.what, a.header.Get("Content-Type"), err, a.body)
	}
	if p.Code != code || p.Status != status || p.Type == "" || p.Title == "" || p.Detail == "" || p.RequestID == "" || p.RequestID != a.header.Get("X-Request-Id") {
		a.t.Fatalf("%s: got problem %s, want code %s", a.what, a.body, code)
	}
	return p
}

// field reads one value of a JSON answer: "session.kind".
func (a *answer) field(path string) any {
	a.t.Helper()
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("%s: %v\n%.300s", a.what, err, a.body)
	}
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (a *answer) text(path string) string {
	a.t.Helper()
	s, ok := a.field(path).(string)
	if !ok {
		a.t.Fatalf("%s: no text %s in %.300s", a.what, path, a.body)
	}
	return s
}

// mail is one of the inbox.
type mail struct{ ID, From, To, Subject, Text, HTML string }

func inbox(t testing.TB, base, to string) []mail {
	t.Helper()
	b := &browser{t: t, base: base, cookies: map[string]string{}}
	var all struct{ Items []mail }
	if err := json.Unmarshal(b.get("/_local/inbox").want(200).body, &all); err != nil {
		t.Fatal(err)
	}
	var found []mail
	for _, m := range all.Items {
		if m.To == to {
			found = append(found, m)
		}
	}
	return found
}

// drain has the outbox and the queue done: it answers when they are.
func drain(t testing.TB, base string) {
	t.Helper()
	b := &browser{t: t, base: base, cookies: map[string]string{}}
	b.post("/_local/run/sweepoutbox", nil).want(200)
}

// newest waits for nothing: it has the queue drained, and gives the newest mail with that subject.
func newest(t testing.TB, to, subject string) mail {
	t.Helper()
	drain(t, demo.URL)
	for _, m := range inbox(t, demo.URL, to) {
		if strings.Contains(m.Subject, subject) {
			return m
		}
	}
	t.Fatalf("no mail %q to %s; there are %v", subject, to, inbox(t, demo.URL, to))
	return mail{}
}

var (
	codeLine      = regexp.MustCompile(`(?m)^([0-9A-Z]{5}-[0-9A-Z]{5})$`)
	linkLine      = regexp.MustCompile(`(?m)^(http\S+/reset-confirm#(\S+))$`)
	temporaryLine = regexp.MustCompile(`(?m)^([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})$`)
)

func find(t testing.TB, re *regexp.Regexp, m mail) string {
	t.Helper()
	f := re.FindStringSubmatch(m.Text)
	if f == nil {
		t.Fatalf("mail %q holds no %s:\n%s", m.Subject, re, m.Text)
	}
	return f[len(f)-1]
}

// now is the server's time.
func now(t testing.TB, base string) time.Time { t.Helper(); return advance(t, base, 0) }

// advance moves the server's clock forward.
func advance(t testing.TB, base string, d time.Duration) time.Time {
	t.Helper()
	b := &browser{t: t, base: base, cookies: map[string]string{}}
	at, err := time.Parse(time.RFC3339Nano, b.post("/_local/clock", map[string]string{"advance": d.String()}).want(200).text("now"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// totp is an app's code at the server's time, in steps of period seconds.
func totp(t testing.TB, secret string, at time.Time, period int64) string {
	t.Helper()
	if _, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret); err != nil {
		t.Fatalf("secret %q is not base32: %v", secret, err)
	}
	code, err := hotp.GenerateCode(secret, uint64(at.Unix()/period))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// freshStep waits, by the server's clock, for a step in which no code was used.
func freshStep(t testing.TB) time.Time { t.Helper(); return advance(t, demo.URL, time.Minute) }

// person is an operator of the demo, and what they know.
type person struct {
	*browser
	id, username, email, password string
	secret                        string // TOTP
}

const passphrase = "a passphrase of good length "

var (
	aliceOnce sync.Once
	aliceIs   *person
)

// alice is the demo's first administrator, signed in. Her browser is known: what other tests spend does not keep her out.
func alice(t testing.TB) *person {
	t.Helper()
	aliceOnce.Do(func() {
		p := &person{browser: newBrowser(t), username: "alice", email: "alice@demo.example", password: demo.Temporary("alice")}
		p.signIn().want(200)
		p.choose(passphrase + "alice")
		aliceIs = p
	})
	if aliceIs == nil {
		t.Fatal("alice could not sign in")
	}
	aliceIs.t = t
	if a := aliceIs.get("/session"); a.status != 200 || a.text("kind") != "full" {
		if aliceIs.signIn().want(200).text("next") == "new_password" { // other tests let passwords expire
			aliceIs.choose(passphrase + "alice " + rand.Text())
		}
	}
	return aliceIs
}

// signIn does the first step of a login, solving a CAPTCHA if one is asked for.
func (p *person) signIn() *answer {
	p.t.Helper()
	return login(p.browser, p.username, p.password)
}

func login(b *browser, name, password string) *answer {
	b.t.Helper()
	body := map[string]string{"accountId": demo.AccountID, "login": name, "password": password}
	a := b.post("/login", body)
	if a.status == 403 {
		if p := a.refused(403, "captcha_required"); p.Captcha != nil {
			body["captcha"] = captcha.Solve(*p.Captcha)
			a = b.post("/login", body)
		}
	}
	return a
}

// choose replaces the password that is owed.
func (p *person) choose(password string) *answer {
	p.t.Helper()
	a := p.post("/new-password", map[string]string{"password": password}).want(200)
	p.password = password
	return a
}

// unused makes a name that nothing has yet.
func unused(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:10]) }

// newcomer makes an operator, who still has the temporary password.
func newcomer(t testing.TB, role string) *person {
	t.Helper()
	name := unused("op")
	p := &person{browser: newBrowser(t), username: name, email: name + "@people.example"}
	a := alice(t).post("/manage/operators", map[string]string{
		"username": p.username, "email": p.email, "firstName": "First" + name, "lastName": "Last", "role": role,
	}).want(201)
	p.id, p.password = a.text("operator.operatorId"), a.text("temporaryPassword")
	return p
}

// operator makes an operator with a password of their own, signed in.
func operator(t testing.TB, role string) *person {
	t.Helper()
	p := newcomer(t, role)
	p.signIn().want(200)
	p.choose(passphrase + p.username[3:])
	return p
}

// enableTOTP sets two-factor authentication up.
func (p *person) enableTOTP(period int64) {
	p.t.Helper()
	p.secret = p.post("/account/totp", map[string]string{"password": p.password}).want(201).text("secret")
	a := p.post("/account/totp/confirm", map[string]string{"code": totp(p.t, p.secret, now(p.t, demo.URL), period)}).want(200)
	if got := int64(a.field("period").(float64)); got != period {
		p.t.Fatalf("the app counts %d seconds, and %d were detected", period, got)
	}
}

// requestReset asks for a reset and gives the mail.
func (p *person) requestReset() mail {
	p.t.Helper()
	submit(p.browser, "/reset-request", p.username)
	return newest(p.t, p.email, "new password")
}

func submit(b *browser, path, name string) *answer {
	b.t.Helper()
	body := map[string]string{"accountId": demo.AccountID, "login": name}
	a := b.post(path, body)
	if a.status == 403 {
		if p := a.refused(403, "captcha_required"); p.Captcha != nil {
			body["captcha"] = captcha.Solve(*p.Captcha)
			a = b.post(path, body)
		}
	}
	if a.want(202).text("status") != "submitted" {
		b.t.Fatalf("%s: %s", path, a.body)
	}
	return a
}

// rest lets budgets fill again and failures be forgotten. Sessions that are not used end meanwhile.
func rest(t testing.TB) { t.Helper(); advance(t, demo.URL, 20*time.Minute) }

func sprint(v ...any) string { return fmt.Sprint(v...) }
