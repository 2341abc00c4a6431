package web

import (
	"net/http"
	"net/url"
	"strings"
)

// SecurityHeaders gives the headers that stand on every answer, errors included (security 25). Gateways that answer for
// Postern (unknown paths, refused signatures) are given the same ones.
//
// form-action names appOrigins too: Chromium applies it to the redirect that follows a form, and a login ends with one to
// the application that sent the operator here. The alternative, a page that forwards by meta refresh, would cost a step
// and put the target into a document; these origins are trusted with the signed-in operator anyway.
func SecurityHeaders(appOrigins []string) http.Header {
	csp := []string{
		"default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'",
		strings.Join(append([]string{"form-action 'self'"}, appOrigins...), " "),
		"frame-ancestors 'none'", "base-uri 'none'",
	}
	h := http.Header{}
	h.Set("Content-Security-Policy", strings.Join(csp, "; "))
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	h.Set("X-Content-Type-Options", "nosniff")
	return h
}

// isOrigin reports whether s is scheme://host[:port] and nothing else: what stands in a policy must not end it.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		u.Scheme+"://"+u.Host == s && !strings.ContainsAny(s, " ;,'\"")
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
