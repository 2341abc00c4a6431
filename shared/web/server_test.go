package web

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"postern/shared/access"
	"postern/shared/secret"
)

const origin = "https://id.example.com"

// trial is a function with one route of each sort that can be asked without a Service.
func trial() Function {
	body := []Field{{Name: "name", Type: Text, Required: true, Max: 20}}
	said := func(q *request) (reply, error) {
		return reply{json: map[string]string{"name": q.body.text("name")}}, nil
	}
	return Function{"trial", []Route{
		{Method: "GET", Pattern: "/open", Who: Anyone, Page: true, handle: said},
		{Method: "POST", Pattern: "/open", Who: Anyone, Page: true, Body: body, handle: said},
		{Method: "POST", Pattern: "/second", Who: PendingLogin, Page: true, Body: body, handle: said},
		{Method: "POST", Pattern: "/mine", Who: SignedIn, Kinds: onlyFull, Page: true, Body: body, handle: said},
		{Method: "POST", Pattern: "/machine", Who: IAM, Body: body, handle: said},
		{Method: "GET", Pattern: "/things/{id}", Who: Anyone, handle: said},
		{Method: "GET", Pattern: "/panic", Who: Anyone, handle: func(*request) (reply, error) { panic("hunter2") }},
	}}
}

func config() Config {
	return Config{
		Origin: origin, AppOrigins: []string{"https://app.example.com"}, Log: slog.New(slog.DiscardHandler),
		RequestID: func(*http.Request) string { return "request-1" },
	}
}

// ask sends a request and gives the answer. headers are names and values.
func ask(h http.Handler, method, target, body string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func problemOf(t *testing.T, res *http.Response) Problem {
	t.Helper()
	var p Problem
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		t.Fatalf("not a problem: %v", err)
	}
	return p
}

// Each request is wrong in several ways; the first in the order of details 40 is told.
func TestChecksAreMadeInOrder(t *testing.T) {
	h := Handler(config(), trial())
	long := strings.Repeat("x", MaxBody+1)
	cross := []string{"Sec-Fetch-Site", "cross-site"}
	text := []string{"Content-Type", "text/plain"}
	for _, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		code               string
	}{
		{"POST", "/nowhere", long, append(cross, text...), 404, "not_found"},
		{"PUT", "/mine", long, append(cross, text...), 405, "method_not_allowed"},
		{"POST", "/mine", long, append(cross, text...), 403, "cross_origin"},
		{"POST", "/mine", long, text, 413, "payload_too_large"},
		{"POST", "/mine", "x", text, 415, "unsupported_media_type"},
		{"POST", "/mine", "x", []string{"Content-Type", "application/json"}, 401, "not_signed_in"},
		{"POST", "/second", "x", []string{"Content-Type", "application/json"}, 401, "not_signed_in"},
		{"POST", "/machine", "x", []string{"Content-Type", "application/json"}, 403, "forbidden"},
		{"POST", "/open", "x", []string{"Content-Type", "application/json"}, 400, "invalid_request"},
		{"POST", "/open", `{"name":"a"}`, []string{"Content-Type", "application/json"}, 200, ""},
	} {
		res := ask(h, c.method, c.path, c.body, c.headers...)
		if res.StatusCode != c.status {
			t.Errorf("%s %s: got %d, want %d %s", c.method, c.path, res.StatusCode, c.status, c.code)
			continue
		}
		if c.code == "" {
			continue
		}
		if p := problemOf(t, res); p.Code != c.code || p.Status != c.status || p.RequestID != "request-1" {
			t.Errorf("%s %s: got problem %+v, want %s", c.method, c.path, p, c.code)
		}
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s %s: Content-Type %q", c.method, c.path, got)
		}
	}
	if got := ask(h, "PUT", "/open", "").Header.Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow: got %q, want GET, HEAD, POST", got)
	}
}

func TestMediaTypes(t *testing.T) {
	h := Handler(config(), trial())
	for _, c := range []struct {
		body    string
		headers []string
		status  int
	}{
		{`{"name":"a"}`, []string{"Content-Type", "application/json; charset=UTF-8"}, 200},
		{`name=a`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 200},
		{`{"name":"a"}`, nil, 415},
		{`{"name":"a"}`, []string{"Content-Type", "application/json; charset=latin1"}, 415},
		{`{"name":"a"}`, []string{"Content-Type", "application/json", "Content-Type", "application/json"}, 415},
		{`{"name":"a"}`, []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, 415},
		{`{"name":"a"}`, []string{"Content-Type", "application/json; x"}, 415},
		{`name=a`, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415},
		{``, []string{"Content-Type", "text/plain"}, 415},
		{``, nil, 400}, // no body, no type: the name is missing
	} {
		if res := ask(h, "POST", "/open", c.body, c.headers...); res.StatusCode != c.status {
			t.Errorf("POST %q %v: got %d, want %d", c.body, c.headers, res.StatusCode, c.status)
		}
	}
}

func TestRequestsFromOtherOriginsAreRefused(t *testing.T) {
	h := Handler(config(), trial())
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{nil, 200}, // not a browser
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Sec-Fetch-Site", "none"}, 200},
		{[]string{"Origin", origin}, 200},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example.com"}, 403}, // may be gone to, not come from
		{[]string{"Origin", "null"}, 403},
		{[]string{"Origin", "https://evil.example"}, 403},
		{[]string{"Origin", "http://id.example.com"}, 403},
	} {
		headers := append([]string{"Content-Type", "application/json"}, c.headers...)
		if res := ask(h, "POST", "/open", `{"name":"a"}`, headers...); res.StatusCode != c.status {
			t.Errorf("POST with %v: got %d, want %d", c.headers, res.StatusCode, c.status)
		}
	}
}

// What a browser gets in place of statuses and problems (details 39).
func TestAnswersForBrowsers(t *testing.T) {
	form := func(*request) (page, error) { return page{name: "login", data: map[string]any{"After": ""}}, nil }
	refuse := func(err error) handler { return func(*request) (reply, error) { return reply{}, err } }
	body := []Field{loginField, continueField}
	h := Handler(config(), Function{"trial", []Route{
		{Method: "GET", Pattern: "/login", Who: Anyone, Page: true, handle: showForm(form), Query: continueQuery},
		{Method: "POST", Pattern: "/login", Who: Anyone, Page: true, form: form, Body: body, handle: refuse(access.ErrInvalidCredentials)},
		{Method: "POST", Pattern: "/slow", Who: Anyone, Page: true, form: form, handle: refuse(&access.TooManyAttemptsError{RetryAfter: 1})},
		{Method: "POST", Pattern: "/owed", Who: Anyone, Page: true, form: form, handle: refuse(&access.ChangeRequiredError{Next: access.NextTOTPSetup})},
		{Method: "POST", Pattern: "/gone", Who: Anyone, Page: true, form: form, handle: refuse(access.ErrNotFound)},
		{Method: "POST", Pattern: "/done", Who: Anyone, Page: true, Body: body, handle: func(q *request) (reply, error) {
			return q.step(access.LoggedIn{Next: access.NextDone, SessionToken: secret.New("s"), BrowserToken: secret.New("b")}), nil
		}},
		{Method: "POST", Pattern: "/second", Who: Anyone, Page: true, Body: body, handle: func(q *request) (reply, error) {
			return q.step(access.LoggedIn{Next: access.NextTOTP, PendingToken: secret.New("p")}), nil
		}},
		{Method: "POST", Pattern: "/nothing", Who: Anyone, Page: true, handle: func(*request) (reply, error) { return loggedOut(), nil }},
		{Method: "POST", Pattern: "/submitted", Who: Anyone, Page: true, handle: func(*request) (reply, error) {
			return submitted("reset_request_submitted"), nil
		}},
		{Method: "GET", Pattern: "/mine", Who: SignedIn, Kinds: onlyFull, Page: true, handle: refuse(nil)},
		{Method: "POST", Pattern: "/mine/delete", Who: SignedIn, Kinds: onlyFull, Page: true, handle: refuse(nil)},
	}})
	for _, c := range []struct {
		method, path, body string
		status             int
		location, holds    string
	}{
		{"POST", "/login", "login=alice", 401, "", `value="alice"`},
		{"POST", "/login", "login=", 400, "", `href="#f-login"`},
		{"POST", "/login", "login=a&login=b", 400, "", `id="f-login-wrong"`},
		{"POST", "/slow", "", 429, "", "<title>Error: "},
		{"POST", "/owed", "", 303, "/account/totp", ""},
		{"POST", "/gone", "", 404, "", "<title>Error: "},
		{"GET", "/nowhere", "", 404, "", "<title>Error: "},
		{"DELETE", "/login", "", 405, "", "<title>Error: "},
		{"POST", "/done", "login=a&continue=/x?y=z", 303, "/x?y=z", ""},
		{"POST", "/done", "login=a&continue=https://app.example.com/in", 303, "https://app.example.com/in", ""},
		{"POST", "/done", "login=a&continue=https://evil.example", 303, "/account", ""},
		{"POST", "/second", "login=a&continue=/x?y=z", 303, "/login/totp?continue=%2Fx%3Fy%3Dz", ""},
		{"POST", "/nothing", "", 303, "/login?after=logout", ""},
		{"POST", "/submitted", "", 202, "", "/reset-confirm"},
		{"GET", "/mine?a=b", "", 303, "/login?continue=%2Fmine%3Fa%3Db", ""},
		{"POST", "/mine/delete", "", 303, "/login", ""},
	} {
		res := ask(h, c.method, c.path, c.body, "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded")
		got, _ := io.ReadAll(res.Body)
		if res.StatusCode != c.status || res.Header.Get("Location") != c.location || !strings.Contains(string(got), c.holds) {
			t.Errorf("%s %s %q: got %d to %q, want %d to %q with %q:\n%s", c.method, c.path, c.body, res.StatusCode,
				res.Header.Get("Location"), c.status, c.location, c.holds, got)
		}
	}
	res := ask(h, "POST", "/done", `{"login":"a"}`, "Content-Type", "application/json")
	var set []string
	for _, c := range res.Cookies() {
		set = append(set, c.Name+"="+c.Value)
	}
	if want := []string{"__Host-session=s", "__Host-pending=", "__Host-reset=", "__Host-device=b"}; res.StatusCode != 200 || !slices.Equal(set, want) {
		t.Errorf("a program's login: %d, cookies %q, want %q", res.StatusCode, set, want)
	}
}

// No other spelling of a path reaches a handler, or is redirected to one.
func TestOnlyOneSpellingOfAPath(t *testing.T) {
	h := Handler(config(), trial())
	for _, path := range []string{
		"//open", "/open/", "/open//", "/./open", "/x/../open", "/open/.", "/%2fopen", "/open%2f", "/OPEN", "/open.", "/open%20",
		"/open%00", "/%5copen", "/%2e/open", "/things/a%2fb", "/things/a%5cb", "/things/", "/things/..", "/things/%2e%2e",
		"/open;x=1", "/things/a%0a",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = &url.URL{}
		if u, err := url.Parse("http://h" + path); err == nil {
			r.URL = u
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || w.Header().Get("Location") != "" {
			t.Errorf("GET %s: got %d, Location %q, want 404", path, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	h := Handler(config(), trial(), Site())
	for _, c := range []struct{ method, path string }{
		{"GET", "/open"}, {"GET", "/nowhere"}, {"PUT", "/open"}, {"POST", "/open"}, {"POST", "/mine"}, {"GET", "/panic"},
		{"GET", "//"}, {"OPTIONS", "/open"}, {"HEAD", "/health"}, {"GET", "/"}, {"GET", "/.well-known/change-password"},
	} {
		for _, accept := range []string{"application/json", "text/html"} {
			res := ask(h, c.method, c.path, "", "Accept", accept)
			for name, want := range SecurityHeaders(config().AppOrigins) {
				if got := res.Header.Values(name); len(got) != 1 || got[0] != want[0] {
					t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, got, want)
				}
			}
			if got := res.Header.Get("X-Request-Id"); got != "request-1" {
				t.Errorf("%s %s: X-Request-Id %q", c.method, c.path, got)
			}
		}
	}
	csp := SecurityHeaders(nil).Get("Content-Security-Policy")
	if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
}

func TestRequestIDNeverComesFromTheClient(t *testing.T) {
	c := config()
	c.RequestID = nil
	h := Handler(c, trial())
	a := ask(h, "GET", "/open", "", "X-Request-Id", "mine").Header.Get("X-Request-Id")
	b := ask(h, "GET", "/open", "", "X-Request-Id", "mine").Header.Get("X-Request-Id")
	if a == "mine" || a == b || len(a) != 26 {
		t.Errorf("X-Request-Id: got %q, then %q", a, b)
	}
}

func TestPanicsAndLogsTellNoSecret(t *testing.T) {
	var log strings.Builder
	c := config()
	c.Log = slog.New(slog.NewJSONHandler(&log, nil))
	h := Handler(c, trial())
	res := ask(h, "GET", "/panic?token=hunter2", "", "Cookie", "__Host-session=hunter2")
	if p := problemOf(t, res); res.StatusCode != 500 || p.Code != "internal" {
		t.Errorf("panic: got %d %s, want 500 internal", res.StatusCode, p.Code)
	}
	ask(h, "HUNTER2", "/hunter2", "hunter2", "Authorization", "hunter2")
	if strings.Contains(strings.ToLower(log.String()), "hunter2") {
		t.Errorf("the log tells a secret:\n%s", log.String())
	}
	for _, want := range []string{`"route":"/panic"`, `"status":500`, `"requestId":"request-1"`, `"function":"trial"`, `"method":"other"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
}

func TestHEADIsGETWithoutBody(t *testing.T) {
	res := ask(Handler(config(), Site()), "HEAD", "/health", "")
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 200 || len(body) != 0 || res.ContentLength != int64(len(`{"status":"ok"}`)) {
		t.Errorf("HEAD /health: %d, %q, Content-Length %d", res.StatusCode, body, res.ContentLength)
	}
}

func TestWantsHTML(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/html": true, "application/json, text/html;q=0.5": false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true, "text/html;q=0": false, "text/html, application/json": true,
		",;,": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		if got := wantsHTML(r); got != want {
			t.Errorf("Accept %q: got %v, want %v", accept, got, want)
		}
	}
}

func TestCookieTwiceIsNone(t *testing.T) {
	q := func(lines ...string) *request {
		r := httptest.NewRequest("GET", "/", nil)
		for _, l := range lines {
			r.Header.Add("Cookie", l)
		}
		return &request{Request: r}
	}
	if got := q("a=1; __Host-session=x").cookie(sessionCookie).Reveal(); got != "x" {
		t.Errorf("one cookie: got %q, want x", got)
	}
	for _, lines := range [][]string{
		{"__Host-session=x; __Host-session=y"}, {"__Host-session=x", "__Host-session=x"}, {"__host-session=x"}, {"__Host-session="},
		{"__Host-session=" + strings.Repeat("x", maxCookie+1)}, {},
	} {
		if got := q(lines...).cookie(sessionCookie); !got.Empty() {
			t.Errorf("cookies %.60q: got %q, want none", lines, got.Reveal())
		}
	}
}

func TestCookiesAreBoundToHostAndPath(t *testing.T) {
	for name := range cookies {
		for _, c := range []*http.Cookie{setCookie(name, access.LoggedIn{}.SessionToken), clearCookie(name)} {
			s := c.String()
			for _, want := range []string{"__Host-", "Path=/", "Secure", "HttpOnly", "SameSite="} {
				if !strings.Contains(s, want) {
					t.Errorf("cookie %s lacks %s", s, want)
				}
			}
			if strings.Contains(s, "Domain") {
				t.Errorf("cookie %s names a domain", s)
			}
		}
		if s := clearCookie(name).String(); !strings.Contains(s, "Max-Age=0") {
			t.Errorf("cleared cookie %s is kept", s)
		}
	}
	for name, want := range map[string]string{
		sessionCookie: "SameSite=Lax", pendingCookie: "Max-Age=300; HttpOnly; Secure; SameSite=Strict",
		resetCookie: "Max-Age=900; HttpOnly; Secure; SameSite=Strict", deviceCookie: "Max-Age=34560000; HttpOnly; Secure; SameSite=Strict",
	} {
		if s := setCookie(name, access.LoggedIn{}.SessionToken).String(); !strings.HasSuffix(s, want) {
			t.Errorf("cookie %s does not end in %s", s, want)
		}
	}
}

func TestContinueTo(t *testing.T) {
	s := &server{Config: Config{AppOrigins: []string{"https://app.example.com", "http://localhost:9000"}}, site: origin}
	for _, good := range []string{
		"/account", "/account/sessions?cursor=x#y", "https://app.example.com", "https://app.example.com/a?b", "https://APP.example.com/",
		"http://localhost:9000/x", origin + "/account",
	} {
		if got := s.continueTo(good); got != good {
			t.Errorf("continueTo(%q) = %q, want it as it is", good, got)
		}
	}
	for _, bad := range []string{
		"", "account", "//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example", "/\t/evil.example", " /account",
		"https://evil.example", "https://app.example.com.evil.example", "https://app.example.com@evil.example", "https://u@app.example.com/",
		"http://app.example.com", "https://app.example.com:8443", "javascript:alert(1)", "data:text/html,x", "https:/evil.example",
		"https:app.example.com", "/" + strings.Repeat("a", maxContinue), "/a\nb", "https://app.example.com\\@evil.example",
	} {
		if got := s.continueTo(bad); got != "" {
			t.Errorf("continueTo(%q) = %q, want it ignored", bad, got)
		}
	}
}

func TestBasePath(t *testing.T) {
	c := config()
	c.Origin = origin + "/live"
	res := ask(Handler(c, Site()), "GET", "/", "")
	if got := res.Header.Get("Location"); res.StatusCode != 303 || got != "/live/account" {
		t.Errorf("GET /: %d to %q, want 303 to /live/account", res.StatusCode, got)
	}
}

func TestClientAddressIsTheConnections(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "[::ffff:192.0.2.7]:1234"
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	if got, want := connectionAddress(r), netip.MustParseAddr("192.0.2.7"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Whatever stands in a cookie, a query, a path or a body: no answer is a 5xx, and none lacks the headers.
func FuzzRequest(f *testing.F) {
	f.Add("__Host-session=a.b.c.d; __Host-pending=x", "/second", "continue=//x", "application/json", `{"name":"a"}`)
	f.Add("__Host-session=\"x", "/things/%2e%2e", "%zz", "application/x-www-form-urlencoded", "name=a&name=b")
	f.Add(";;==", "/open", "", "multipart/form-data", "x")
	h := Handler(config(), trial())
	f.Fuzz(func(t *testing.T, cookie, path, query, contentType, body string) {
		if strings.HasPrefix(path, "/panic") || strings.HasPrefix(path, "/mine") { // the one for what it says; the other needs a Service
			return
		}
		u, err := url.Parse("http://h" + path)
		if err != nil || u.Host != "h" {
			return
		}
		u.RawQuery = query
		for _, method := range []string{"GET", "POST"} {
			r := httptest.NewRequest(method, "/", strings.NewReader(body))
			r.URL = u
			r.Header.Set("Cookie", cookie)
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code >= 500 || w.Header().Get("Content-Security-Policy") == "" {
				t.Errorf("%s %s?%s: %d", method, path, query, w.Code)
			}
		}
	})
}
