package web

import (
	"net/http"

	"postern/shared/access"
)

// Site is what is not about anybody: assets, health, challenges, well-known addresses.
func Site() Function {
	return Function{"site", []Route{
		{Method: http.MethodGet, Pattern: "/{$}", Who: Anyone, Page: true, handle: root},
		{Method: http.MethodGet, Pattern: "/assets/{name}", Who: Anyone, Page: true, handle: asset},
		{Method: http.MethodGet, Pattern: "/health", Who: Anyone, handle: health},
		{Method: http.MethodGet, Pattern: "/captcha", Who: Anyone, handle: newCaptcha, Query: []Field{
			{Name: "purpose", Type: Text, Max: 32, OneOf: captchaPurposes}, {Name: "accountId", Type: Text, Max: maxAccountID},
		}},
		{Method: http.MethodGet, Pattern: "/.well-known/change-password", Who: Anyone, handle: wellKnownChangePassword},
	}}
}

// root leads to the account page, and so to the login page whoever is not signed in.
func root(q *request) (reply, error) {
	return redirect(http.StatusSeeOther, q.s.location("/account")), nil
}

// wellKnownChangePassword is for password managers (W3C, A Well-Known URL for Changing Passwords).
func wellKnownChangePassword(q *request) (reply, error) {
	return redirect(http.StatusFound, q.s.location("/account/password")), nil
}

func redirect(status int, to string) reply {
	return reply{status: status, header: http.Header{"Location": {to}}}
}

func health(*request) (reply, error) { return reply{json: map[string]string{"status": "ok"}}, nil }

var captchaPurposes = []string{
	string(access.CaptchaLogin), string(access.CaptchaReset), string(access.CaptchaSingleUseCode),
}

func newCaptcha(q *request) (reply, error) {
	purpose := access.CaptchaPurpose(q.query.text("purpose"))
	if purpose == "" {
		purpose = access.CaptchaLogin
	}
	account := q.query.text("accountId")
	if account == "" {
		account = q.s.FixedAccountID
	}
	c, err := q.s.Service.NewCaptcha(q.Context(), purpose, account)
	if err != nil {
		return reply{}, err
	}
	return reply{json: c}, nil
}

// asset serves a stylesheet, script or picture. Its name holds the hash of its content, so it never changes.
func asset(q *request) (reply, error) {
	a, ok := assets()[q.PathValue("name")]
	if !ok {
		return reply{}, access.ErrNotFound
	}
	return reply{raw: a.content, header: http.Header{
		"Content-Type": {a.contentType}, "Cache-Control": {"public, max-age=31536000, immutable"},
	}}, nil
}

// Stylesheet is the address of the pages' style, for pages that stand beside these (the local inbox).
func Stylesheet() string { return assetPath("postern.css") }

// Icon is the address of the pages' icon, an SVG, for the same pages.
func Icon() string { return assetPath("icon.svg") }

func assetPath(name string) string {
	_, names := hashed()
	return "/assets/" + names[name]
}
