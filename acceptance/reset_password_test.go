package acceptance

import (
	"strings"
	"testing"
	"time"
)

// "you will receive a message indicating the Password Reset Request has been submitted successfully": whoever asks for whomever.
func TestRequestIsNeutral(t *testing.T) {
	p := operator(t, "operator")
	known := submit(newBrowser(t), "/reset-request", p.username)
	unknown := submit(newBrowser(t), "/reset-request", "nobody-of-that-name")
	if string(known.body) != string(unknown.body) {
		t.Errorf("answers %s and %s", known.body, unknown.body)
	}
	for name := range known.header {
		if _, ok := unknown.header[name]; !ok {
			t.Errorf("header %s tells them apart", name)
		}
	}
}

// "For security, the emails will address the user by First Name, NOT by username." "You must click the link provided in the email".
func TestResetByLink(t *testing.T) {
	p := operator(t, "operator")
	m := p.requestReset()
	if !strings.HasPrefix(m.Text, "Hello First"+p.username+",") {
		t.Errorf("greeting: %.60s", m.Text)
	}
	if strings.Contains(strings.ReplaceAll(m.Text+m.HTML+m.Subject, "First"+p.username, ""), p.username) {
		t.Error("the mail names the username")
	}
	link := linkLine.FindStringSubmatch(m.Text)
	if link == nil || !strings.HasPrefix(link[1], demo.URL+"/reset-confirm#") || !strings.Contains(m.HTML, link[1]) {
		t.Fatalf("no link on a line of its own, the same in both parts:\n%s", m.Text)
	}
	// Opening it, any number of times, by whomever, uses nothing.
	for range 3 {
		page := newBrowser(t)
		page.html = true
		page.get("/reset-confirm").want(200)
		page.do("HEAD", "/reset-confirm", nil).want(200)
	}
	b := newBrowser(t)
	if a := b.post("/reset-confirm", map[string]string{"token": link[2]}).want(200); a.text("next") != "new_password" {
		t.Fatalf("confirm: %s", a.body)
	}
	// Code and link are one secret.
	b2 := newBrowser(t)
	b2.post("/reset-confirm", map[string]string{"token": link[2]}).refused(401, "invalid_code")
	b2.post("/reset-confirm", map[string]string{"accountId": "demo", "login": p.username, "code": find(t, codeLine, m)}).refused(401, "invalid_code")
	b.post("/new-password", map[string]string{"password": passphrase + "link"}).want(200)
}

// Both forms live 30 minutes.
func TestResetExpires(t *testing.T) {
	p := operator(t, "operator")
	m := p.requestReset()
	advance(t, demo.URL, 31*time.Minute)
	newBrowser(t).post("/reset-confirm", map[string]string{"token": find(t, linkLine, m)}).refused(401, "invalid_code")
	newBrowser(t).post("/reset-confirm", map[string]string{"accountId": "demo", "login": p.username, "code": find(t, codeLine, m)}).refused(401, "invalid_code")
}

// "Simultaneously, you will receive a Password Reset Notification email containing your temporary password." "Enter your Username, and
// the temporary Password … then click Sign In". "please change your temporary password".
func TestResetByTemporaryPassword(t *testing.T) {
	withPolicy(t, func(policy map[string]any) {
		policy["reset"] = map[string]any{"delivery": "temporary_password", "minutes": 30}
	}, func() {
		p := operator(t, "operator")
		m := p.requestReset()
		b := newBrowser(t)
		if a := b.post("/reset-confirm", map[string]string{"token": find(t, linkLine, m)}).want(200); a.text("next") != "login" {
			t.Fatalf("confirm: %s", a.body)
		}
		login(newBrowser(t), p.username, p.password).refused(401, "invalid_credentials")
		temporary := find(t, temporaryLine, newest(t, p.email, "Password Reset Notification"))
		p.password = temporary
		if a := p.signIn().want(200); a.text("next") != "new_password" || a.text("reason") != "temporary" {
			t.Fatalf("login: %s", a.body)
		}
		login(newBrowser(t), p.username, temporary).refused(401, "invalid_credentials") // dies at its first login
		p.choose(passphrase + "mailed")
		newest(t, p.email, "was reset")
	})
}

// The whole way on pages, without JavaScript, by forms and redirects.
func TestResetOnPages(t *testing.T) {
	p := operator(t, "operator")
	b := newBrowser(t)
	b.html = true
	page := b.get("/login").want(200)
	for _, must := range []string{"Forgot your password?", `name="accountId"`, `autocomplete="organization"`, `autocomplete="username"`, `autocomplete="current-password"`} {
		if !strings.Contains(string(page.body), must) {
			t.Errorf("the login page has no %s", must)
		}
	}
	b.get("/reset-request").want(200)
	if a := b.form("/reset-request", "accountId", "demo", "login", p.username).want(202); !strings.Contains(string(a.body), "submitted") {
		t.Errorf("page after the request:\n%.400s", a.body)
	}
	code := find(t, codeLine, newest(t, p.email, "new password"))
	wrong := b.form("/reset-confirm", "accountId", "demo", "login", p.username, "code", "00000-00000").want(401)
	if !strings.Contains(string(wrong.body), "<title>Error:") || !strings.Contains(string(wrong.body), p.username) {
		t.Error("the page of a refusal does not say so in its title, or forgets what was typed")
	}
	a := b.form("/reset-confirm", "accountId", "demo", "login", p.username, "code", code).want(303)
	next := a.header.Get("Location")
	if got := b.get(next).want(200); !strings.Contains(string(got.body), `autocomplete="new-password"`) {
		t.Errorf("%s asks for no new password", next)
	}
	b.form(next, "password", "short").want(422)
	a = b.form(next, "password", passphrase+"pages").want(303)
	if !strings.HasPrefix(a.header.Get("Location"), "/login") {
		t.Errorf("then to %s, want the login page", a.header.Get("Location"))
	}
	a = b.form("/login", "accountId", "demo", "login", p.username, "password", passphrase+"pages").want(303)
	b.get(a.header.Get("Location")).want(200)
}
