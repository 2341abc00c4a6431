package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	texttemplate "text/template"

	"postern/shared/secret"
)

// content is what must not be seen. Its characters look different in every encoding.
const content = "Tr0ub4dor&\u00e9\"<3"

// traces are the forms in which content could show: raw, quoted, in hex, base64, decimal numbers, or escaped.
var traces = func() []string {
	hexed := hex.EncodeToString([]byte(content))
	spaced := fmt.Sprintf("% x", content)
	quoted := strconv.Quote(content)
	ascii := strconv.QuoteToASCII(content)
	inJSON, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return []string{
		content, "Tr0ub4dor", quoted[1 : len(quoted)-1], ascii[1 : len(ascii)-1], string(inJSON[1 : len(inJSON)-1]),
		hexed, strings.ToUpper(hexed), spaced, strings.ToUpper(spaced),
		fmt.Sprintf("% d", []byte(content))[1:20], fmt.Sprintf("%#v", []byte(content))[8:30],
		base64.StdEncoding.EncodeToString([]byte(content)), base64.RawURLEncoding.EncodeToString([]byte(content)),
		url.QueryEscape(content), url.PathEscape(content),
	}
}()

func mustHide(t *testing.T, how, shown string) {
	t.Helper()
	for _, trace := range traces {
		if strings.Contains(shown, trace) {
			t.Errorf("%s shows the secret as %q: %s", how, trace, shown)
		}
	}
}

type (
	open     struct{ Password secret.Text }
	closed   struct{ password secret.Text }
	embedded struct{ secret.Text }
	pointers struct {
		Open   *secret.Text
		closed *secret.Text
		deeper **closed
	}
	nested struct {
		Name  string
		Open  open
		inner closed
		list  []secret.Text
		names map[string]secret.Text
		any   any
	}
)

// holders are all the ways in which values hold a secret.
func holders() map[string]any {
	s := secret.New(content)
	p := &closed{s}
	return map[string]any{
		"text":             s,
		"pointer":          &s,
		"exported field":   open{s},
		"unexported field": closed{s},
		"pointer to field": &closed{s},
		"embedded":         embedded{s},
		"pointer fields":   pointers{&s, &s, &p},
		"slice":            []secret.Text{s, s},
		"array":            [2]secret.Text{s, s},
		"slice of structs": []closed{{s}},
		"slice of any":     []any{s, &s, closed{s}},
		"map value":        map[string]secret.Text{"k": s},
		"map key":          map[secret.Text]int{s: 1},
		"map of structs":   map[string]*closed{"k": p},
		"nested":           nested{"n", open{s}, closed{s}, []secret.Text{s}, map[string]secret.Text{"k": s}, closed{s}},
		"in an any":        struct{ V any }{closed{s}},
	}
}

func TestFmtHides(t *testing.T) {
	verbs := []string{}
	for _, flags := range []string{"", "+", "#", "-30", "030", " ", "# ", ".3", "+#"} {
		for _, verb := range "vsqxXdobcUeEfgGtTpwzO" { // also those that are wrong for a string, and those there are not
			verbs = append(verbs, "%"+flags+string(verb))
		}
	}
	for how, v := range holders() {
		for _, verb := range verbs {
			mustHide(t, fmt.Sprintf("Sprintf(%q) of %s", verb, how), fmt.Sprintf(verb, v))
			mustHide(t, fmt.Sprintf("Errorf(%q) of %s", verb, how), fmt.Errorf(verb, v).Error())
		}
		mustHide(t, "Sprint of "+how, fmt.Sprint(v))
		mustHide(t, "a joined error of "+how, errors.Join(errors.New("a"), fmt.Errorf("b: %v", v)).Error())
	}
}

// The verbs that people use say that there was something to hide.
func TestFmtSaysRedacted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for how, v := range map[string]any{"secret": secret.New(content), "empty secret": secret.Text{}} {
			if got := fmt.Sprintf(verb, v); got != "[redacted]" {
				t.Errorf("Sprintf(%q) of a %s: got %q, want %q", verb, how, got, "[redacted]")
			}
		}
	}
	s := secret.New(content)
	if got := s.String() + s.GoString(); got != "[redacted][redacted]" {
		t.Errorf("String and GoString: got %q", got)
	}
	if got := fmt.Sprintf("%+v", open{s}); got != "{Password:[redacted]}" {
		t.Errorf("%%+v of an exported field: got %q", got)
	}
	if got := fmt.Sprintf("%T", s); got != "secret.Text" {
		t.Errorf("%%T: got %q", got)
	}
}

func TestJSONHides(t *testing.T) {
	for how, v := range holders() {
		got, err := json.Marshal(v)
		if err != nil {
			t.Errorf("json.Marshal of %s: %v", how, err)
		}
		mustHide(t, "json.Marshal of "+how, string(got))
	}
	got, err := json.Marshal(open{secret.New(content)})
	if want := `{"Password":"[redacted]"}`; err != nil || string(got) != want {
		t.Errorf("json.Marshal of a field: got %s, %v, want %s", got, err, want)
	}
}

func TestXMLHides(t *testing.T) {
	type doc struct {
		Element   secret.Text
		Attribute secret.Text  `xml:",attr"`
		Pointer   *secret.Text `xml:"pointer"`
		List      []secret.Text
		Inner     struct{ Text secret.Text }
		closed    secret.Text
	}
	s := secret.New(content)
	d := doc{Element: s, Attribute: s, Pointer: &s, List: []secret.Text{s}, closed: s}
	d.Inner.Text = s
	got, err := xml.Marshal(d)
	if err != nil {
		t.Fatalf("xml.Marshal: %v", err)
	}
	mustHide(t, "xml.Marshal", string(got))
	if n := strings.Count(string(got), "[redacted]"); n != 5 {
		t.Errorf("xml.Marshal: got %d times [redacted], want 5: %s", n, got)
	}
	if got, err = xml.Marshal(s); err != nil {
		t.Errorf("xml.Marshal of a secret: %v", err)
	}
	mustHide(t, "xml.Marshal of a secret", string(got))
}

func TestLogsHide(t *testing.T) {
	var out bytes.Buffer
	handlers := map[string]slog.Handler{
		"text": slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}),
		"JSON": slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}),
	}
	for name, h := range handlers {
		for how, v := range holders() {
			out.Reset()
			l := slog.New(h)
			l.Info("asked", "secret", v)
			l.With("secret", v).WithGroup("g").Debug("asked", slog.Group("h", "secret", v), slog.Any("again", v))
			if out.Len() == 0 {
				t.Fatalf("slog %s of %s: nothing logged", name, how)
			}
			mustHide(t, "slog "+name+" of "+how, out.String())
		}
		out.Reset()
		slog.New(h).Info("asked", "secret", secret.New(content))
		if !strings.Contains(out.String(), "[redacted]") {
			t.Errorf("slog %s: got %s, want [redacted] in it", name, out.String())
		}
	}
	for how, v := range holders() {
		out.Reset()
		log.New(&out, "", 0).Println("asked", v)
		mustHide(t, "log of "+how, out.String())
	}
}

func TestTemplatesHide(t *testing.T) {
	const page = `{{.}}{{range .}}{{.}}{{end}}{{printf "%v %q %x" . . .}}{{print .}}{{index . 0}}`
	data := []secret.Text{secret.New(content)}
	var out bytes.Buffer
	if err := texttemplate.Must(texttemplate.New("").Parse(page)).Execute(&out, data); err != nil {
		t.Fatalf("text/template: %v", err)
	}
	mustHide(t, "text/template", out.String())
	out.Reset()
	page2 := page + `<a href="/{{index . 0}}" title="{{index . 0}}">{{index . 0}}</a><script>let s = {{.}}</script>`
	if err := htmltemplate.Must(htmltemplate.New("").Parse(page2)).Execute(&out, data); err != nil {
		t.Fatalf("html/template: %v", err)
	}
	mustHide(t, "html/template", out.String())
}

// A panic prints what it was called with.
func TestPanicsHide(t *testing.T) {
	for how, v := range holders() {
		func() {
			defer func() { mustHide(t, "recovered "+how, fmt.Sprint(recover())) }()
			panic(v)
		}()
	}
}

func TestText(t *testing.T) {
	var zero secret.Text
	empty, s, same, other := secret.New(""), secret.New(content), secret.New(content), secret.New(content+" ")
	if got := s.Reveal(); got != content {
		t.Errorf("Reveal: got %q, want %q", got, content)
	}
	if got := zero.Reveal() + empty.Reveal(); got != "" {
		t.Errorf("Reveal of nothing: got %q", got)
	}
	for _, c := range []struct {
		name string
		text secret.Text
		want bool
	}{{"zero", zero, true}, {"empty", empty, true}, {"secret", s, false}} {
		if got := c.text.Empty(); got != c.want {
			t.Errorf("Empty of %s: got %v, want %v", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		name string
		a, b secret.Text
		want bool
	}{
		{"same content", s, same, true}, {"itself", s, s, true}, {"longer", s, other, false}, {"shorter", other, s, false},
		{"zero and empty", zero, empty, true}, {"zero and secret", zero, s, false}, {"secret and empty", s, empty, false},
		{"same length", secret.New("a"), secret.New("b"), false},
	} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("Equal of %s: got %v, want %v", c.name, got, c.want)
		}
	}
}
