package browser

import (
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var linkLine = regexp.MustCompile(`(?m)^(http\S+/reset-confirm#\S+)$`)

// requestReset asks for a reset on the page.
func (b *tab) requestReset(p *person) {
	b.t.Helper()
	b.visit("/reset-request", 200)
	b.fill("accountId", demo.AccountID)
	b.fill("login", p.username)
	b.enter(202)
}

// The link of the mail: its token is never sent by following it, and following it as often as one likes uses nothing up.
func TestResetByLink(t *testing.T) {
	p := operator(t, "operator")
	b := open(t)
	b.visit("/login", 200)
	b.follow("a[href$='/reset-request']", 200)
	b.look("reset_request", "")
	b.requestReset(p)
	b.look("reset_request_submitted", "")

	link := mailed(t, p, linkLine)
	_, token, _ := strings.Cut(link, "#")
	b.visit("/_local/inbox", 200)
	b.check("inbox")
	followed := "a[href='" + link + "']"
	for range 3 {
		b.visit("/_local/inbox", 200)
		b.follow(followed, 200)
		b.at("/reset-confirm")
	}
	scanner := open(t) // looks into every mail before its reader does
	scanner.visit(link, 200)
	if b.sent(token) || scanner.sent(token) {
		t.Error("the token was sent by following the link")
	}
	b.look("reset_confirm", "link")
	b.shows("#link", true)
	b.shows("#code", false)
	if address := ask[string](b, `location.href`); strings.Contains(address, "#") {
		t.Errorf("the token stays in the address: %s", address)
	}
	b.enter(200) // the focus is on the button
	b.at("/new-password")
	b.look("new_password", "reset")
	p.password = passphrase + "after the link"
	b.fill("password", p.password)
	b.enter(200)
	b.at("/login")
	b.says("Your new password is set. Sign in with it.")
	b.look("login", "new_password")
	b.typeLogin(p.username, p.password)
	b.enter(200)
	b.at("/account")

	b.visit(link, 200)
	b.enter(401)
	b.refused("That code did not work")
	b.look("reset_confirm", "refused")
}

// A link that is pasted while the page is open already only changes the fragment.
func TestResetLinkOnOpenPage(t *testing.T) {
	p := operator(t, "operator")
	b := open(t)
	b.requestReset(p)
	link := mailed(t, p, linkLine)
	b.visit("/reset-confirm", 200)
	b.jump(".skip", "main")
	b.shows("#code", true)
	b.do("paste the link", chromedp.Navigate(link), chromedp.WaitVisible(chromedp.CSS("#link")))
	b.shows("#code", false)
	b.follow("#link button", 200)
	b.at("/new-password")
}

// The code of the mail, typed as people type, by somebody with an authenticator: the page keeps the code while it asks for the
// app's.
func TestResetByCode(t *testing.T) {
	p := withApp(t, "operator")
	b := open(t)
	b.requestReset(p)
	b.follow("a[href$='/reset-confirm']", 200)
	b.look("reset_confirm", "")
	code := mailed(t, p, codeLine)
	b.fill("accountId", demo.AccountID)
	b.fill("login", p.username)
	b.fill("code", strings.ToLower(strings.ReplaceAll(code, "-", " ")))
	b.enter(401)
	b.refused("A code from your authenticator is needed")
	b.look("reset_confirm", "totp")
	b.fill("totp", "000000")
	b.enter(401)
	b.refused("That code did not work")
	b.look("reset_confirm", "wrong_totp")
	b.fill("totp", p.code(t))
	b.enter(200)
	b.at("/new-password")
	b.fill("password", passphrase+"after the code")
	b.do("press Enter", chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab))
	b.enter(200)
	b.at("/login")
}
