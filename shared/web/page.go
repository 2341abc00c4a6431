package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"postern/shared/access"
	"postern/shared/languages"
)

// page is what a browser is shown: a template of pages/ and what it needs beside what every page has.
type page struct {
	name string
	data any
}

// showForm answers with a form's page.
func showForm(form func(*request) (page, error)) handler {
	return func(q *request) (reply, error) {
		p, err := form(q)
		return reply{page: p}, err
	}
}

// timeForPeople is how pages and messages write a time: UTC and unambiguous in every language.
const timeForPeople = "2006-01-02 15:04 UTC"

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// sharedTemplates are the layout and the partials: files that begin with _.
var sharedTemplates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").ParseFS(pageFiles, "pages/_*.html"))
})

// pages are parsed when they are first shown: a function that starts shows one, and has no time to read the others.
var pages = func() map[string]func() *template.Template {
	files, err := fs.Glob(pageFiles, "pages/[a-z]*.html")
	if err != nil {
		panic(err) // the pattern is constant
	}
	all := map[string]func() *template.Template{}
	for _, f := range files {
		all[strings.TrimSuffix(path.Base(f), ".html")] = sync.OnceValue(func() *template.Template {
			return template.Must(template.Must(sharedTemplates().Clone()).ParseFS(pageFiles, f))
		})
	}
	return all
}()

// assetFile is one asset.
type assetFile struct {
	content     []byte
	contentType string
}

// hashed gives the assets by the names they are served under, and those names by their own.
var hashed = sync.OnceValues(func() (map[string]assetFile, map[string]string) {
	byHash, names := map[string]assetFile{}, map[string]string{}
	types := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // embedded
	}
	for _, e := range entries {
		content, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err) // embedded
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		byHash[name], names[e.Name()] = assetFile{content, types[ext]}, name
	}
	return byHash, names
})

func assets() map[string]assetFile { byHash, _ := hashed(); return byHash }

// render makes a page. p is the refusal to show on it, or nil.
func (s *server) render(q *request, pg page, p *Problem) ([]byte, error) {
	t, ok := pages[pg.name]
	if !ok {
		return nil, fmt.Errorf("no page %q", pg.name)
	}
	var b bytes.Buffer
	v := &view{
		Name: pg.name, Data: pg.data, Problem: p, text: q.text, id: q.id, at: q.URL.Path, location: s.location, continueTo: q.continueTo(),
		askAccount: s.FixedAccountID == "", query: q.query.typed, body: q.body.typed,
	}
	if q.identity != nil {
		v.session = &q.identity.View
	}
	if err := t().ExecuteTemplate(&b, "_layout.html", v); err != nil {
		return nil, fmt.Errorf("page %s: %w", pg.name, err)
	}
	return b.Bytes(), nil
}

// view is what templates see: the page's own Data, and what every page may ask for. It holds no request: of everything that a
// template could reach the linker keeps every method, and a request leads to the whole Service.
type view struct {
	Name    string
	Data    any
	Problem *Problem

	text        *languages.Catalogue
	id          string
	at          string                   // path of the request
	location    func(next string) string // see server.location
	continueTo  string
	askAccount  bool
	session     *access.SessionView
	query, body map[string]string // as typed
}

// T gives a text in the reader's language. args are names and values of its placeholders.
func (v *view) T(key string, args ...string) string {
	named := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		named[args[i]] = args[i+1]
	}
	return v.text.Text(key, named)
}

// Title names the page; an error is told first, for those who hear it (WCAG 2.4.2).
func (v *view) Title() string {
	title := v.T("page." + v.Name + ".title")
	if v.Problem != nil {
		if v.Name == "error" {
			title = v.Problem.Title
		}
		return v.T("page.error_prefix", "title", title)
	}
	return title
}

// Language is the language of the page, as a BCP 47 tag.
func (v *view) Language() string { return v.text.Tag() }

// URL gives the address of a path of Postern. args are names and values of query parameters; empty ones are left out.
func (v *view) URL(path string, args ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(args); i += 2 {
		if args[i+1] != "" {
			query.Set(args[i], args[i+1])
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return v.location(path)
}

// Asset gives the address of a file of assets/.
func (v *view) Asset(name string) string {
	_, names := hashed()
	return v.URL("/assets/" + names[name])
}

// Session is who is signed in, or nil.
func (v *view) Session() *access.SessionView {
	return v.session
}

// Administrator reports whether the pages under /manage are open to the reader.
func (v *view) Administrator() bool {
	s := v.Session()
	return s != nil && s.Role == access.RoleAdministrator && s.Kind == access.SessionFull
}

// AskAccount reports whether forms have to ask for the Account ID.
func (v *view) AskAccount() bool { return v.askAccount }

// Continue is where the login is to continue, or "".
func (v *view) Continue() string { return v.continueTo }

// RequestID is what a person can tell the support.
func (v *view) RequestID() string { return v.id }

// Query gives a query parameter as it was sent, for filter forms and their links.
func (v *view) Query(name string) string { return v.query[name] }

// Typed gives what was typed in a field that is not secret; or, when the page is shown first, what it holds.
func (v *view) Typed(name string, first ...any) string {
	if s, ok := v.body[name]; ok && v.Problem != nil {
		return s
	}
	if len(first) == 0 {
		return ""
	}
	return fmt.Sprint(first[0])
}

// Wrong gives what is wrong with a field, or "".
func (v *view) Wrong(name string) string {
	if v.Problem != nil {
		for _, e := range v.Problem.Errors {
			if e.Field == name {
				return e.Message
			}
		}
	}
	return ""
}

// Broken reports whether a rule of the password policy was broken.
func (v *view) Broken(rule string) bool {
	if v.Problem != nil && v.Problem.Code == "password_policy" {
		for _, e := range v.Problem.Errors {
			if e.Code == rule {
				return true
			}
		}
	}
	return false
}

// Challenge is the CAPTCHA to solve, as JSON, or "".
func (v *view) Challenge() (string, error) {
	if v.Problem == nil || v.Problem.Captcha == nil {
		return "", nil
	}
	b, err := json.Marshal(v.Problem.Captcha)
	return string(b), err
}

// Refused reports whether the page shows a refusal of that code.
func (v *view) Refused(code string) bool { return v.Problem != nil && v.Problem.Code == code }

// Time writes a time for people; t is a time.Time or a *time.Time.
func (v *view) Time(t any) template.HTML {
	var at time.Time
	switch x := t.(type) {
	case time.Time:
		at = x
	case *time.Time:
		if x != nil {
			at = *x
		}
	}
	if at.IsZero() {
		return template.HTML(template.HTMLEscapeString(v.T("page.never")))
	}
	at = at.UTC()
	return template.HTML(`<time datetime="` + at.Format(time.RFC3339) + `">` + at.Format(timeForPeople) + `</time>`)
}

// Label is what people call a field, in its form and in the summary of what is wrong there. It depends on the page.
func (v *view) Label(name string) string {
	switch {
	case name == "totp" && strings.HasPrefix(v.Name, "manage"):
		name = "manage_totp" // a state or a rule there, a code elsewhere
	case name == "password" && v.Name == "new_password":
		name = "newPassword"
	case name == "code" && v.Name == "reset_confirm":
		name = "reset_code"
	case name == "code" && v.Name == "manage_token_assign":
		name = "token_code"
	case name == "code":
		name = "totp"
	}
	return v.T("page.field." + name)
}

// With is the view for a partial that is about data.
func (v *view) With(data any) *view {
	w := *v
	w.Data = data
	return &w
}

// At reports whether the page shown is that of a path.
func (v *view) At(path string) bool { return v.at == path }

// Wide reports whether the page holds a table or several columns.
func (v *view) Wide() bool {
	return strings.HasPrefix(v.Name, "manage") || v.Name == "account_sessions"
}

// Numbers writes a list of numbers as forms hold it.
func (v *view) Numbers(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ", ")
}

// PolicyText writes a value of the policy as forms hold it; PolicyWord as people read it.
func (v *view) PolicyText(value json.RawMessage) string { return access.PolicyText(value) }

// PolicyWord writes the value of a field of the policy for people.
func (v *view) PolicyWord(field string, value json.RawMessage) string {
	text := access.PolicyText(value)
	prefix := map[string]string{"captcha": "page.captcha_mode.", "totp": "page.totp_mode.", "reset.delivery": "page.reset_delivery."}[field]
	switch {
	case prefix != "":
		return v.T(prefix + text)
	case text == "true", text == "false":
		return v.T("page.policy_value." + text)
	case text == "":
		return v.T("page.policy_value.none")
	}
	return text
}

// Field describes one input for the partial "field": its name and pairs of further attributes.
func (v *view) Field(name string, attributes ...string) (input, error) {
	f := input{v: v, Name: name, ID: "f-" + name, Label: v.Label(name), Type: "text", Wrong: v.Wrong(name), Value: v.Typed(name)}
	for i := 0; i+1 < len(attributes); i += 2 {
		value := attributes[i+1]
		switch attributes[i] {
		case "type":
			f.Type = value
		case "autocomplete":
			f.Autocomplete = value
		case "inputmode":
			f.InputMode = value
		case "hint":
			f.Hint = v.T(value)
		case "value":
			f.Value = v.Typed(name, value)
		case "rules":
			f.Rules = value
		case "optional":
			f.Optional = true
		case "code":
			f.Code = true
		default:
			return f, fmt.Errorf("field %s: unknown attribute %q", name, attributes[i])
		}
	}
	if f.Type == "password" || f.Code {
		f.Value = ""
	}
	return f, nil
}

// input is one labelled input of a form.
type input struct {
	v                                   *view
	Name, ID, Label, Type, Value, Wrong string
	Autocomplete, InputMode, Hint       string
	Rules                               string // attribute passwordrules
	Optional                            bool
	Code                                bool // typed from a mail, an app or a file: never shown again
}

// Describedby lists the ids of what explains the input.
func (f input) Describedby() string {
	var ids []string
	if f.Wrong != "" {
		ids = append(ids, f.ID+"-wrong")
	}
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	return strings.Join(ids, " ")
}

// T is view.T, for partials.
func (f input) T(key string, args ...string) string { return f.v.T(key, args...) }

// Choice describes one select for the partial "choice". prefix is that of the keys of its options' texts.
func (v *view) Choice(name, prefix string, chosen any, options []string) choice {
	return v.choiceOf(name, prefix, v.Typed(name, chosen), options)
}

func (v *view) choiceOf(name, prefix, chosen string, options []string) choice {
	return choice{
		v: v, Name: name, ID: "f-" + name, Label: v.Label(name), Prefix: prefix, Chosen: chosen, Options: options,
		Wrong: v.Wrong(name),
	}
}

// Filter is a Choice of a filter form: what is chosen stands in the query, and nothing may be.
func (v *view) Filter(name, prefix string, options []string) choice {
	return v.choiceOf(name, prefix, v.Query(name), append([]string{""}, options...))
}

// choice is one labelled select.
type choice struct {
	v                                      *view
	Name, ID, Label, Prefix, Chosen, Wrong string
	Options                                []string
}

// Text names an option.
func (c choice) Text(option string) string {
	switch {
	case option == "":
		return c.v.T("page.any")
	case c.Prefix == "":
		return option
	}
	return c.v.T(c.Prefix + option)
}

// Switch describes one checkbox for the partial "switch".
func (v *view) Switch(name string, on bool) toggle {
	return toggle{Name: name, ID: "f-" + name, Label: v.Label(name), On: v.Typed(name, on) == "true"}
}

// toggle is one labelled checkbox.
type toggle struct {
	Name, ID, Label string
	On              bool
}

// ---- what pages show of passwords and secrets

// rule is a rule of the password policy as pages show it before and while somebody types.
type rule struct {
	Code  string // as in problems
	Text  string
	Limit int  // of the lengths
	Live  bool // the script can check it
}

// passwordRules is what the page for a new password needs to know.
type passwordRules struct {
	Rules      []rule
	Attributes string // for the attribute passwordrules, which password managers generate by
}

// rulePolicy is the part of a policy that the rules for new passwords are in.
func rulePolicy(p access.Policy) access.PasswordPolicyView {
	return access.PasswordPolicyView{
		MinLength: p.MinLength, MaxLength: p.MaxLength, RequireLower: p.RequireLower, RequireUpper: p.RequireUpper,
		RequireDigit: p.RequireDigit, RequireSymbol: p.RequireSymbol, History: p.History, HistoryDays: p.HistoryDays,
		MinAgeHours: p.MinAgeHours, Blocklist: p.Blocklist, TOTP: p.TOTP,
	}
}

func rulesOf(t *languages.Catalogue, p access.PasswordPolicyView) passwordRules {
	args := map[string]string{"min": strconv.Itoa(p.MinLength), "max": strconv.Itoa(p.MaxLength)}
	var r passwordRules
	add := func(when bool, code string, limit int, live bool) {
		if when {
			r.Rules = append(r.Rules, rule{code, t.Text("page.rule."+code, args), limit, live})
		}
	}
	add(true, "min_length", p.MinLength, true)
	add(true, "max_length", p.MaxLength, true)
	add(p.RequireLower, "lower", 0, true)
	add(p.RequireUpper, "upper", 0, true)
	add(p.RequireDigit, "digit", 0, true)
	add(p.RequireSymbol, "symbol", 0, true)
	add(p.History > 0 || p.HistoryDays > 0, "history", 0, false)
	add(p.Blocklist, "common", 0, false)
	add(p.Blocklist, "personal", 0, false)

	attributes := []string{"minlength: " + strconv.Itoa(p.MinLength), "maxlength: " + strconv.Itoa(p.MaxLength)}
	for _, class := range []struct {
		on   bool
		name string
	}{{p.RequireLower, "lower"}, {p.RequireUpper, "upper"}, {p.RequireDigit, "digit"}, {p.RequireSymbol, "special"}} {
		if class.on {
			attributes = append(attributes, "required: "+class.name)
		}
	}
	r.Attributes = strings.Join(attributes, "; ") + ";"
	return r
}

// inFours sets a base32 secret in groups of four, to be typed from one screen into another.
func inFours(s string) string {
	var groups []string
	for len(s) > 4 {
		groups, s = append(groups, s[:4]), s[4:]
	}
	return strings.Join(append(groups, s), " ")
}

// otpauth lets a link through whose scheme html/template does not know. It is made by package totp, escaped there.
func otpauth(uri string) template.URL {
	if !strings.HasPrefix(uri, "otpauth://totp/") {
		return ""
	}
	return template.URL(uri)
}

// svg lets a picture through that package totp has made: numbers and fixed words.
func svg(s string) template.HTML {
	if !strings.HasPrefix(s, "<svg") {
		return ""
	}
	return template.HTML(s)
}

// languageOf chooses the language of an answer by what the browser asks for.
func languageOf(r *http.Request) *languages.Catalogue {
	return languages.For(r.Header.Get("Accept-Language"))
}
