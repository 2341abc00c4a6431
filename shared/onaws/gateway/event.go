package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// caller is what the gateway itself says of a request. It travels in the context: headers that say the same come from the
// client, and are never asked.
type caller struct {
	address   netip.Addr
	principal string // ARN of who signed it; empty: nobody
	requestID string
}

// requestID is the function's own name for a request, which is in every line that it logs; what the gateway calls it, where
// there is none. The gateway's access log has both.
func requestID(ctx context.Context, gateways string) string {
	if c, ok := lambdacontext.FromContext(ctx); ok && c.AwsRequestID != "" {
		return c.AwsRequestID
	}
	return gateways
}

type callerKey struct{}

func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

// signer is who signed a request, if the gateway says so and it is somebody of the account that the API is in; else nobody. A
// stranger may sign too, with keys of an account of their own: no policy of this account was then asked alone.
func signer(arn, apiAccount string) string {
	// arn:partition:service:region:account:resource
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[0] == "arn" && parts[4] != "" && parts[4] == apiAccount {
		return arn
	}
	return ""
}

// errEvent says that an event is none of a gateway's. What it holds is not repeated: it may be anything.
var errEvent = errors.New("not an event of API Gateway")

// request makes a request of an event of a REST API, or of an HTTP API in format 2.0. base is the base path of the origin.
func request(ctx context.Context, raw json.RawMessage, base string) (r *http.Request, v2 bool, err error) {
	var probe struct {
		Version string `json:"version"`
	}
	if json.Unmarshal(raw, &probe) != nil {
		return nil, false, errEvent
	}
	if probe.Version == "2.0" {
		r, err = requestV2(ctx, raw, base)
		return r, true, err
	}
	r, err = requestV1(ctx, raw, base)
	return r, false, err
}

// withoutBase takes the base path of a custom domain away. That of a stage ("/live") the gateway has taken away itself.
func withoutBase(path, base, stage string) string {
	if base == "" || base == "/"+stage {
		return path
	}
	if rest, ok := strings.CutPrefix(path, base); ok && (rest == "" || rest[0] == '/') {
		if rest == "" {
			return "/"
		}
		return rest
	}
	return path
}

func address(s string) netip.Addr {
	a, _ := netip.ParseAddr(s) // what the gateway does not know is the zero address, which has a budget of its own
	return a.Unmap()
}

func assemble(ctx context.Context, method, path, query string, header http.Header, body string, encoded bool, c caller) (*http.Request, error) {
	if encoded {
		plain, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return nil, errEvent
		}
		body = string(plain)
	}
	// A path that is no path is kept as it is: it is then not found, as it would be elsewhere.
	u := &url.URL{Path: path}
	if parsed, err := url.ParseRequestURI(path); err == nil && parsed.Host == "" {
		u = parsed
	}
	u.RawQuery = query
	r, err := http.NewRequestWithContext(context.WithValue(ctx, callerKey{}, c), method, "/", strings.NewReader(body))
	if err != nil {
		return nil, errEvent
	}
	r.URL, r.RequestURI, r.Header, r.Host = u, u.RequestURI(), header, header.Get("Host")
	r.RemoteAddr = netip.AddrPortFrom(c.address, 0).String()
	return r, nil
}

// recorder keeps an answer until it is whole.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, b...)
	return len(b), nil
}

func (w *recorder) text() (body string, encoded bool) {
	if utf8.Valid(w.body) {
		return string(w.body), false
	}
	return base64.StdEncoding.EncodeToString(w.body), true
}

// answer serves one event.
func answer(ctx context.Context, h http.Handler, raw json.RawMessage, base string) (any, error) {
	r, v2, err := request(ctx, raw, base)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	w := &recorder{header: http.Header{}}
	h.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
	if v2 {
		return answerV2(w), nil
	}
	return answerV1(w), nil
}
