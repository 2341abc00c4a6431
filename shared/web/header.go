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
