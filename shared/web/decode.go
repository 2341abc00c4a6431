package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/shared/access"
	"postern/shared/secret"
)

// FieldType says what a field of a body or a query holds.
type FieldType string

// The types of fields.
const (
	Text        FieldType = "text"         // UTF-8 without control characters
	Secret      FieldType = "secret"       // UTF-8, exactly as typed
	NewPassword FieldType = "new_password" // a Secret that the password policy is about
	Bool        FieldType = "bool"
	Int         FieldType = "int"  // a whole number
	Ints        FieldType = "ints" // a list of whole numbers; in forms separated by commas or spaces
	Time        FieldType = "time" // RFC 3339; a date alone means its beginning in UTC
	Link        FieldType = "link" // where to go on to: never refused, what cannot be followed is ignored (api.md, GET /login)
)

// Field is one field of a body (JSON or form) or one query parameter. Bodies hold no others.
type Field struct {
	Name     string // nested fields are dotted: "reset.delivery"
	Type     FieldType
	Required bool     // it must be there, and not be empty
	Blank    bool     // with Required: it may be empty, but must be there
	Max      int      // of Text, Secret, NewPassword and Link: how long, in bytes
	Low      int      // of Int, with High
	High     int      // of Int: Low to High; 0: any
	OneOf    []string // of Text: the values there are; empty counts as not given
	FormOnly bool     // known in forms alone
}

// maxInts is how many numbers a list may hold; what it means is for the use case to limit.
const maxInts = 20

// formExtras are known in every form besides the fields listed (details 37), and ignored where nothing reads them.
var formExtras = []Field{
	{Name: "captcha", Type: Text, Max: maxCaptcha},
	{Name: "ifMatch", Type: Text, Max: 200},
}

// How long fields may be, in bytes. They bound the work, not what is right: that is for the use cases. 256 code points of
// a password are at most 1,024 bytes; the room beyond lets the policy itself say that it is too long.
const (
	maxAccountID = 256 // 64 characters
	maxLogin     = 1016
	maxPassword  = 4096
	maxCode      = 64
	maxToken     = 512
	maxCaptcha   = 4096
	maxName      = 400
	maxID        = 128
	maxQuery     = 400
	maxCursor    = 2048
)

// The fields that more than one route takes.
var (
	accountIDField = Field{Name: "accountId", Type: Text, Required: true, Max: maxAccountID}
	loginField     = Field{Name: "login", Type: Text, Required: true, Max: maxLogin}
	captchaField   = Field{Name: "captcha", Type: Text, Max: maxCaptcha}
	codeField      = Field{Name: "code", Type: Secret, Required: true, Max: maxCode}
	continueField  = Field{Name: "continue", Type: Link, Max: maxContinue, FormOnly: true}
	continueQuery  = []Field{{Name: "continue", Type: Link, Max: maxContinue}}
	pageQuery      = []Field{{Name: "limit", Type: Int, Low: 1, High: 200}, {Name: "cursor", Type: Text, Max: maxCursor}}
)

// values are the decoded fields of a body or a query. Reading a field that was not sent gives its zero value.
type values struct {
	of    map[string]any    // string, secret.Text, bool, int, []int or time.Time, by name
	typed map[string]string // what a form or a query held for fields that are not secret, to show it again
}

func newValues() values { return values{of: map[string]any{}, typed: map[string]string{}} }

func (v values) has(name string) bool { _, ok := v.of[name]; return ok }

func (v values) text(name string) string        { s, _ := v.of[name].(string); return s }
func (v values) secret(name string) secret.Text { s, _ := v.of[name].(secret.Text); return s }
func (v values) bool(name string) bool          { b, _ := v.of[name].(bool); return b }
func (v values) int(name string) int            { i, _ := v.of[name].(int); return i }
func (v values) ints(name string) []int         { l, _ := v.of[name].([]int); return l }
func (v values) time(name string) time.Time     { t, _ := v.of[name].(time.Time); return t }

// optional gives a text that may have been left out.
func (v values) optional(name string) *string {
	if !v.has(name) {
		return nil
	}
	s := v.text(name)
	return &s
}

// malformed is the refusal of something that cannot be read at all.
func malformed() error { return &access.InputError{} }

func inputError(bad ...access.FieldError) error { return &access.InputError{Fields: bad} }

func fieldError(name, code string) access.FieldError {
	return access.FieldError{Field: name, Code: code}
}

// missing lists the required fields that are not there, as errors.
func missing(v values, fields []Field) []access.FieldError {
	var bad []access.FieldError
	for _, f := range fields {
		if !f.Required {
			continue
		}
		switch x := v.of[f.Name].(type) {
		case nil:
			bad = append(bad, fieldError(f.Name, "missing"))
		case string:
			if x == "" && !f.Blank {
				bad = append(bad, fieldError(f.Name, "missing"))
			}
		case secret.Text:
			if x.Empty() {
				bad = append(bad, fieldError(f.Name, "missing"))
			}
		}
	}
	return bad
}

// put checks a string for a field and stores it. It returns nil if it is right.
func (v values) put(f Field, s string) []access.FieldError {
	refuse := func(code string, params ...string) []access.FieldError {
		e := fieldError(f.Name, code)
		for i := 0; i+1 < len(params); i += 2 {
			if e.Params == nil {
				e.Params = map[string]string{}
			}
			e.Params[params[i]] = params[i+1]
		}
		return []access.FieldError{e}
	}
	if f.Type == Link {
		if utf8.ValidString(s) && len(s) <= f.Max {
			v.of[f.Name] = s
		}
		return nil
	}
	if !utf8.ValidString(s) {
		return refuse("not_utf8")
	}
	switch f.Type {
	case Text:
		if len(s) > f.Max {
			return refuse("too_long", "max", strconv.Itoa(f.Max))
		}
		if strings.ContainsFunc(s, unicode.IsControl) {
			return refuse("control_characters")
		}
		if f.OneOf != nil && !slices.Contains(f.OneOf, s) && (s != "" || f.Required) {
			return refuse("unknown_value")
		}
		v.of[f.Name] = s
	case Secret, NewPassword:
		if len(s) > f.Max {
			return refuse("too_long", "max", strconv.Itoa(f.Max))
		}
		v.of[f.Name] = secret.New(s)
	case Bool:
		switch s {
		case "true":
			v.of[f.Name] = true
		case "false":
			v.of[f.Name] = false
		default:
			return refuse("not_true_or_false")
		}
	case Int:
		n, err := strconv.Atoi(s)
		if err != nil || len(s) > 10 {
			return refuse("not_a_number")
		}
		if f.High != 0 && (n < f.Low || n > f.High) {
			return refuse("out_of_range", "min", strconv.Itoa(f.Low), "max", strconv.Itoa(f.High))
		}
		v.of[f.Name] = n
	case Ints:
		list := []int{}
		for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
			n, err := strconv.Atoi(word)
			if err != nil || len(word) > 10 {
				return refuse("not_a_number")
			}
			list = append(list, n)
		}
		if len(list) > maxInts {
			return refuse("too_many", "max", strconv.Itoa(maxInts))
		}
		v.of[f.Name] = list
	case Time:
		if s == "" {
			return nil
		}
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			at, err = time.Parse(time.DateOnly, s)
		}
		if err != nil {
			return refuse("not_a_time")
		}
		v.of[f.Name] = at.UTC()
	}
	return nil
}

// ---- forms and queries

// decodeForm decodes an application/x-www-form-urlencoded body (WHATWG URL, section 5.1).
//
// A name that comes twice is refused, as in JSON, with one exception: a checkbox stands after a hidden field of its name
// with "false", and the last value counts (details 36).
func decodeForm(body string, fields []Field) (values, []access.FieldError) {
	known := slices.Clone(fields)
	for _, extra := range formExtras {
		if !slices.ContainsFunc(known, func(f Field) bool { return f.Name == extra.Name }) {
			known = append(known, extra)
		}
	}
	v, bad := decodePairs(body, known, true)
	return v, append(bad, missingBut(v, fields, bad)...)
}

// decodeQuery decodes the query of a URL. Parameters that the route does not know are refused if strict, else ignored:
// links to public pages arrive with what others hang on to them.
func decodeQuery(query string, fields []Field, strict bool) (values, []access.FieldError) {
	v, bad := decodePairs(query, fields, strict)
	return v, append(bad, missingBut(v, fields, bad)...)
}

// missingBut lists the required fields that are missing and of which nothing has been said already.
func missingBut(v values, fields []Field, said []access.FieldError) []access.FieldError {
	return slices.DeleteFunc(missing(v, fields), func(m access.FieldError) bool {
		return slices.ContainsFunc(said, func(e access.FieldError) bool { return e.Field == m.Field })
	})
}

func decodePairs(s string, fields []Field, strict bool) (values, []access.FieldError) {
	v := newValues()
	var bad []access.FieldError
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(s, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil || !utf8.ValidString(name) {
			bad = append(bad, fieldError(shown(name), "malformed"))
			continue
		}
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
		if i < 0 {
			if strict {
				bad = append(bad, fieldError(shown(name), "unknown_field"))
			}
			continue
		}
		f := fields[i]
		if seen[name] && f.Type != Bool {
			bad = append(bad, fieldError(name, "duplicate"))
			continue
		}
		seen[name] = true
		if f.Type == Int {
			value = strings.TrimSpace(value)
		}
		if f.Type != Secret && f.Type != NewPassword && utf8.ValidString(value) {
			v.typed[name] = value
		}
		bad = append(bad, v.put(f, value)...)
	}
	return v, bad
}

// shown makes a name that a client made up fit to be said back.
func shown(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, name)
	if r := []rune(name); len(r) > 64 {
		return string(r[:64])
	}
	return name
}

// ---- JSON

var errJSON = errors.New("not the JSON that was expected")

// decodeJSON decodes one JSON object. An empty body is an object without fields.
//
// It is stricter than encoding/json: names match exactly, come once, and are all known; nothing stands for another type;
// text is UTF-8 without lone surrogates; nothing follows the object. Else two readers of one body could read it differently.
func decodeJSON(body []byte, fields []Field) (values, []access.FieldError) {
	fields = slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return f.FormOnly })
	v := newValues()
	if len(body) == 0 {
		return v, missing(v, fields)
	}
	if !properText(body) {
		return v, improper(body, fields)
	}
	d := &jsonDecoder{json.NewDecoder(bytes.NewReader(body)), v, fields, nil}
	d.UseNumber()
	err := d.document()
	if err != nil {
		return v, append(d.bad, fieldError("", "malformed"))
	}
	return v, append(d.bad, missingBut(v, fields, d.bad)...)
}

// properText reports whether raw JSON is UTF-8 throughout, without lone surrogates.
func properText(raw []byte) bool { return utf8.Valid(raw) && pairedSurrogates(raw) }

// improper names the fields whose text is not proper; if it stands elsewhere, none.
func improper(body []byte, fields []Field) (bad []access.FieldError) {
	var raw map[string]json.RawMessage
	if json.Unmarshal(body, &raw) == nil {
		for _, f := range fields {
			if v, ok := raw[f.Name]; ok && !properText(v) {
				bad = append(bad, fieldError(f.Name, "not_utf8"))
			}
		}
	}
	if bad == nil {
		bad = append(bad, fieldError("", "not_utf8"))
	}
	return bad
}

type jsonDecoder struct {
	*json.Decoder
	values values
	fields []Field
	bad    []access.FieldError
}

func (d *jsonDecoder) document() error {
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return errJSON
	}
	if err := d.object(""); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errJSON // something follows
	}
	return nil
}

// object reads the members of an object whose brace is read. prefix is "" or "reset.".
func (d *jsonDecoder) object(prefix string) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return errJSON
		}
		name := prefix + key
		twice := seen[key]
		seen[key] = true
		i := slices.IndexFunc(d.fields, func(f Field) bool { return f.Name == name })
		nested := !strings.Contains(key, ".") && slices.ContainsFunc(d.fields, func(f Field) bool {
			return strings.HasPrefix(f.Name, name+".")
		})
		switch {
		case twice:
			d.refuse(name, "duplicate")
			err = d.skip()
		case i >= 0 && !strings.Contains(key, "."):
			err = d.field(d.fields[i])
		case nested:
			err = d.nested(name)
		default:
			d.refuse(shown(name), "unknown_field")
			err = d.skip()
		}
		if err != nil {
			return err
		}
	}
	_, err := d.Token() // the closing brace
	return err
}

func (d *jsonDecoder) nested(name string) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t == json.Delim('{') {
		return d.object(name + ".")
	}
	d.refuse(name, "not_an_object")
	return d.rest(t)
}

// field reads the value of a field.
func (d *jsonDecoder) field(f Field) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch x := t.(type) {
	case string:
		if f.Type == Text || f.Type == Secret || f.Type == NewPassword || f.Type == Time {
			d.bad = append(d.bad, d.values.put(f, x)...)
			return nil
		}
	case json.Number:
		if f.Type == Int {
			d.bad = append(d.bad, d.values.put(f, x.String())...)
			return nil
		}
	case bool:
		if f.Type == Bool {
			d.values.of[f.Name] = x
			return nil
		}
	case json.Delim:
		if f.Type == Ints && x == '[' {
			return d.ints(f)
		}
	}
	d.refuse(f.Name, map[FieldType]string{
		Bool: "not_true_or_false", Int: "not_a_number", Ints: "not_a_list",
	}[f.Type])
	return d.rest(t)
}

// ints reads a list of whole numbers whose bracket is read.
func (d *jsonDecoder) ints(f Field) error {
	list, right := []int{}, true
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		n, ok := t.(json.Number)
		i, err := strconv.Atoi(n.String())
		if !ok || err != nil {
			right = false
			if err := d.rest(t); err != nil {
				return err
			}
		}
		list = append(list, i)
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	switch {
	case !right:
		d.refuse(f.Name, "not_a_number")
	case len(list) > maxInts:
		d.bad = append(d.bad, access.FieldError{
			Field: f.Name, Code: "too_many", Params: map[string]string{"max": strconv.Itoa(maxInts)},
		})
	default:
		d.values.of[f.Name] = list
	}
	return nil
}

func (d *jsonDecoder) refuse(name, code string) {
	if code == "" {
		code = "not_text"
	}
	d.bad = append(d.bad, fieldError(name, code))
}

// skip reads past one value; rest reads past the remainder of one whose first token is t. Nesting costs no stack here.
func (d *jsonDecoder) skip() error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	return d.rest(t)
}

func (d *jsonDecoder) rest(t json.Token) error {
	for depth := 0; ; {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if t, err = d.Token(); err != nil {
			return err
		}
	}
}

// pairedSurrogates reports whether every \uD800-\uDFFF escape in a JSON text is half of a pair (RFC 8259, section 8.2).
// encoding/json would read others as U+FFFD, and so two different passwords as one.
func pairedSurrogates(body []byte) bool {
	unit := func(i int) (uint64, bool) { // the \uXXXX at i
		if i+6 > len(body) || body[i] != '\\' || body[i+1] != 'u' {
			return 0, false
		}
		u, err := strconv.ParseUint(string(body[i+2:i+6]), 16, 16)
		return u, err == nil
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		u, ok := unit(i)
		if !ok {
			i++ // another escape, or an error that the decoder finds
			continue
		}
		i += 5
		if u >= 0xDC00 && u <= 0xDFFF {
			return false
		}
		if u >= 0xD800 && u <= 0xDBFF {
			low, ok := unit(i + 1)
			if !ok || low < 0xDC00 || low > 0xDFFF {
				return false
			}
			i += 6
		}
	}
	return true
}
