package browser

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"
)

// person is an operator, and what they know.
type person struct {
	id, username, email, firstName, password string
	secret                                   string // of the authenticator app, or ""
}

const passphrase = "a passphrase of good length "

// client speaks JSON, for what a test needs to be there before it begins.
type client struct {
	cookies map[string]string
}

// post sends a body, and gives the fields of the answer, which must be a success.
func (c *client) post(path string, body any) (map[string]any, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return c.send("POST", path, raw)
}

func (c *client) send(method, path string, body []byte) (map[string]any, error) {
	r, err := http.NewRequest(method, demo.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, v := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: v})
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	for _, k := range response.Cookies() {
		c.cookies[k.Name] = k.Value
	}
	fields := map[string]any{}
	if len(raw) > 0 {
		err = json.Unmarshal(raw, &fields)
	}
	if err != nil || response.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s %.300s %w", method, path, response.Status, raw, err)
	}
	return fields, nil
}

func (c *client) must(t *testing.T, path string, body any) map[string]any {
	t.Helper()
	fields, err := c.post(path, body)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func (c *client) signIn(t *testing.T, p *person) {
	t.Helper()
	c.must(t, "/login", map[string]string{"accountId": demo.AccountID, "login": p.username, "password": p.password})
}

var administrator struct {
	sync.Mutex
	person
	client
}

// office is bob's client, signed in: the demo's administrator who makes the others.
func office(t *testing.T) *client {
	t.Helper()
	needBrowser(t)
	a := &administrator
	a.Lock()
	defer a.Unlock()
	if a.username == "" {
		a.username, a.password, a.cookies = "bob", demo.Temporary("bob"), map[string]string{}
		a.signIn(t, &a.person)
		a.password = passphrase + "bob"
		a.must(t, "/new-password", map[string]string{"password": a.password})
	}
	if _, err := a.send("GET", "/session", nil); err != nil { // the clock was moved on
		a.signIn(t, &a.person)
	}
	return &a.client
}

// newcomer makes an operator who still has the temporary password. The clock is moved on first, so that nobody is asked for
// a puzzle for what other tests got wrong; who is signed in already is signed out by that if it happens often.
func newcomer(t *testing.T, role string) *person {
	t.Helper()
	needBrowser(t)
	advance(t, "20m")
	name := strings.ToLower("op-" + rand.Text()[:10])
	p := &person{username: name, email: name + "@people.example", firstName: "Ingeborg"}
	made := office(t).must(t, "/manage/operators", map[string]string{
		"username": p.username, "email": p.email, "firstName": p.firstName, "lastName": "Bachmann", "role": role,
	})
	operator, _ := made["operator"].(map[string]any)
	p.id, _ = operator["operatorId"].(string)
	p.password, _ = made["temporaryPassword"].(string)
	return p
}

// operator makes one with a password of their own.
func operator(t *testing.T, role string) *person {
	t.Helper()
	p := newcomer(t, role)
	c := &client{cookies: map[string]string{}}
	c.signIn(t, p)
	p.password = passphrase + p.username[3:]
	c.must(t, "/new-password", map[string]string{"password": p.password})
	return p
}

// withApp makes an operator with two-factor authentication.
func withApp(t *testing.T, role string) *person {
	t.Helper()
	p := operator(t, role)
	c := &client{cookies: map[string]string{}}
	c.signIn(t, p)
	p.secret, _ = c.must(t, "/account/totp", map[string]string{"password": p.password})["secret"].(string)
	c.must(t, "/account/totp/confirm", map[string]string{"code": p.code(t)})
	return p
}

// code is what the person's app shows: the server's clock is moved on until it is a new one.
func (p *person) code(t *testing.T) string {
	t.Helper()
	code, err := hotp.GenerateCode(p.secret, uint64(advance(t, "1m").Unix()/60))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// advance moves the server's clock on, and gives its time.
func advance(t *testing.T, by string) time.Time {
	t.Helper()
	now, _ := (&client{cookies: map[string]string{}}).must(t, "/_local/clock", map[string]string{"advance": by})["now"].(string)
	at, err := time.Parse(time.RFC3339Nano, now)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// deliver has all mail delivered that waits.
func deliver(t *testing.T) {
	t.Helper()
	(&client{cookies: map[string]string{}}).must(t, "/_local/run/sweepoutbox", nil)
}

// mailed gives what an expression finds in the newest mail to a person.
func mailed(t *testing.T, p *person, re *regexp.Regexp) string {
	t.Helper()
	deliver(t)
	all, err := (&client{cookies: map[string]string{}}).send("GET", "/_local/inbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	items, _ := all["items"].([]any)
	for _, i := range items {
		mail, _ := i.(map[string]any)
		text, _ := mail["text"].(string)
		if found := re.FindStringSubmatch(text); mail["to"] == p.email && found != nil {
			return found[1]
		}
	}
	t.Fatalf("no mail with %s to %s", re, p.email)
	return ""
}

var codeLine = regexp.MustCompile(`(?m)^([0-9A-Z]{5}-[0-9A-Z]{5})$`)

// signIn fills in the login page, and expects to get to a path.
func (b *tab) signIn(p *person, to string) {
	b.t.Helper()
	b.visit("/login", 200)
	b.typeLogin(p.username, p.password)
	b.enter(200)
	b.at(to)
}

func (b *tab) typeLogin(name, password string) {
	b.t.Helper()
	b.fill("accountId", demo.AccountID)
	b.fill("login", name)
	b.fill("password", password)
}
