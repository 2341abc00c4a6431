package browser

import (
	"regexp"
	"strings"
	"testing"
)

// Two-factor authentication from the set-up to the switching off, with the app's codes computed here.
func TestTOTP(t *testing.T) {
	p := operator(t, "operator")
	b := open(t)
	b.signIn(p, "/account")
	b.follow("main a[href$='/account/totp']", 200)
	b.look("account_totp", "off")
	b.fill("password", "not my password")
	b.enter(401)
	b.refused()
	b.look("account_totp", "refused")
	b.fill("password", p.password)
	b.enter(201)
	b.look("account_totp_secret", "")
	b.shows(".qr svg path", true)
	if size := ask[float64](b, `document.querySelector(".qr svg").getBoundingClientRect().width`); size < 150 {
		t.Errorf("the QR code is %v pixels wide: too small to scan", size)
	}
	secret := b.text(".secret")
	if !regexp.MustCompile(`^[A-Z2-7]{4}( [A-Z2-7]{4})*( [A-Z2-7]{1,3})?$`).MatchString(secret) {
		t.Errorf("the secret is not set in fours: %q", secret)
	}
	p.secret = strings.ReplaceAll(secret, " ", "")

	b.visit("/account/totp", 200)
	b.look("account_totp", "pending")
	b.follow("a[href$='/account/totp/confirm']", 200)
	b.look("account_totp_confirm", "")
	b.fill("code", "000000")
	b.enter(401)
	b.refused("That code did not work")
	b.look("account_totp_confirm", "refused")
	if b.value("code") != "" {
		t.Error("a refused code is shown again")
	}
	b.fill("code", p.code(t))
	b.enter(200)
	b.at("/account")
	b.says("Two-factor authentication is on.")
	b.look("account", "totp_enabled")
	b.visit("/account/totp/confirm", 200)
	b.says("No set-up is waiting for its code.")
	b.look("account_totp_confirm", "none")

	b.follow("header form button", 200)
	b.signIn(p, "/login/totp")
	b.look("login_totp", "")
	b.fill("code", "000000")
	b.enter(401)
	b.refused("That code did not work")
	b.look("login_totp", "refused")
	code := p.code(t)
	b.fill("code", code[:3]+" "+code[3:])
	b.enter(200)
	b.at("/account")

	b.follow("main a[href$='/account/totp']", 200)
	b.look("account_totp", "on")
	b.follow("a[href$='/account/totp/delete']", 200)
	b.look("account_totp_delete", "")
	b.fill("password", p.password)
	b.fill("code", p.code(t))
	b.enter(200)
	b.at("/account")
	b.says("Two-factor authentication is off.")
}

// A device is lost after ten wrong codes: the page says so, and whom to ask.
func TestTOTPBlocked(t *testing.T) {
	p := withApp(t, "operator")
	b := open(t)
	b.signIn(p, "/login/totp")
	for range 10 {
		b.fill("code", "000000")
		b.enter(401)
	}
	advance(t, "20m") // until a code may be tried again
	b.signIn(p, "/login/totp")
	b.fill("code", "000000")
	b.enter(403)
	b.refused("Two-factor authentication is blocked", "Ask an administrator")
	b.look("login_totp", "blocked")
}

func TestChangePassword(t *testing.T) {
	p := operator(t, "operator")
	b := open(t)
	b.signIn(p, "/account")
	b.follow("main a[href$='/account/password']", 200)
	b.look("account_password", "")
	b.fill("currentPassword", "not my password")
	b.fill("newPassword", passphrase+"another")
	b.enter(401)
	b.refused()
	b.look("account_password", "refused")
	b.fill("currentPassword", p.password)
	b.fill("newPassword", p.username+"1")
	b.enter(422)
	b.refused("New password: ")
	b.look("account_password", "weak")
	b.fill("currentPassword", p.password)
	b.fill("newPassword", passphrase+"another")
	b.enter(200)
	b.at("/account")
	b.says("Your password is changed. Your other sessions have ended.")
	b.look("account", "password")
}

func TestSessions(t *testing.T) {
	p := operator(t, "operator") // has one session of a program
	b, other := open(t), open(t)
	b.signIn(p, "/account")
	other.signIn(p, "/account")
	b.follow("main a[href$='/account/sessions']", 200)
	b.look("account_sessions", "")
	count := func() int { return ask[int](b, `document.querySelectorAll(".cards > li").length`) }
	if count() != 3 || ask[int](b, `document.querySelectorAll(".tag").length`) != 1 {
		t.Errorf("the page should show three sessions, one of them this one; %s", b.where())
	}
	b.follow(".cards > li:not(:has(.tag)) button", 200)
	b.at("/account/sessions")
	if count() != 2 {
		t.Errorf("one session was ended, and %d are shown; %s", count(), b.where())
	}
	b.follow("main > form button", 200)
	if count() != 1 {
		t.Errorf("all other sessions were ended, and %d are shown; %s", count(), b.where())
	}
	other.visit("/account", 200)
	other.at("/login")
	b.follow(".cards button", 200) // one's own
	b.at("/login")
}

// Nobody is left with a bare message: unknown addresses and closed doors have their page.
func TestErrors(t *testing.T) {
	b := open(t)
	b.visit("/nowhere", 404)
	b.look("error", "not_found")
	b.signIn(operator(t, "operator"), "/account")
	b.visit("/manage", 403)
	b.look("error", "forbidden")
	b.follow("main a.button", 200)
	b.at("/account")
}
