package web

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"postern/shared/access"
)

// sample holds a field of every type.
var sample = []Field{
	{Name: "login", Type: Text, Required: true, Max: 20},
	{Name: "password", Type: Secret, Max: 20},
	{Name: "role", Type: Text, OneOf: []string{"operator", "administrator"}, Max: 20},
	{Name: "on", Type: Bool},
	{Name: "count", Type: Int, Low: 1, High: 200},
	{Name: "days", Type: Ints},
	{Name: "from", Type: Time},
	{Name: "reset.delivery", Type: Text, Max: 20},
	{Name: "reset.minutes", Type: Int},
	{Name: "continue", Type: Text, Max: 20, FormOnly: true},
}

func codes(bad []access.FieldError) []string {
	var list []string
	for _, e := range bad {
		list = append(list, e.Field+" "+e.Code)
	}
	return list
}

func TestDecodeJSON(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string // field and code of each error
	}{
		{"all", `{"login":"a","password":"p","role":"operator","on":true,"count":3,"days":[14,3],"from":"2026-11-23T00:00:00Z","reset":{"delivery":"code","minutes":5}}`, nil},
		{"empty body", ``, []string{"login missing"}},
		{"empty object", `{}`, []string{"login missing"}},
		{"empty required text", `{"login":""}`, []string{"login missing"}},
		{"null", `{"login":null}`, []string{"login not_text"}},
		{"number for text", `{"login":1}`, []string{"login not_text"}},
		{"array for text", `{"login":["a"]}`, []string{"login not_text"}},
		{"object for text", `{"login":{"a":{"b":[1,{}]}}}`, []string{"login not_text"}},
		{"bool for secret", `{"login":"a","password":true}`, []string{"password not_text"}},
		{"text for bool", `{"login":"a","on":"true"}`, []string{"on not_true_or_false"}},
		{"text for int", `{"login":"a","count":"3"}`, []string{"count not_a_number"}},
		{"fraction", `{"login":"a","count":3.5}`, []string{"count not_a_number"}},
		{"exponent", `{"login":"a","count":1e2}`, []string{"count not_a_number"}},
		{"huge number", `{"login":"a","count":99999999999999999999}`, []string{"count not_a_number"}},
		{"out of range", `{"login":"a","count":201}`, []string{"count out_of_range"}},
		{"text in list", `{"login":"a","days":[1,"2"]}`, []string{"days not_a_number"}},
		{"list in list", `{"login":"a","days":[1,[2]]}`, []string{"days not_a_number"}},
		{"long list", `{"login":"a","days":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}`, []string{"days too_many"}},
		{"number for list", `{"login":"a","days":1}`, []string{"days not_a_list"}},
		{"unknown value", `{"login":"a","role":"root"}`, []string{"role unknown_value"}},
		{"bad time", `{"login":"a","from":"yesterday"}`, []string{"from not_a_time"}},
		{"unknown field", `{"login":"a","admin":true}`, []string{"admin unknown_field"}},
		{"another case", `{"Login":"a"}`, []string{"Login unknown_field", "login missing"}},
		{"twice", `{"login":"a","login":"b"}`, []string{"login duplicate"}},
		{"twice by escape", `{"login":"a","log\u0069n":"b"}`, []string{"login duplicate"}},
		{"dotted name", `{"login":"a","reset.delivery":"code"}`, []string{"reset.delivery unknown_field"}},
		{"nested unknown", `{"login":"a","reset":{"other":1}}`, []string{"reset.other unknown_field"}},
		{"nested twice", `{"login":"a","reset":{"minutes":1,"minutes":2}}`, []string{"reset.minutes duplicate"}},
		{"object twice", `{"login":"a","reset":{},"reset":{}}`, []string{"reset duplicate"}},
		{"text for object", `{"login":"a","reset":"x"}`, []string{"reset not_an_object"}},
		{"form field", `{"login":"a","continue":"/x"}`, []string{"continue unknown_field"}},
		{"too long", `{"login":"` + strings.Repeat("a", 21) + `"}`, []string{"login too_long"}},
		{"control character", `{"login":"a\u0000"}`, []string{"login control_characters"}},
		{"lone surrogate", `{"login":"a","password":"\ud800"}`, []string{"password not_utf8"}},
		{"low surrogate first", `{"login":"a","password":"\udc00\ud800"}`, []string{"password not_utf8"}},
		{"pair", `{"login":"a","password":"\ud83d\ude00"}`, nil},
		{"escaped backslash before u", `{"login":"a","password":"\\ud800"}`, nil},
		{"not UTF-8", "{\"login\":\"\xff\"}", []string{"login not_utf8"}},
		{"array", `[]`, []string{" malformed"}},
		{"text", `"login"`, []string{" malformed"}},
		{"null body", `null`, []string{" malformed"}},
		{"cut off", `{"login":"a"`, []string{" malformed"}},
		{"something follows", `{"login":"a"} {}`, []string{" malformed"}},
		{"trailing comma", `{"login":"a",}`, []string{" malformed"}},
		{"deep", `{"login":"a","x":` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `}`, []string{"x unknown_field"}},
		{"deep, not closed", `{"login":` + strings.Repeat(`{"a":`, 1000), []string{"login not_text", " malformed"}},
	} {
		_, bad := decodeJSON([]byte(c.body), sample)
		if diff := cmp.Diff(c.want, codes(bad)); diff != "" {
			t.Errorf("%s: decodeJSON(%.80s) (-want +got):\n%s", c.name, c.body, diff)
		}
	}
}

func TestDecodeJSONValues(t *testing.T) {
	v, bad := decodeJSON([]byte(`{"login":"a b","password":" p\u0301 ","on":true,"count":7,"days":[14,3],"reset":{"minutes":5},"from":"2026-11-23T01:00:00+01:00"}`), sample)
	if len(bad) > 0 {
		t.Fatalf("decodeJSON: %v", bad)
	}
	if v.text("login") != "a b" || v.secret("password").Reveal() != " p\u0301 " || !v.bool("on") || v.int("count") != 7 ||
		!slices.Equal(v.ints("days"), []int{14, 3}) || v.int("reset.minutes") != 5 || v.time("from").Hour() != 0 {
		t.Errorf("decodeJSON gave %v", v.of)
	}
	if v.optional("role") != nil {
		t.Error("a field that was left out is not nil")
	}
}

func TestDecodeForm(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"all", "login=a&password=+p%20&role=operator&on=false&on=true&count=3&days=14,+3&reset.delivery=code&reset.minutes=5&continue=/x", nil},
		{"extras", "login=a&captcha=x&ifMatch=%221%22", nil},
		{"empty", "", []string{"login missing"}},
		{"empty pairs", "&&login=a&", nil},
		{"twice", "login=a&login=b", []string{"login duplicate"}},
		{"twice by escape", "login=a&log%69n=b", []string{"login duplicate"}},
		{"secret twice", "login=a&password=a&password=b", []string{"password duplicate"}},
		{"brackets", "login[]=a", []string{"login[] unknown_field", "login missing"}},
		{"another case", "login=a&LOGIN=b", []string{"LOGIN unknown_field"}},
		{"malformed escape", "login=%zz", []string{"login malformed"}},
		{"malformed name", "%zz=1&login=a", []string{" malformed"}},
		{"not UTF-8", "login=%ff", []string{"login not_utf8"}},
		{"NUL", "login=a%00", []string{"login control_characters"}},
		{"not a bool", "login=a&on=1", []string{"on not_true_or_false"}},
		{"not a number", "login=a&count=3x", []string{"count not_a_number"}},
		{"out of range", "login=a&count=0", []string{"count out_of_range"}},
		{"not a list", "login=a&days=3;2", []string{"days not_a_number"}},
		{"semicolon", "login=a;password=b", nil}, // not a separator (WHATWG URL, section 5.1)
	} {
		_, bad := decodeForm(c.body, sample)
		if diff := cmp.Diff(c.want, codes(bad)); diff != "" {
			t.Errorf("%s: decodeForm(%q) (-want +got):\n%s", c.name, c.body, diff)
		}
	}
	v, _ := decodeForm("login=a&on=false&on=true&days=14,+3 2&password=+p%20", sample)
	if !v.bool("on") || !slices.Equal(v.ints("days"), []int{14, 3, 2}) || v.secret("password").Reveal() != " p " {
		t.Errorf("decodeForm gave %v", v.of)
	}
	if _, kept := v.typed["password"]; kept {
		t.Error("a password is kept to be shown again")
	}
}

func TestDecodeQuery(t *testing.T) {
	for _, c := range []struct {
		query  string
		strict bool
		want   []string
	}{
		{"login=a&utm_source=mail", false, nil},
		{"login=a&rol=operator", true, []string{"rol unknown_field"}},
		{"login=a&role=root", true, []string{"role unknown_value"}},
		{"login=a&role=", true, nil},
		{"login=a&count=500", true, []string{"count out_of_range"}},
		{"login=a&login=b", false, []string{"login duplicate"}},
		{"login=%", false, []string{"login malformed"}},
		{"login=a&from=2026-11-23", true, nil},
	} {
		_, bad := decodeQuery(c.query, sample, c.strict)
		if diff := cmp.Diff(c.want, codes(bad)); diff != "" {
			t.Errorf("decodeQuery(%q, %v) (-want +got):\n%s", c.query, c.strict, diff)
		}
	}
}

// What decodeJSON accepts, encoding/json reads the same way, and reads nothing more in.
func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{
		`{"login":"a","password":"p","on":true,"count":3,"days":[1],"reset":{"minutes":5}}`, `{"login":"\ud83d\ude00"}`,
		`{"login":"a","login":"b"}`, `{"login":["a"]}`, `{"a":{"b":{}}}`, `{"login":"a"}x`, `{"login":"\\ud800"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v, bad := decodeJSON(body, sample)
		for _, e := range bad {
			if e.Code == "" || !utf8.ValidString(e.Field) {
				t.Fatalf("decodeJSON(%q): error %+v", body, e)
			}
		}
		if len(bad) > 0 {
			return
		}
		var got struct {
			Login    string
			Password string
			Reset    struct{ Minutes int }
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("decodeJSON accepts %q, encoding/json does not: %v", body, err)
		}
		if got.Login != v.text("login") || got.Password != v.secret("password").Reveal() || got.Reset.Minutes != v.int("reset.minutes") {
			t.Fatalf("decodeJSON(%q) = %v, encoding/json reads %+v", body, v.of, got)
		}
	})
}

// What decodeForm accepts, net/url reads the same way.
func FuzzDecodeForm(f *testing.F) {
	for _, s := range []string{"login=a&password=b", "login=%C3%A9&on=false&on=true", "login=a&login=b", "a=%zz", "&&=&login", "login=a;b=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		v, bad := decodeForm(body, sample)
		if len(bad) > 0 || strings.Contains(body, ";") { // which net/url refuses
			return
		}
		got, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("decodeForm accepts %q, net/url does not: %v", body, err)
		}
		if got.Get("login") != v.text("login") || got.Get("password") != v.secret("password").Reveal() || len(got["login"]) > 1 {
			t.Fatalf("decodeForm(%q) = %v, net/url reads %v", body, v.of, got)
		}
	})
}

func FuzzDecodeQuery(f *testing.F) {
	for _, s := range []string{"login=a&count=3", "from=2026-11-23", "login=%", "limit=1&limit=2", "cursor=%00"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, query string, strict bool) {
		v, bad := decodeQuery(query, sample, strict)
		if n := v.int("count"); v.has("count") && (n < 1 || n > 200) {
			t.Fatalf("decodeQuery(%q) lets count %d through", query, n)
		}
		if _, strictBad := decodeQuery(query, sample, true); len(strictBad) < len(bad) {
			t.Fatalf("decodeQuery(%q): strict refuses less", query)
		}
	})
}
