package sigv4

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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

// Whatever path, query and body the SDK's own signer signs is accepted, and the body is still there to be read.
func TestSDKSignatures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		query := url.Values{}
		for range rapid.IntRange(0, 4).Draw(t, "parameters") {
			query.Set(rapid.StringMatching(`[a-zA-Z]{1,4}`).Draw(t, "name"), rapid.String().Draw(t, "value"))
		}
		path := (&url.URL{Path: "/admin/accounts/" + rapid.StringMatching(`[a-zA-Z0-9 _.~!$&'()*+,;=:@-]{1,20}`).Draw(t, "account") + "/operators"}).EscapedPath()
		body := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "body")
		target := "http://localhost:3000" + path
		if len(query) > 0 {
			target += "?" + query.Encode()
		}
		r := signedRequest(t, rapid.SampledFrom([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}).Draw(t, "method"), target, body)
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
		"method":             func(r *http.Request) { r.Method = "PUT" },
		"path":               func(r *http.Request) { r.URL.Path = "/admin/accounts/other/operators" },
		"query value":        func(r *http.Request) { r.URL.RawQuery = "a=1&b=3" },
		"query more":         func(r *http.Request) { r.URL.RawQuery += "&c=3" },
		"host":               func(r *http.Request) { r.Host = "evil.example" },
		"body":               func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("other")) },
		"signed header":      func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"header twice":       func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") },
		"new x-amz header":   func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") },
		"no authorization":   func(r *http.Request) { r.Header.Del("Authorization") },
		"two authorizations": func(r *http.Request) { r.Header.Add("Authorization", "x") },
		"other scheme":       func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
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

// AWS's published example (General Reference, "Examples of the complete Signature Version 4 signing process", get-vanilla): its canonical
// request hashes to the published value.
func TestPublishedVector(t *testing.T) {
	r := httptest.NewRequest("GET", "https://example.amazonaws.com/", nil)
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	canonical := strings.Join([]string{
		"GET", canonicalPath(r.URL), canonicalQuery(r.URL), canonicalHeaders(r, []string{"host", "x-amz-date"}), "host;x-amz-date", hexSum(nil),
	}, "\n")
	if got, want := hexSum([]byte(canonical)), "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63"; got != want {
		t.Errorf("canonical request hashes to %s, want %s\n%s", got, want, canonical)
	}
	if got, want := canonicalQuery(&url.URL{RawQuery: "Param2=value2&Param1=value1&Param1=Value1&%20=a%2Bb+c"}), "%20=a%2Bb%20c&Param1=Value1&Param1=value1&Param2=value2"; got != want {
		t.Errorf("canonical query %s, want %s", got, want)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261102/local/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20261102T090000Z", "a=b")
	f.Fuzz(func(t *testing.T, authorization, date, query string) {
		r := httptest.NewRequest("GET", "http://localhost/admin/accounts/acme/operators", nil)
		r.URL.RawQuery = query
		r.Header["Authorization"], r.Header["X-Amz-Date"] = []string{authorization}, []string{date}
		if err := verifierAt(signedAt).Verify(r, 1<<20); !errors.Is(err, ErrRefused) {
			t.Errorf("%q passes", authorization)
		}
	})
}
