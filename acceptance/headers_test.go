package acceptance

import (
	"strings"
	"testing"
)

// Every answer carries the security headers, errors and unknown paths too (security.md 25).
func TestSecurityHeaders(t *testing.T) {
	b := newBrowser(t)
	admin := alice(t)
	page := newBrowser(t)
	page.html = true
	for _, a := range []*answer{
		b.get("/health").want(200), b.get("/nowhere").want(404), b.do("DELETE", "/login", nil).want(405), b.get("/session").want(401), b.get("/login"),
		b.post("/login", map[string]string{}).want(400), b.send("POST", "/login", "text/plain", []byte("x")).want(415), page.get("/login").want(200),
		page.get("/nowhere").want(404), admin.get("/manage/operators").want(200), b.get("/_local/inbox").want(200), b.get("/.well-known/nothing").want(404),
		b.get("/admin/accounts/demo/operators").want(403), b.do("OPTIONS", "/login", nil), page.get("/account").want(303),
	} {
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Strict-Transport-Security": "max-age=", "Cache-Control": "no-store",
		} {
			if got := a.header.Get(name); !strings.Contains(got, want) {
				t.Errorf("%s: %s is %q, want %q", a.what, name, got, want)
			}
		}
		csp := a.header.Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %s", a.what, csp)
		}
	}
	for _, a := range []*answer{b.do("DELETE", "/login", nil), b.do("PUT", "/health", nil), b.get("/logout")} {
		if a.refused(405, "method_not_allowed"); a.header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", a.what)
		}
	}
	if id := b.get("/health").header.Get("X-Request-Id"); id == "" || id == b.get("/health").header.Get("X-Request-Id") {
		t.Errorf("request id %q is missing or not its own", id)
	}
}

// What a browser marks as coming from elsewhere changes nothing, at any door (security.md 24).
func TestCrossOrigin(t *testing.T) {
	p := operator(t, "operator")
	for _, e := range append(endpoints("x"), endpoint{"POST", "/logout", "anyone", nil}, endpoint{"POST", "/new-password", "anyone", nil}, endpoint{"POST", "/login/totp", "anyone", nil}) {
		for _, headers := range []map[string]string{
			{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}, {"Origin": "https://evil.example"},
			{"Sec-Fetch-Site": "cross-site", "Origin": demo.URL + ".evil.example"},
		} {
			p.headers = headers
			p.do(e.method, e.path, e.body).refused(403, "cross_origin")
		}
	}
	p.headers = map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": demo.URL}
	p.get("/session").want(200) // still signed in: nothing was done
	p.post("/logout", nil).want(204)
	p.headers = nil
	p.get("/session").refused(401, "not_signed_in")
}

// Cookies are bound to host and path, closed to scripts, and only sent over what browsers hold for secure.
func TestCookies(t *testing.T) {
	p := operator(t, "operator")
	b := newBrowser(t)
	a := login(b, p.username, p.password).want(200)
	want := map[string]string{"__Host-session": "SameSite=Lax", "__Host-device": "SameSite=Strict"}
	for _, line := range a.header.Values("Set-Cookie") {
		name, _, _ := strings.Cut(line, "=")
		if want[name] == "" || strings.Contains(line, "Max-Age=0") {
			continue
		}
		for _, must := range []string{"Secure", "HttpOnly", "Path=/", want[name]} {
			if !strings.Contains(line, must) {
				t.Errorf("%s has no %s: %s", name, must, line)
			}
		}
		delete(want, name)
	}
	if len(want) != 0 {
		t.Errorf("not set: %v", want)
	}
	b.post("/logout", nil).want(204)
	if b.cookie("__Host-session") != "" || b.cookie("__Host-device") == "" {
		t.Error("logging out clears all but the device")
	}
}
