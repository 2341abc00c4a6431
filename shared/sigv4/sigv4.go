// Package sigv4 checks who signed a request, as API Gateway does, where no gateway stands before Postern: on one machine, and on
// the local stand.
package sigv4

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Verifier checks AWS Signature Version 4 as API Gateway does for AWS_IAM routes: an unsigned request, another key, an altered
// method, path, query, signed header or body, and a date more than five minutes off are all refused.
//
// Source: AWS General Reference, "Signing AWS API requests" (Signature Version 4, header form), with the paths normalised as all
// services but S3 have it. The query form (presigned URLs) and UNSIGNED-PAYLOAD are refused: nothing that signs for the service
// execute-api needs them. So is a security token: the key pair is none of a session's.
type Verifier struct {
	Credentials Credentials
	Now         func() time.Time // the machine's clock, never the demo's (details 2)

	region, service string // of the scope; empty: Region and Service
}

// Scope that requests must be signed for.
const (
	Region       = "local"
	Service      = "execute-api"
	signatureAge = 5 * time.Minute
)

// ErrRefused says that a request is not signed as it must be.
var ErrRefused = errors.New("signature refused")

// Verify gives nil for a request that is signed with the verifier's key, else ErrRefused. It reads the body and puts it back. One of
// more than limit bytes is refused: what was not read was not checked. The reason of a refusal is for the log, not for the caller.
func (v *Verifier) Verify(r *http.Request, limit int64) error {
	const algorithm = "AWS4-HMAC-SHA256"
	fields, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" ")
	if !ok || len(r.Header.Values("Authorization")) != 1 {
		return fmt.Errorf("%w: not signed", ErrRefused)
	}
	parts := map[string]string{}
	for f := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(f), "=")
		if _, twice := parts[name]; twice {
			return fmt.Errorf("%w: %s twice", ErrRefused, name)
		}
		parts[name] = value
	}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", date)
	if err != nil {
		return fmt.Errorf("%w: no date", ErrRefused)
	}
	if age := v.Now().Sub(at); age > signatureAge || age < -signatureAge {
		return fmt.Errorf("%w: date is off by %s", ErrRefused, age)
	}
	steps := []string{date[:8], cmp.Or(v.region, Region), cmp.Or(v.service, Service), "aws4_request"}
	scope := strings.Join(steps, "/")
	if parts["Credential"] != v.Credentials.AccessKeyID+"/"+scope {
		return fmt.Errorf("%w: another key, date, region or service", ErrRefused)
	}
	signed := strings.Split(parts["SignedHeaders"], ";")
	for _, must := range []string{"host", "x-amz-date"} {
		if !slices.Contains(signed, must) {
			return fmt.Errorf("%w: %s is not signed", ErrRefused, must)
		}
	}
	if r.Header.Values("X-Amz-Security-Token") != nil {
		return fmt.Errorf("%w: a security token that belongs to no key of this server", ErrRefused)
	}
	for name := range r.Header { // whatever AWS defines must be signed if it is there
		if l := strings.ToLower(name); strings.HasPrefix(l, "x-amz-") && !slices.Contains(signed, l) {
			return fmt.Errorf("%w: %s is not signed", ErrRefused, l)
		}
	}
	if !slices.IsSorted(signed) {
		return fmt.Errorf("%w: signed headers are not sorted", ErrRefused)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return fmt.Errorf("%w: read body: %w", ErrRefused, err)
	}
	rest := r.Body
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), rest}
	if int64(len(body)) > limit {
		return fmt.Errorf("%w: the body is longer than %d bytes", ErrRefused, limit)
	}
	payload := hexSum(body)
	if h := r.Header.Get("X-Amz-Content-Sha256"); h != "" && h != payload {
		return fmt.Errorf("%w: the body is not the one that was signed", ErrRefused)
	}
	canonical := strings.Join([]string{
		r.Method, canonicalPath(r.URL), canonicalQuery(r.URL), canonicalHeaders(r, signed), parts["SignedHeaders"], payload,
	}, "\n")
	toSign := strings.Join([]string{algorithm, date, scope, hexSum([]byte(canonical))}, "\n")
	key := []byte("AWS4" + v.Credentials.SecretAccessKey.Reveal())
	for _, step := range steps {
		key = mac(key, step)
	}
	if !hmac.Equal([]byte(hex.EncodeToString(mac(key, toSign))), []byte(parts["Signature"])) {
		return fmt.Errorf("%w: wrong signature", ErrRefused)
	}
	return nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// canonicalPath is the path as it was sent, without empty and dot segments, each byte of it encoded once more, as every service but S3
// has it.
func canonicalPath(u *url.URL) string {
	sent := u.RawPath // what the parser keeps if it is not the one usual spelling
	if sent == "" {
		sent = u.EscapedPath()
	}
	var kept []string
	for segment := range strings.SplitSeq(sent, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, encode(segment))
		}
	}
	path := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(sent, "/") {
		path += "/"
	}
	return path
}

// canonicalQuery is the query with its parameters sorted by encoded name, then encoded value.
func canonicalQuery(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	var all [][2]string
	for p := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(p, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			n, v = name, value
		}
		all = append(all, [2]string{encode(n), encode(v)})
	}
	slices.SortFunc(all, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	pairs := make([]string, len(all))
	for i, p := range all {
		pairs[i] = p[0] + "=" + p[1]
	}
	return strings.Join(pairs, "&")
}

// canonicalHeaders are the signed headers, values trimmed and inner spaces folded.
func canonicalHeaders(r *http.Request, signed []string) string {
	var b strings.Builder
	for _, name := range signed {
		values := r.Header.Values(name)
		switch name {
		case "host":
			values = []string{r.Host}
		case "content-length":
			if r.ContentLength >= 0 && len(values) == 0 {
				values = []string{fmt.Sprint(r.ContentLength)}
			}
		}
		folded := make([]string, len(values))
		for i, v := range values {
			folded[i] = strings.Join(strings.FieldsFunc(v, func(c rune) bool { return c == ' ' }), " ")
		}
		fmt.Fprintf(&b, "%s:%s\n", name, strings.Join(folded, ","))
	}
	return b.String()
}

// encode percent-encodes all but RFC 3986's unreserved characters.
func encode(s string) string {
	const upper = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(upper[c>>4])
			b.WriteByte(upper[c&15])
		}
	}
	return b.String()
}
