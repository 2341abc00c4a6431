// Package web is what people and programs see of Postern: one resource, two faces, JSON and pages.
//
// # From request to answer
//
// [Handler] finds the [Route], then checks in the order of details 40: path, method, origin of the request, size and type
// of the body, session, what that session may do, query and body. Only then the route's handler runs: it calls one use
// case of package access and says what came of it as a [reply]. Whatever is refused on the way becomes a problem
// (problem.go, the one table of refusals), shown as JSON, or in words on the page that it belongs to.
//
// Answers are made whole before a byte is sent, so a handler that panics leaves nothing half said.
//
// # Where things are
//
// A file per AWS function holds its routes and handlers: login.go, single_use_code.go, reset_request.go, reset_confirm.go,
// session.go, account.go, totp_setup.go, manage.go, admin.go, site.go. routes.go gathers them, authorize.go decides who may
// ask, decode.go reads bodies, reply.go makes answers and problem.go refusals. Cookies are in cookie.go, headers in
// header.go, pages in page.go with pages/ and assets/; what people read is in package languages.
package web

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/shared/access"
	"postern/shared/languages"
)

// Config is what the HTTP side works with.
type Config struct {
	// Service does the work. It must be set.
	Service *access.Service
	// Origin is where people reach Postern: scheme and host, with an optional base path, without a slash at the end
	// ("https://id.example.com/live"). It must be set. Links and the check of cross-origin requests go by it, never by a
	// header. The base path is expected to be removed from the paths of requests already.
	Origin string
	// AppOrigins are the origins ("https://app.example.com") that a login may continue to. None: paths of Postern only.
	AppOrigins []string
	// FixedAccountID is the one account of the deployment. When set, pages do not ask for the Account ID and bodies may
	// leave it out.
	FixedAccountID string
	// Log gets one line per request: method, route, status, duration and request id; never a query, cookie or body. Unset:
	// slog.Default.
	Log *slog.Logger
	// ClientAddress gives the address that budgets are charged to. On AWS it is the one of the gateway's request context.
	// Unset: the connection's, never a forwarding header.
	ClientAddress func(*http.Request) netip.Addr
	// Principal names who signed a request to /admin, as notices do ("iam:{ARN}"). Unset: nobody may.
	Principal func(*http.Request) (actor string, ok bool)
	// RequestID names a request in logs, problems and the header X-Request-Id. It must not come from the client. Unset:
	// 26 random characters.
	RequestID func(*http.Request) string
	// Now is the clock that lifetimes of cookies and durations in the log are told by. Unset: time.Now.
	Now func() time.Time
}

// MaxBody is how long a body may be, in bytes (api.md: payload_too_large).
const MaxBody = 8 << 10

// server answers the routes of some functions. It is safe for concurrent use.
type server struct {
	Config
	site    string // scheme and host of Origin
	base    string // base path of Origin, "" or "/live"
	cross   *http.CrossOriginProtection
	headers http.Header     // on every answer
	pages   map[string]bool // patterns that have a page to GET
	mux     *http.ServeMux
}

// Handler serves the routes of the functions named. It panics if the configuration or the table cannot work: that is for
// the start of the program, not for a request.
func Handler(c Config, functions ...Function) http.Handler {
	origin, err := url.Parse(c.Origin)
	if err != nil || origin.Scheme == "" || origin.Host == "" || strings.HasSuffix(c.Origin, "/") {
		panic(fmt.Sprintf("web: Origin %q is not scheme://host[/path]", c.Origin))
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.ClientAddress == nil {
		c.ClientAddress = connectionAddress
	}
	if c.Principal == nil {
		c.Principal = func(*http.Request) (string, bool) { return "", false }
	}
	if c.RequestID == nil {
		c.RequestID = func(*http.Request) string { return rand.Text() }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &server{
		Config: c, site: origin.Scheme + "://" + origin.Host, base: origin.EscapedPath(),
		cross: http.NewCrossOriginProtection(), headers: SecurityHeaders(c.AppOrigins), pages: map[string]bool{},
		mux: http.NewServeMux(),
	}
	for _, o := range append([]string{s.site}, c.AppOrigins...) {
		if !isOrigin(o) {
			panic(fmt.Sprintf("web: %q is not an origin", o))
		}
	}
	if err := s.cross.AddTrustedOrigin(s.site); err != nil {
		panic("web: " + err.Error())
	}

	// Patterns are registered without their method, so that 404 and 405 are answered here as everything else is, and the
	// mux's own redirects to cleaned paths never happen: other spellings of a path do not get this far (plainPath).
	methods := map[string]map[string]*Route{}
	for _, r := range routesOf(functions) {
		if c.FixedAccountID != "" {
			r.Body = withoutAccountID(r.Body)
		}
		if methods[r.Pattern] == nil {
			methods[r.Pattern] = map[string]*Route{}
		}
		if methods[r.Pattern][r.Method] != nil {
			panic("web: two routes for " + r.Method + " " + r.Pattern)
		}
		methods[r.Pattern][r.Method] = &r
		if r.Method == http.MethodGet {
			methods[r.Pattern][http.MethodHead] = &r
			s.pages[r.Pattern] = r.Page
		}
	}
	for pattern, m := range methods {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, m) })
	}
	if methods["/"] == nil {
		s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, nil) })
	}
	return http.HandlerFunc(s.answerAll) // not s itself: see view
}

// withoutAccountID makes the Account ID optional where the deployment fixes it.
func withoutAccountID(fields []Field) []Field {
	fields = slices.Clone(fields)
	for i := range fields {
		if fields[i].Name == "accountId" {
			fields[i].Required = false
		}
	}
	return fields
}

func connectionAddress(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

func (s *server) answerAll(w http.ResponseWriter, r *http.Request) {
	if !plainPath(r.URL) {
		s.serve(w, r, nil)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// plainPath reports whether a path is spelt in the one way that routes know: no empty or dot segment, no encoded
// separator, letter or digit, no control character. Everything else is not found, so no spelling reaches a handler past a rule for its
// path that stands elsewhere (a firewall, a gateway, an IAM policy).
func plainPath(u *url.URL) bool {
	escaped := strings.ToLower(u.EscapedPath())
	for _, bad := range []string{"%2f", "%5c", "%2e", "%25", ";"} {
		if strings.Contains(escaped, bad) {
			return false
		}
	}
	if !strings.HasPrefix(u.Path, "/") || disguised.MatchString(escaped) {
		return false
	}
	if u.Path == "/" {
		return true
	}
	for segment := range strings.SplitSeq(u.Path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(u.Path, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' || r == '\uFFFD' })
}

// disguised finds letters, digits, '-', '_' and '~' that are percent-encoded, which nobody needs to do (RFC 3986, section 2.3).
var disguised = regexp.MustCompile(`%(2d|3[0-9]|[46][1-9a-f]|[57][0-9a]|5f|7e)`)

// request is one request on its way, and what was found out about it.
type request struct {
	*http.Request
	s     *server
	id    string
	html  bool // the answer is for a browser
	text  *languages.Catalogue
	route *Route // nil when there is none

	authorized bool // the caller may ask the route

	identity  *access.Identity         // with SignedIn and Administrator
	actor     access.Actor             // with Administrator and IAM
	accountID string                   // the account that an administrator's request is about
	prompt    access.NewPasswordPrompt // with NewPasswordOwed
	keepReset bool                     // the reset secret was not used up and is asked for again
	query     values
	body      values
	file      upload // with Route.Upload
}

func (s *server) serve(w http.ResponseWriter, r *http.Request, methods map[string]*Route) {
	start := s.Now()
	q := &request{Request: r, s: s, id: s.RequestID(r), text: languageOf(r)}
	a := s.answer(q, methods)

	h := w.Header()
	for k, v := range s.headers {
		h[k] = v
	}
	h.Set("X-Request-Id", q.id)
	for k, v := range a.header {
		h[k] = v
	}
	if len(a.body) > 0 {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body) // the client is gone: nobody is left to tell
	}

	pattern, function := "", ""
	if q.route != nil {
		pattern, function = q.route.Pattern, q.route.Function
	}
	s.Log.InfoContext(r.Context(), "request", "method", knownMethod(r.Method), "route", pattern, "function", function,
		"status", a.status, "ms", s.Now().Sub(start).Milliseconds(), "requestId", q.id)
}

// knownMethod keeps what a client made up out of the log.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return m
	}
	return "other"
}

// answer runs a request and turns what comes of it, a panic too, into something to send.
func (s *server) answer(q *request, methods map[string]*Route) (a answer) {
	defer func() {
		if v := recover(); v != nil {
			s.logPanic(q, v)
			a = s.refuse(q, errInternal)
		}
	}()
	rep, err := s.run(q, methods)
	if err == nil {
		a, err = s.finish(q, rep)
	}
	if err != nil {
		a = s.refuse(q, err)
	}
	return a
}

// logPanic tells where it happened and, unless it is the runtime's own, not what was said: that may hold a secret.
func (s *server) logPanic(q *request, v any) {
	what := fmt.Sprintf("%T", v)
	if e, ok := v.(runtime.Error); ok {
		what = e.Error()
	}
	s.Log.ErrorContext(q.Context(), "panic", "requestId", q.id, "what", what, "stack", string(debug.Stack()))
}

// run checks in the order of details 40, then hands over to the route.
func (s *server) run(q *request, methods map[string]*Route) (reply, error) {
	if methods == nil {
		q.html = wantsHTML(q.Request)
		return reply{}, access.ErrNotFound
	}
	q.route = methods[q.Method]
	if q.route == nil {
		q.html = wantsHTML(q.Request)
		return reply{}, &methodError{allow: allowed(methods)}
	}
	q.html = q.route.Page && wantsHTML(q.Request)

	var body []byte
	var form bool
	var refused error // who asks may not; it is told in its turn
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		if err := s.cross.Check(q.Request); err != nil {
			return reply{}, errCrossOrigin
		}
		read := readBody
		if q.route.Upload != nil { // files are long: those of who may not send one are counted, and not kept
			if refused = s.authorize(q); refused != nil {
				read = skipBody
			}
		}
		var err error
		if body, err = read(q.Body, q.route.Upload.limit(q.Header)); err != nil {
			return reply{}, err
		}
		if q.route.Upload != nil {
			err = q.route.Upload.accepts(q.Header)
		} else {
			form, err = mediaType(q.Header, len(body) == 0)
		}
		if err != nil {
			return reply{}, err
		}
	}
	if q.route.Upload == nil {
		refused = s.authorize(q)
	}
	if refused != nil {
		return reply{}, refused
	}
	q.authorized = true
	var bad, badBody []access.FieldError
	q.query, bad = decodeQuery(q.URL.RawQuery, q.route.Query, q.route.Who == Administrator || q.route.Who == IAM)
	switch {
	case q.route.Upload != nil:
		if q.file, q.body, badBody = q.route.Upload.read(q.Header, body, q.route.Body); len(q.file.Content) > MaxFile {
			return reply{}, errTooLarge
		}
	case form:
		q.body, badBody = decodeForm(string(body), q.route.Body)
	default:
		q.body, badBody = decodeJSON(body, q.route.Body)
	}
	if bad = append(bad, badBody...); len(bad) > 0 {
		return reply{}, &access.InputError{Fields: bad}
	}
	return q.route.handle(q)
}

// allowed lists the methods of a path, for the header Allow.
func allowed(methods map[string]*Route) string {
	var names []string
	for m := range methods {
		names = append(names, m)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// readBody reads a whole body, and not a byte more than is needed to know that it is too long.
func readBody(body io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, malformed() // cut off on its way
	}
	if int64(len(b)) > limit {
		return nil, errTooLarge
	}
	return b, nil
}

// skipBody is readBody for a body that nobody wants.
func skipBody(body io.Reader, limit int64) ([]byte, error) {
	n, err := io.Copy(io.Discard, io.LimitReader(body, limit+1))
	if err != nil {
		return nil, malformed()
	}
	if n > limit {
		return nil, errTooLarge
	}
	return nil, nil
}

// mediaType reports whether a body is a form; if not, it is JSON. A request without a body needs no type.
func mediaType(h http.Header, empty bool) (form bool, err error) {
	if len(h.Values("Content-Type")) == 0 && empty {
		return false, nil
	}
	name, _, err := soleMediaType(h)
	if err != nil {
		return false, err
	}
	switch name {
	case "application/json":
		return false, nil
	case "application/x-www-form-urlencoded":
		return true, nil
	}
	return false, errMediaType
}

// soleMediaType gives the one media type that a body is declared to have, with its parameters. Bodies are UTF-8, and not compressed.
func soleMediaType(h http.Header) (string, map[string]string, error) {
	types := h.Values("Content-Type")
	if len(types) != 1 || h.Get("Content-Encoding") != "" {
		return "", nil, errMediaType
	}
	name, params, err := mime.ParseMediaType(types[0])
	if err != nil {
		return "", nil, errMediaType
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", nil, errMediaType
	}
	return name, params, nil
}

func (q *request) client() access.Client {
	return access.Client{
		Address: q.s.ClientAddress(q.Request), UserAgent: q.UserAgent(), Browser: q.cookie(deviceCookie),
	}
}

// account is the Account ID that was typed, or the deployment's one.
func (q *request) account() string {
	if id := q.body.text("accountId"); id != "" || q.s.FixedAccountID == "" {
		return id
	}
	return q.s.FixedAccountID
}
