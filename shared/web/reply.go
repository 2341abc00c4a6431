package web

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"postern/shared/access"
)

// reply is what a handler has to say. Browsers get the page, or are sent to next; others get status and JSON.
type reply struct {
	status  int // 0: 200
	json    any // nil: no body
	page    page
	next    string // where a browser goes instead of seeing a page: a path of Postern, or an allowed URL
	cookies []*http.Cookie
	header  http.Header
	raw     []byte // a body that is neither JSON nor a page; its type is in header
}

// answer is a reply made ready to be sent.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// finish makes a reply ready to be sent.
func (s *server) finish(q *request, r reply) (answer, error) {
	a := answer{status: r.status, header: http.Header{}}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	for k, v := range r.header {
		a.header[k] = v
	}
	for _, c := range r.cookies {
		a.header.Add("Set-Cookie", c.String())
	}
	var err error
	switch {
	case q.html && r.next != "":
		a.status = http.StatusSeeOther
		a.header.Set("Location", s.location(r.next))
	case r.page.name != "" && (q.html || r.json == nil):
		a.body, err = s.render(q, r.page, nil)
		a.header.Set("Content-Type", "text/html; charset=utf-8")
		a.header.Set("Content-Language", q.text.Tag())
	case r.json != nil:
		a.body, err = json.Marshal(r.json)
		a.header.Set("Content-Type", "application/json")
	default:
		a.body = r.raw
	}
	return a, err
}

// step answers one step of a login or of a forced change: what comes next, the cookies for it, and the page.
func (q *request) step(l access.LoggedIn) reply {
	said := map[string]any{"next": l.Next}
	if l.Next == access.NextNewPassword {
		said["reason"] = l.Reason
	}
	if l.Session != nil && l.Next == access.NextDone {
		said["session"] = l.Session
	}
	r := reply{json: said, cookies: loggedInCookies(l), next: q.onward()}
	if l.Next != access.NextDone {
		r.next = q.carryOn(pathOf[l.Next])
	}
	return r
}

// pathOf gives the page of each next step.
var pathOf = map[access.Next]string{
	access.NextDone: "/account", access.NextTOTP: "/login/totp", access.NextNewPassword: "/new-password",
	access.NextTOTPSetup: "/account/totp", access.NextLogin: "/login",
}

// onward gives where a browser goes once nothing more is owed: where the login was to continue, or the account page.
func (q *request) onward() string {
	c := q.continueTo()
	switch {
	case c == "":
		return "/account"
	case strings.HasPrefix(c, "/") && q.s.base != "":
		return q.s.site + c // it holds the base path already
	}
	return c
}

// continueTo gives where the login is to continue, from the form or from the address of its page; "" for nowhere.
func (q *request) continueTo() string {
	if c := q.s.continueTo(q.body.text("continue")); c != "" {
		return c
	}
	return q.s.continueTo(q.query.text("continue"))
}

// carryOn adds where the login is to continue to the address of its next step.
func (q *request) carryOn(path string) string {
	if c := q.continueTo(); c != "" {
		return path + "?continue=" + url.QueryEscape(c)
	}
	return path
}

// location makes a path of Postern one that the browser knows, base path included; other URLs stay.
func (s *server) location(next string) string {
	if strings.HasPrefix(next, "/") {
		return s.base + next
	}
	return next
}

// wantsHTML reports whether a client prefers a page: text/html is named, and not less wanted than JSON. "*/*" alone is a
// program.
func wantsHTML(r *http.Request) bool {
	page, program := -1.0, 0.0
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			name, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			weight := 1.0
			if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
				weight = q
			}
			switch name {
			case "text/html":
				page = weight
			case "application/json", "application/problem+json":
				program = max(program, weight)
			}
		}
	}
	return page > 0 && page >= program
}

// continueTo gives where a login continues: a path of this origin, or a URL of an application's origin. Anything else
// is ignored and gives "" (api.md, GET /login).
func (s *server) continueTo(raw string) string {
	if raw == "" || len(raw) > maxContinue || strings.ContainsFunc(raw, func(r rune) bool {
		return r <= 0x20 || r == 0x7f || r == '\\' // browsers read \ as /, and drop some controls
	}) {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Opaque != "" {
		return ""
	}
	if u.Scheme == "" && u.Host == "" {
		if strings.HasPrefix(raw, "/") && !strings.HasPrefix(raw, "//") {
			return raw
		}
		return ""
	}
	origin := strings.ToLower(u.Scheme + "://" + u.Host)
	for _, o := range s.AppOrigins {
		if strings.EqualFold(o, origin) {
			return raw
		}
	}
	if strings.EqualFold(s.site, origin) {
		return raw
	}
	return ""
}

// maxContinue is the longest address that a login continues to, in bytes.
const maxContinue = 2048
