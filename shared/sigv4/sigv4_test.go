package sigv4

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"postern/shared/secret"
)

var (
	signedAt = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	pair     = Credentials{"AKIDEXAMPLE", secret.New("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")}
)

func signedRequest(t interface {
	Fatal(...any)
}, method, target string, body []byte) *http.Request {
	r := httptest.NewRequest(method, target, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.RequestURI = ""
	err := v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: pair.AccessKeyID, SecretAccessKey: pair.SecretAccessKey.Reveal()}, r, hexSum(body), Service, Region, signedAt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func verifierAt(at time.Time) *Verifier {
	return &Verifier{Credentials: pair, Now: func() time.Time { return at }}
}

// Whatever path, query and body the SDK's own signer signs is accepted, in whatever order the parameters are sent, and the body is
// still there to be read.
func TestSDKSignatures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		query := url.Values{}
		for range rapid.IntRange(0, 4).Draw(t, "parameters") {
			query.Set(rapid.StringMatching(`[a-zA-Z]{1,4}`).Draw(t, "name"), rapid.String().Draw(t, "value"))
		}
		for range rapid.IntRange(0, 3).Draw(t, "repeated") { // the signer orders by what is meant, AWS by what is sent: the same here
			query.Add(rapid.StringMatching(`[A-C]`).Draw(t, "name"), rapid.StringMatching(`[a-z0-9]{0,3}`).Draw(t, "value"))
		}
		segment := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9 _.~!$&'()*+,;=:@%/?#"<>äßéሴ日-]{1,20}`), rapid.StringN(1, 20, -1)).
			Filter(func(s string) bool { return s != "." && s != ".." }) // not sent by the SDK as AWS reads it
		path := "/admin/accounts/" + url.PathEscape(segment.Draw(t, "segment")) + "/operators"
		body := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "body")
		target := "http://localhost:3000" + path
		if len(query) > 0 {
			target += "?" + query.Encode()
		}
		r := signedRequest(t, rapid.SampledFrom([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}).Draw(t, "method"), target, body)
		r.URL.RawQuery = strings.Join(rapid.Permutation(strings.Split(r.URL.RawQuery, "&")).Draw(t, "order"), "&")
		v := verifierAt(signedAt.Add(time.Duration(rapid.IntRange(-299, 299).Draw(t, "skew")) * time.Second))
		if err := v.Verify(r, 1<<20); err != nil {
			t.Fatalf("%s %s: %v", r.Method, r.URL, err)
		}
		if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("the body is %q after the check, %v", got, err)
		}
	})
}

// Any one thing that is altered spoils it.
func TestAlteredRequests(t *testing.T) {
	const target = "http://localhost:3000/admin/accounts/acme/operators?a=1&b=2"
	for name, spoil := range map[string]func(*http.Request){
		"method":                func(r *http.Request) { r.Method = "PUT" },
		"path":                  func(r *http.Request) { r.URL.Path = "/admin/accounts/other/operators" },
		"query value":           func(r *http.Request) { r.URL.RawQuery = "a=1&b=3" },
		"query more":            func(r *http.Request) { r.URL.RawQuery += "&c=3" },
		"host":                  func(r *http.Request) { r.Host = "evil.example" },
		"body":                  func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("other")) },
		"signed header":         func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"header twice":          func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") },
		"new x-amz header":      func(r *http.Request) { r.Header.Set("X-Amz-Target", "x") },
		"no authorization":      func(r *http.Request) { r.Header.Del("Authorization") },
		"two authorizations":    func(r *http.Request) { r.Header.Add("Authorization", "x") },
		"other scheme":          func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
		"query in another form": func(r *http.Request) { r.URL.RawQuery = "a=1&b=%32&b=2" },
		"a parameter twice":     func(r *http.Request) { r.URL.RawQuery = "a=1&a=1&b=2" },
		"date":                  func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261102T090001Z") },
		"another day": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/20261102/", "/20261103/", 1))
		},
		"another region": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/local/", "/us-east-1/", 1))
		},
		"another service": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/execute-api/", "/s3/", 1))
		},
		"in the query": func(r *http.Request) {
			a := r.Header.Get("Authorization")
			r.Header.Del("Authorization")
			_, signature, _ := strings.Cut(a, "Signature=")
			r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host&X-Amz-Signature=" + signature
		},
		"host not signed": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), ";host;", ";", 1))
		},
	} {
		r := signedRequest(t, "POST", target, []byte(`{"a":1}`))
		spoil(r)
		if err := verifierAt(signedAt).Verify(r, 1<<20); !errors.Is(err, ErrRefused) {
			t.Errorf("%s altered: got %v, want %v", name, err, ErrRefused)
		}
	}
	for _, skew := range []time.Duration{signatureAge + time.Second, -signatureAge - time.Second} {
		if err := verifierAt(signedAt.Add(skew)).Verify(signedRequest(t, "GET", target, nil), 1<<20); !errors.Is(err, ErrRefused) {
			t.Errorf("a date that is %s off: %v", skew, err)
		}
	}
	other := verifierAt(signedAt)
	other.Credentials.SecretAccessKey = secret.New("another")
	if err := other.Verify(signedRequest(t, "GET", target, nil), 1<<20); !errors.Is(err, ErrRefused) {
		t.Errorf("another key: %v", err)
	}
}

// A security token belongs to keys of a session, which this server has not made, however well it is signed.
func TestSecurityToken(t *testing.T) {
	r := httptest.NewRequest("GET", "http://localhost:3000/admin/accounts", nil)
	session := aws.Credentials{AccessKeyID: pair.AccessKeyID, SecretAccessKey: pair.SecretAccessKey.Reveal(), SessionToken: "token"}
	if err := v4.NewSigner().SignHTTP(t.Context(), session, r, hexSum(nil), Service, Region, signedAt); err != nil {
		t.Fatal(err)
	}
	if err := verifierAt(signedAt).Verify(r, 1<<20); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v, want %v", err, ErrRefused)
	}
}

// What is too long to be read is not let through unchecked, and still there for whoever tells that it is too long.
func TestLongBodies(t *testing.T) {
	for _, c := range []struct {
		length int
		ok     bool
	}{{100, true}, {101, false}} {
		body := bytes.Repeat([]byte("x"), c.length)
		r := signedRequest(t, "POST", "http://localhost:3000/admin/accounts", body)
		if err := verifierAt(signedAt).Verify(r, 100); (err == nil) != c.ok {
			t.Errorf("%d bytes: %v", c.length, err)
		}
		if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: %d are left, %v", c.length, len(got), err)
		}
	}
}

// vectors are AWS's published "Signature Version 4 test suite": path and query, further headers, and the signature. Source:
// github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4/*/header-signed-request.txt (those whose paths are normalised).
// The lines of the folded header, which RFC 9112 (section 5.2) has abolished, are headers of their own there.
var vectors = []struct{ name, method, target, headers, body, signature string }{
	{"get-vanilla", "GET", "/", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-relative", "GET", "/example/..", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-relative-relative", "GET", "/example1/example2/../..", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slashes", "GET", "//example//", "", "", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
	{"get-slash-pointless-dot", "GET", "/./example", "", "", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
	{"get-unreserved", "GET", "/" + unreserved, "", "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
	{"get-utf8", "GET", "/ሴ", "", "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
	{"get-space", "GET", "/example space/", "", "", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
	{"get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
	{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{"get-vanilla-query-order-encoded", "GET", "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "", "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
	{"get-vanilla-query-unreserved", "GET", "/?" + unreserved + "=" + unreserved, "", "", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
	{"get-vanilla-utf8-query", "GET", "/?ሴ=bar", "", "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
	{"get-header-key-duplicate", "GET", "/", "My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1\n", "", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
	{"get-header-value-order", "GET", "/", "My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2\n", "", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
	{"get-header-value-trim", "GET", "/", "My-Header1: value1\nMy-Header2: \"a   b   c\"\n", "", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	{"get-header-value-multiline", "GET", "/", "My-Header1:value1\nMy-Header1:value2\nMy-Header1:value3\n", "", "ba17b383a53190154eb5fa66a1b836cc297cc0a3d70a5d00705980573d8ff790"},
	{"post-header-key-sort", "POST", "/", "My-Header1:value1\n", "", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
	{"post-vanilla-query", "POST", "/?Param1=value1", "", "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
	{"post-x-www-form-urlencoded", "POST", "/",
		"Content-Type:application/x-www-form-urlencoded\nContent-Length:13\nx-amz-content-sha256:9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e\n",
		"Param1=value1", "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
}

const unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func TestPublishedVectors(t *testing.T) {
	v := verifierAt(time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
	v.region, v.service = "us-east-1", "service"
	request := func(method, target, headers, body, signature string) *http.Request {
		t.Helper()
		path, query, _ := strings.Cut(target, "?")
		raw := method + " / HTTP/1.1\nHost:example.amazonaws.com\nX-Amz-Date:20150830T123600Z\n" + headers + "\n" + body
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		// Some of the paths are none that a client could send: they are put in behind the parser.
		r.URL = &url.URL{Path: path, RawPath: path, RawQuery: query}
		signed := []string{"host"}
		for name := range r.Header {
			signed = append(signed, strings.ToLower(name))
		}
		if r.ContentLength > 0 {
			signed = append(signed, "content-length")
		}
		slices.Sort(signed)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="+
			strings.Join(slices.Compact(signed), ";")+", Signature="+signature)
		return r
	}
	for _, c := range vectors {
		if err := v.Verify(request(c.method, c.target, c.headers, c.body, c.signature), 1<<20); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := v.Verify(request(c.method, "/other"+c.target, c.headers, c.body, c.signature), 1<<20); !errors.Is(err, ErrRefused) {
			t.Errorf("%s under another path: got %v, want %v", c.name, err, ErrRefused)
		}
	}
	// get-vanilla-with-session-token: rightly signed, and with a token.
	token := "X-Amz-Security-Token:6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267\n"
	if err := v.Verify(request("GET", "/", token, "", "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"), 1<<20); !errors.Is(err, ErrRefused) {
		t.Errorf("with a security token: got %v, want %v", err, ErrRefused)
	}
}

func FuzzVerify(f *testing.F) {
	const whole = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261102/local/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	for _, authorization := range []string{
		whole, "", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 ,,=,=", "Bearer x", strings.ReplaceAll(whole, ", ", ","), strings.ReplaceAll(whole, ";", ";;"),
		strings.Replace(whole, "host;x-amz-date", "", 1), strings.Replace(whole, "Signature=00", "Signature=", 1), whole + ", Signature=01",
		strings.Replace(whole, "AKIDEXAMPLE", "AKIDEXAMPLE/x", 1), strings.ToLower(whole),
	} {
		f.Add(authorization, "20261102T090000Z", "a=b")
	}
	for _, date := range []string{"", "20261102", "20261102T090000", "20261102T096000Z", "+0261102T090000Z", "２0261102T090000Z"} {
		f.Add(whole, date, "a=b")
	}
	for _, query := range []string{"", "&", "=", "a", "a=1&a=1", "%", "%zz=%", "a=%00", "\xff=\xfe", "X-Amz-Signature=00", strings.Repeat("&", 1000)} {
		f.Add(whole, "20261102T090000Z", query)
	}
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := httptest.NewRequest("GET", "http://localhost/admin/accounts/acme/operators", nil)
		r.URL.RawQuery = query
		r.Header["Authorization"], r.Header["X-Amz-Date"] = []string{authorization}, []string{date}
		if err := verifierAt(signedAt).Verify(r, 1<<20); !errors.Is(err, ErrRefused) {
			t.Errorf("%q passes", authorization)
		}
	})
}
