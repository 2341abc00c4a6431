package web

import (
	"net/http"
	"time"

	"postern/shared/access"
	"postern/shared/secret"
)

// The cookies (api.md). The prefix __Host- makes browsers refuse them without Secure, with a Domain or another Path, so
// no neighbouring host can plant one (RFC 6265bis, section 4.1.3.2).
const (
	sessionCookie = "__Host-session"
	pendingCookie = "__Host-pending"
	resetCookie   = "__Host-reset"
	deviceCookie  = "__Host-device"
)

// maxCookie is the longest value read, in bytes; what Postern sets is far shorter.
const maxCookie = 512

// cookies says how each cookie is set: how strictly it is tied to the site, and how long browsers keep it.
var cookies = map[string]struct {
	sameSite http.SameSite
	lifetime time.Duration // 0: until the browser is closed; the server ends sessions by its own dates in any case
}{
	sessionCookie: {http.SameSiteLaxMode, 0}, // Lax: a link from an app or a mail finds its reader signed in
	pendingCookie: {http.SameSiteStrictMode, access.PendingLoginLifetime},
	resetCookie:   {http.SameSiteStrictMode, access.ReplacementLifetime},
	deviceCookie:  {http.SameSiteStrictMode, access.BrowserLifetime},
}

// setCookie gives the cookie that stores value in the browser.
func setCookie(name string, value secret.Text) *http.Cookie {
	c := cookies[name]
	return &http.Cookie{
		Name: name, Value: value.Reveal(), Path: "/", MaxAge: int(c.lifetime / time.Second),
		Secure: true, HttpOnly: true, SameSite: c.sameSite,
	}
}

// clearCookie gives the cookie that makes the browser forget it.
func clearCookie(name string) *http.Cookie {
	c := setCookie(name, secret.Text{})
	c.MaxAge = -1
	return c
}

// loggedInCookies stores whatever a step of a login gave. The step's own cookie is done with once a session is open.
func loggedInCookies(l access.LoggedIn) []*http.Cookie {
	var set []*http.Cookie
	if !l.SessionToken.Empty() {
		set = append(set, setCookie(sessionCookie, l.SessionToken), clearCookie(pendingCookie), clearCookie(resetCookie))
	}
	if !l.PendingToken.Empty() {
		set = append(set, setCookie(pendingCookie, l.PendingToken))
	}
	if !l.BrowserToken.Empty() {
		set = append(set, setCookie(deviceCookie, l.BrowserToken))
	}
	return set
}

// cookie gives the one cookie of that name. Two of a name are none: which of them counts would be the sender's choice.
func (q *request) cookie(name string) secret.Text {
	if found := q.CookiesNamed(name); len(found) == 1 && len(found[0].Value) <= maxCookie {
		return secret.New(found[0].Value)
	}
	return secret.Text{}
}
