package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The way in for somebody new: the temporary password, a password of one's own, the account.
func TestFirstLogin(t *testing.T) {
	p := newcomer(t, "operator")
	b := open(t)
	b.visit("/", 200)
	b.at("/login")
	b.look("login", "")
	b.typeLogin(p.username, p.password)
	b.enter(200)
	b.at("/new-password")
	b.look("new_password", "temporary")
	b.says("Hello "+p.firstName, "At least 15 characters")
	if got := ask[string](b, `document.querySelector("[autocomplete=username]").value`); got != p.username {
		t.Errorf("the page shows username %q to password managers, want %q", got, p.username)
	}

	b.fill("password", "too short")
	if b.text(".rules .met") != "At most 256 characters" {
		t.Errorf("rules met while typing: %q", b.text(".rules .met"))
	}
	b.enter(422)
	b.refused("New password: Use at least 15 characters.")
	b.look("new_password", "refused")
	if b.value("password") != "" {
		t.Error("a refused password is shown again")
	}

	b.fill("password", passphrase+"newcomer")
	if !strings.Contains(b.text(".rules .met"), "At least 15 characters") {
		t.Errorf("rules met while typing: %q", b.text(".rules .met"))
	}
	b.space(".reveal button")
	if kind := ask[string](b, `document.querySelector("[name=password]").type`); kind != "text" {
		t.Errorf("Show leaves the field a %s", kind)
	}
	b.look("new_password", "shown")
	b.follow("form[action*='new-password'] > button", 200)
	b.at("/account")
	b.look("account", "")
	b.says("Hello "+p.firstName, p.email)

	b.follow("header form button", 200)
	b.at("/login")
	b.says("You are signed out.")
	b.look("login", "signed_out")
	b.visit("/account/sessions", 200)
	b.at("/login")
	p.password = passphrase + "newcomer"
	b.typeLogin(p.username, p.password)
	b.enter(200)
	b.at("/account/sessions") // where one wanted to go
}

// A refusal is read first, and keeps what was typed but for the password.
func TestLoginRefused(t *testing.T) {
	p := operator(t, "operator")
	b := open(t)
	b.visit("/login", 200)
	b.typeLogin(p.username, "not the password at all")
	b.enter(401)
	b.refused("Sign-in failed")
	b.look("login", "refused")
	if b.value("accountId") != demo.AccountID || b.value("login") != p.username || b.value("password") != "" {
		t.Errorf("kept: %q, %q, %q", b.value("accountId"), b.value("login"), b.value("password"))
	}
}

// After three failures the browser solves a puzzle, by itself.
func TestLoginWithCAPTCHA(t *testing.T) {
	p := operator(t, "operator")
	b := open(t)
	b.visit("/login", 200)
	for range 3 {
		b.typeLogin(p.username, "not the password at all")
		b.enter(401)
	}
	b.typeLogin(p.username, p.password)
	b.enter(403)
	b.refused("confirm that you are not a robot")
	b.do("wait for the puzzle to be solved", chromedp.WaitEnabled(chromedp.CSS("form[action$='login'] > button")))
	b.says("Done. You can send the form now.")
	b.look("login", "captcha")
	b.fill("password", p.password)
	b.enter(200)
	b.at("/account")
}

// A code from a mail stands in for the password, once, and changes no password.
func TestSingleUseCode(t *testing.T) {
	p := operator(t, "operator")
	b := open(t)
	b.visit("/login", 200)
	b.follow("a[href$='/single-use-code']", 200)
	b.look("single_use_code", "")
	b.fill("accountId", demo.AccountID)
	b.fill("login", p.email)
	b.enter(202)
	b.look("single_use_code_submitted", "")
	code := mailed(t, p, codeLine)
	b.follow("main a[href$='/login']", 200)
	b.typeLogin(p.username, strings.ToLower(code))
	b.enter(200)
	b.at("/account")
	b.look("account", "single_use")
	b.shows("a[href$='/account/password']", false)

	again := open(t)
	again.visit("/login", 200)
	again.typeLogin(p.username, code)
	again.enter(401)
	again.refused("Sign-in failed")
}
