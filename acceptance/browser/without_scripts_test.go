package browser

import "testing"

// Everything but the link of a mail and the puzzle works in a browser that runs no scripts.
func TestWithoutScripts(t *testing.T) {
	p := newcomer(t, "operator")
	b := openWith(t, false)
	b.visit("/login", 200)
	b.shows(".reveal", false)
	b.typeLogin(p.username, "not the password at all")
	b.enter(401)
	b.refused("Sign-in failed")
	b.typeLogin(p.username, p.password)
	b.enter(200)
	b.at("/new-password")
	b.fill("password", passphrase+"without scripts")
	b.enter(200)
	b.at("/account")
	b.follow("main a[href$='/account/password']", 200)
	b.fill("currentPassword", passphrase+"without scripts")
	b.fill("newPassword", passphrase+"the second one")
	b.enter(200)
	b.says("Your password is changed.")
	b.follow("header form button", 200)

	b.requestReset(p)
	b.visit(mailed(t, p, linkLine), 200) // of no use here: the page says what to do
	b.shows("#link", false)
	b.shows("#code", true)
	b.says("copy the code instead")
	b.fill("accountId", demo.AccountID)
	b.fill("login", p.username)
	b.fill("code", mailed(t, p, codeLine))
	b.enter(200)
	b.at("/new-password")
	b.fill("password", passphrase+"the third one")
	b.enter(200)
	b.at("/login")
	p.password = passphrase + "the third one"
	b.signIn(p, "/account")
}
