package acceptance

import (
	"strings"
	"testing"
)

// "Log in using your existing credentials. Navigate to the 'Client Area'. Find the section related to password management. You may be
// required to enter your current password before setting a new one. Save changes."
func TestChangeOnPages(t *testing.T) {
	p := operator(t, "operator")
	other := newBrowser(t)
	login(other, p.username, p.password).want(200)
	b := newBrowser(t)
	b.html = true
	a := b.form("/login", "accountId", "demo", "login", p.username, "password", p.password, "continue", "/account/password").want(303)
	if a.header.Get("Location") != "/account/password" {
		t.Errorf("to %s, want where the person was going", a.header.Get("Location"))
	}
	if a := b.get("/.well-known/change-password").want(302); a.header.Get("Location") != "/account/password" {
		t.Errorf("change-password leads to %s", a.header.Get("Location"))
	}
	page := b.get("/account/password").want(200)
	for _, must := range []string{`name="currentPassword"`, `name="newPassword"`, `autocomplete="current-password"`, `autocomplete="new-password"`} {
		if !strings.Contains(string(page.body), must) {
			t.Errorf("the page has no %s", must)
		}
	}
	wrong := b.form("/account/password", "currentPassword", "not it", "newPassword", passphrase+"new").want(401)
	if strings.Contains(string(wrong.body), "not it") || strings.Contains(string(wrong.body), passphrase) {
		t.Error("a page shows a password again")
	}
	before := b.cookie("__Host-session")
	b.form("/account/password", "currentPassword", p.password, "newPassword", passphrase+"new").want(303)
	if b.cookie("__Host-session") == before {
		t.Error("the session kept its token")
	}
	b.get("/account").want(200)
	other.get("/session").refused(401, "not_signed_in")
	login(newBrowser(t), p.username, p.password).refused(401, "invalid_credentials")
	login(newBrowser(t), p.username, passphrase+"new").want(200)
	newest(t, p.email, "was changed")
}

// "Always ensure that your new password is strong and unique to enhance security."
func TestWeakPasswords(t *testing.T) {
	p := operator(t, "operator")
	for password, rule := range map[string]string{
		"short": "min_length", "passwordpassword123": "common", strings.Repeat("x", 300): "max_length", p.username + "1234": "personal",
	} {
		e := p.post("/account/password", map[string]string{"currentPassword": p.password, "newPassword": password}).refused(422, "password_policy").Errors
		if !strings.Contains(sprint(e), rule) {
			t.Errorf("%.30q: %v, want %s", password, e, rule)
		}
	}
	p.get("/account").want(200)
}
