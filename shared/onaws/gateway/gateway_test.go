package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"postern/shared/access/accesstest"
	"postern/shared/onaws"
	"postern/shared/onaws/withkeys"
	"postern/shared/web"
)

// seen is what a handler sees of a request.
type seen struct {
	Method, Path, Query, Body, Host, Remote, Principal, RequestID string
	Cookies, Repeated                                             []string
}

func look(r *http.Request) seen {
	body, _ := io.ReadAll(r.Body)
	c := callerOf(r)
	return seen{
		r.Method, r.URL.EscapedPath(), r.URL.Query().Encode(), string(body), r.Host, c.address.String(), c.principal, c.requestID,
		r.Header.Values("Cookie"), r.Header.Values("X-Many"),
	}
}

const restEvent = `{
  "resource": "/login", "path": "/login", "httpMethod": "POST",
  "headers": {"Host": "abc.execute-api.eu-central-1.amazonaws.com", "X-Many": "b", "X-Forwarded-For": "203.0.113.9", "Cookie": "a=1; b=2"},
  "multiValueHeaders": {"Host": ["abc.execute-api.eu-central-1.amazonaws.com"], "X-Many": ["a", "b"], "X-Forwarded-For": ["203.0.113.9"], "Cookie": ["a=1; b=2"]},
  "queryStringParameters": {"q": "x y"}, "multiValueQueryStringParameters": {"q": ["1", "x y"]},
  "requestContext": {"accountId": "123456789012", "stage": "live", "path": "/live/login", "requestId": "req-1", "identity": {"sourceIp": "198.51.100.7", "userArn": null}},
  "body": "YT0xJmI9w6Q=", "isBase64Encoded": true}`

const httpEvent = `{
  "version": "2.0", "routeKey": "ANY /{proxy+}", "rawPath": "/id/login", "rawQueryString": "q=1&q=x+y", "cookies": ["a=1", "b=2"],
  "headers": {"host": "id.example.com", "x-many": "a,b", "x-forwarded-for": "203.0.113.9"},
  "requestContext": {"accountId": "123456789012", "stage": "$default", "requestId": "req-2", "http": {"method": "POST", "path": "/id/login", "sourceIp": "2001:db8::1"},
    "authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/ops"}}},
  "body": "a=1", "isBase64Encoded": false}`

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		name, event, base string
		want              seen
	}{
		{"REST API", restEvent, "/live", seen{
			"POST", "/login", "q=1&q=x+y", "a=1&b=ä", "abc.execute-api.eu-central-1.amazonaws.com", "198.51.100.7", "", "req-1",
			[]string{"a=1; b=2"}, []string{"a", "b"},
		}},
		{"REST API behind a custom domain", strings.Replace(restEvent, `"path": "/login"`, `"path": "/id/login"`, 1), "/id", seen{
			"POST", "/login", "q=1&q=x+y", "a=1&b=ä", "abc.execute-api.eu-central-1.amazonaws.com", "198.51.100.7", "", "req-1",
			[]string{"a=1; b=2"}, []string{"a", "b"},
		}},
		{"HTTP API", httpEvent, "/id", seen{
			"POST", "/login", "q=1&q=x+y", "a=1", "id.example.com", "2001:db8::1", "arn:aws:iam::123456789012:user/ops", "req-2",
			[]string{"a=1; b=2"}, []string{"a,b"},
		}},
		{"cookies in several headers", strings.Replace(restEvent, `"Cookie": ["a=1; b=2"]`, `"Cookie": ["a=1", "b=2"]`, 1), "/live", seen{
			"POST", "/login", "q=1&q=x+y", "a=1&b=ä", "abc.execute-api.eu-central-1.amazonaws.com", "198.51.100.7", "", "req-1",
			[]string{"a=1", "b=2"}, []string{"a", "b"},
		}},
		{"HTTP API with a stage", strings.Replace(httpEvent, `"rawPath": "/id/login"`, `"rawPath": "/live/login"`, 1), "/live", seen{
			"POST", "/login", "q=1&q=x+y", "a=1", "id.example.com", "2001:db8::1", "arn:aws:iam::123456789012:user/ops", "req-2",
			[]string{"a=1; b=2"}, []string{"a,b"},
		}},
		{"the base path alone", strings.Replace(restEvent, `"path": "/login"`, `"path": "/id"`, 1), "/id", seen{
			"POST", "/", "q=1&q=x+y", "a=1&b=ä", "abc.execute-api.eu-central-1.amazonaws.com", "198.51.100.7", "", "req-1",
			[]string{"a=1; b=2"}, []string{"a", "b"},
		}},
		{"a path that only begins like the base", strings.Replace(restEvent, `"path": "/login"`, `"path": "/idle"`, 1), "/id", seen{
			"POST", "/idle", "q=1&q=x+y", "a=1&b=ä", "abc.execute-api.eu-central-1.amazonaws.com", "198.51.100.7", "", "req-1",
			[]string{"a=1; b=2"}, []string{"a", "b"},
		}},
		{"signed", strings.Replace(restEvent, `"userArn": null`, `"userArn": "arn:aws:sts::123456789012:assumed-role/admin/me"`, 1), "/live", seen{
			"POST", "/login", "q=1&q=x+y", "a=1&b=ä", "abc.execute-api.eu-central-1.amazonaws.com", "198.51.100.7",
			"arn:aws:sts::123456789012:assumed-role/admin/me", "req-1", []string{"a=1; b=2"}, []string{"a", "b"},
		}},
		{"single values alone", `{"path": "/a%2fb", "httpMethod": "GET", "headers": {"X-Many": "b"}, "queryStringParameters": {"q": "1"}, "requestContext": {}}`, "", seen{
			"GET", "/a%2fb", "q=1", "", "", "invalid IP", "", "", nil, []string{"b"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got seen
			h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = look(r) })
			if _, err := answer(t.Context(), h, json.RawMessage(c.event), c.base); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "made")
	})
	got, err := answer(t.Context(), h, json.RawMessage(restEvent), "/live")
	if err != nil {
		t.Fatal(err)
	}
	want := events.APIGatewayProxyResponse{StatusCode: 201, Body: "made", MultiValueHeaders: map[string][]string{
		"Set-Cookie": {"a=1", "b=2"}, "Content-Type": {"text/plain"},
	}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Errorf("REST (-want +got):\n%s", diff)
	}
	got, err = answer(t.Context(), h, json.RawMessage(httpEvent), "/id")
	if err != nil {
		t.Fatal(err)
	}
	wantV2 := events.APIGatewayV2HTTPResponse{
		StatusCode: 201, Body: "made", Headers: map[string]string{"Content-Type": "text/plain"}, Cookies: []string{"a=1", "b=2"},
	}
	if diff := cmp.Diff(any(wantV2), got); diff != "" {
		t.Errorf("HTTP (-want +got):\n%s", diff)
	}
	binary := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff, 0}) })
	got, err = answer(t.Context(), binary, json.RawMessage(restEvent), "/live")
	if a, ok := got.(events.APIGatewayProxyResponse); err != nil || !ok || a.Body != "/wA=" || !a.IsBase64Encoded {
		t.Errorf("bytes that are no text: %+v, %v", got, err)
	}
}

// What a function logs has the id that Lambda gives, so that is what a person is told; not the gateway's.
func TestRequestID(t *testing.T) {
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "of-lambda"})
	for _, event := range []string{restEvent, httpEvent} {
		var got seen
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = look(r) })
		if _, err := answer(ctx, h, json.RawMessage(event), ""); err != nil || got.RequestID != "of-lambda" {
			t.Errorf("request id %q, %v", got.RequestID, err)
		}
	}
}

// Events that are none are errors, and reach no handler.
func TestForeignEvents(t *testing.T) {
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a handler was called") })
	for _, event := range []string{
		``, `null`, `[]`, `{}`, `"x"`, `{"version": "2.0"}`, `{"version": "2.0", "rawPath": "/"}`, `{"path": "/"}`, `{"httpMethod": "GET"}`,
		`{"httpMethod": "GET", "path": "/", "isBase64Encoded": true, "body": "?"}`, `{"httpMethod": "G T", "path": "/"}`,
		`{"Records": [{"messageId": "1", "body": "{}"}]}`,
	} {
		if _, err := answer(t.Context(), h, json.RawMessage(event), ""); err == nil {
			t.Errorf("%s: no error", event)
		}
	}
}

// /admin is closed without a principal; the local switch opens it under `sam local` alone.
func TestPrincipal(t *testing.T) {
	if name, ok := principal(caller{principal: "arn:x"}, ""); name != "iam:arn:x" || !ok {
		t.Errorf("signed: %q, %v", name, ok)
	}
	if _, ok := principal(caller{}, ""); ok {
		t.Error("unsigned: let in")
	}
	if _, ok := principal(caller{}, "me"); ok {
		t.Error("the local switch works on AWS")
	}
	t.Setenv("AWS_SAM_LOCAL", "true")
	if name, ok := principal(caller{}, "me"); name != "iam:me" || !ok {
		t.Errorf("under sam local with the switch: %q, %v", name, ok)
	}
	if _, ok := principal(caller{}, ""); ok {
		t.Error("under sam local without the switch: let in")
	}
}

// Nothing that a client sends names a principal: no header, query, body or cookie, however much it looks like the gateway's own words.
func TestForgedPrincipals(t *testing.T) {
	forged := `"Authorization": "AWS4-HMAC-SHA256 Credential=AKID/20261102/eu-central-1/execute-api/aws4_request, SignedHeaders=host, Signature=00",
		"X-Amzn-Iam-Arn": "arn:x", "X-Amz-Security-Token": "t", "X-Amzn-RequestContext": "{\"identity\":{\"userArn\":\"arn:x\"}}",
		"X-Amzn-Lambda-Context": "{}", "X-Postern-Principal": "iam:arn:x", "X-Forwarded-User": "arn:x", "requestContext": "{}"`
	for name, event := range map[string]string{
		"REST API": `{"path": "/admin/accounts", "httpMethod": "GET", "headers": {` + forged + `}, "queryStringParameters": {"userArn": "arn:x"},
			"body": "{\"requestContext\":{\"identity\":{\"userArn\":\"arn:x\"}}}", "requestContext": {"identity": {"sourceIp": "198.51.100.7", "userArn": null,
			"user": "arn:x", "caller": "arn:x", "cognitoIdentityId": "x", "userAgent": "arn:x"}, "authorizer": {"principalId": "arn:x", "userArn": "arn:x"}}}`,
		"HTTP API": `{"version": "2.0", "rawPath": "/admin/accounts", "rawQueryString": "userArn=arn:x", "cookies": ["userArn=arn:x"], "headers": {` + forged + `},
			"requestContext": {"http": {"method": "GET", "path": "/admin/accounts", "sourceIp": "198.51.100.7", "userAgent": "arn:x"},
			"authorizer": {"jwt": {"claims": {"userArn": "arn:x"}}, "lambda": {"userArn": "arn:x"}}, "authentication": {"clientCert": {"subjectDN": "arn:x"}}}}`,
	} {
		served := false
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			served = true
			if who, ok := principal(callerOf(r), ""); ok || who != "" {
				t.Errorf("%s: the principal is %q", name, who)
			}
		})
		if _, err := answer(t.Context(), h, json.RawMessage(event), ""); err != nil || !served {
			t.Errorf("%s: served %t, %v", name, served, err)
		}
	}
}

// Only somebody of the API's own account has signed: not a stranger with keys of theirs, nor what is no ARN, nor anybody while the
// event does not say whose the API is.
func TestSigner(t *testing.T) {
	const here = "123456789012"
	for _, arn := range []string{"arn:aws:iam::123456789012:user/ops", "arn:aws-cn:sts::123456789012:assumed-role/a:b/c", "arn:aws:iam::123456789012:root"} {
		if signer(arn, here) != arn {
			t.Errorf("%s is nobody", arn)
		}
	}
	for _, arn := range []string{"", "me", "arn:aws:iam::210987654321:user/ops", "arn:aws:iam:::user/123456789012", "arn:aws:iam::123456789012", "x:aws:iam::123456789012:user/ops"} {
		if got := signer(arn, here); got != "" {
			t.Errorf("%s is %s", arn, got)
		}
	}
	for _, account := range []string{"", "210987654321"} {
		if got := signer("arn:aws:iam::123456789012:user/ops", account); got != "" {
			t.Errorf("in account %q: %s", account, got)
		}
	}
	if got := signer("arn:aws:iam:::user/ops", ""); got != "" {
		t.Errorf("nobody's: %s", got)
	}
}

// parts are what a function works with, on the embedded store.
func parts(t testing.TB) *onaws.Parts {
	s := onaws.Settings{Origin: "https://id.example.com/live"}
	return &onaws.Parts{Settings: s, Service: accesstest.New(t).Service, Log: slog.New(slog.DiscardHandler)}
}

// status is that of the answer to an event, and its body.
func status(t *testing.T, h func(context.Context, json.RawMessage) (any, error), event string) (int, string) {
	t.Helper()
	got, err := h(t.Context(), json.RawMessage(event))
	if err != nil {
		t.Fatal(err)
	}
	switch a := got.(type) {
	case events.APIGatewayProxyResponse:
		return a.StatusCode, a.Body
	case events.APIGatewayV2HTTPResponse:
		return a.StatusCode, a.Body
	}
	t.Fatalf("answer %T", got)
	return 0, ""
}

// /admin asks the event who signed, and nothing else: not a header, not what another kind of authorizer found out.
func TestAdminAsksWhoSigned(t *testing.T) {
	h := Handler(web.Admin(), parts(t))
	event := func(context, headers string) string {
		return `{"path": "/admin/accounts", "httpMethod": "GET", "headers": {"Accept": "application/json"` + headers + `}, "requestContext": {"stage": "live"` + context + `}}`
	}
	const account, arn = `, "accountId": "123456789012"`, `"userArn": "arn:aws:iam::123456789012:user/ops"`
	if got, body := status(t, h, event(account+`, "identity": {`+arn+`}`, "")); got != http.StatusOK {
		t.Errorf("signed: %d %s", got, body)
	}
	for name, e := range map[string]string{
		"unsigned":                  event(account+`, "identity": {"userArn": null}`, ""),
		"without identity":          event(account, ""),
		"foreign":                   event(account+`, "identity": {"accountId": "210987654321", "userArn": "arn:aws:iam::210987654321:user/ops"}`, ""),
		"the API is nobody's":       event(`, "identity": {`+arn+`}`, ""),
		"signature as a header":     event(account, `, "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261101/eu-central-1/execute-api/aws4_request, SignedHeaders=host, Signature=00"`),
		"name as a header":          event(account, `, "X-Amzn-Iam-Userarn": "arn:aws:iam::123456789012:user/ops"`),
		"another authorizer's word": event(account+`, "authorizer": {"principalId": "ops", `+arn+`}`, ""),
		"HTTP API, unsigned":        `{"version": "2.0", "rawPath": "/admin/accounts", "requestContext": {"accountId": "123456789012", "http": {"method": "GET"}}}`,
		"HTTP API, foreign": `{"version": "2.0", "rawPath": "/admin/accounts", "requestContext": {"accountId": "123456789012", "http": {"method": "GET"},
			"authorizer": {"iam": {"userArn": "arn:aws:iam::210987654321:user/ops"}}}}`,
	} {
		if got, body := status(t, h, e); got != http.StatusForbidden || !strings.Contains(body, `"forbidden"`) {
			t.Errorf("%s: %d %s", name, got, body)
		}
	}
}

// A function ends by itself before its time is over, so that there is time left to say so.
func TestDeadline(t *testing.T) {
	p := parts(t)
	h := Handler(web.Session(), p)
	event := `{"path": "/session", "httpMethod": "GET", "headers": {"Accept": "application/json", "Cookie": "__Host-session=x"}, "requestContext": {"stage": "live"}}`
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(margin/2))
	defer cancel()
	got, err := h(ctx, json.RawMessage(event))
	if a, ok := got.(events.APIGatewayProxyResponse); err != nil || !ok || a.StatusCode == http.StatusOK {
		t.Errorf("%+v, %v", got, err)
	}
	if ctx.Err() != nil {
		t.Error("it took the time to the end")
	}
	var end time.Time
	inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { end, _ = r.Context().Deadline() })
	late, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if _, err := inTime(inner, "/live")(late, json.RawMessage(restEvent)); err != nil {
		t.Fatal(err)
	}
	if whole, _ := late.Deadline(); !end.Equal(whole.Add(-margin)) {
		t.Errorf("the handler's time ends %s before the function's, want %s", whole.Sub(end), margin)
	}
}

// While DynamoDB turns everything away, or does not answer, a function asks a few times, and says 503 inside its time: before the
// gateway would say so itself.
func TestStoreThatIsDown(t *testing.T) {
	for name, c := range map[string]struct {
		dynamo   http.HandlerFunc
		requests int64
		time     time.Duration // of the function
	}{
		"throttles": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-Errortype", "ThrottlingException")
			w.WriteHeader(http.StatusBadRequest)
		}, 3, 5 * time.Second},
		"fails":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, 3, 5 * time.Second},
		"does not answer": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 1, margin + time.Second},
		"hangs up":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 3, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			dynamo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				_, _ = io.Copy(io.Discard, r.Body) // or it would not notice that nobody waits any longer
				c.dynamo(w, r)
			}))
			defer dynamo.Close()
			for v, value := range map[string]string{
				"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": dynamo.URL,
				"POSTERN_ORIGIN": "https://id.example.com/live", "POSTERN_KEY": "arn:aws:kms:eu-central-1:123456789012:key/1",
				"POSTERN_TABLE_ACCOUNTS": "Accounts", "POSTERN_TABLE_OPERATORS": "Operators", "POSTERN_TABLE_SESSIONS": "Sessions",
			} {
				t.Setenv(v, value)
			}
			p, err := onaws.Load("session", withkeys.KMS)
			if err != nil {
				t.Fatal(err)
			}
			p.Log = slog.New(slog.DiscardHandler)
			cookie := "__Host-session=acme." + strings.Repeat("a", 26) + "." + strings.Repeat("a", 26) + "." + strings.Repeat("a", 43)
			event := `{"path": "/session", "httpMethod": "GET", "headers": {"Accept": "application/json", "Cookie": "` + cookie + `"}, "requestContext": {"stage": "live"}}`
			ctx, cancel := context.WithTimeout(t.Context(), c.time)
			defer cancel()
			got, err := Handler(web.Session(), p)(ctx, json.RawMessage(event))
			if err != nil {
				t.Fatal(err)
			}
			a := got.(events.APIGatewayProxyResponse)
			if a.StatusCode != http.StatusServiceUnavailable || a.MultiValueHeaders["Retry-After"] == nil || ctx.Err() != nil {
				t.Errorf("%d %v %s; of the function's time: %v", a.StatusCode, a.MultiValueHeaders, a.Body, ctx.Err())
			}
			if n := asked.Load(); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

// A function whose configuration is missing or wrong names each variable, and does not start.
func TestDoesNotStart(t *testing.T) {
	if os.Getenv("POSTERN_TEST_START") != "" {
		Start(web.ResetRequest()) // ends the process, or serves for ever
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDoesNotStart$")
	cmd.Env = []string{
		"POSTERN_TEST_START=1", "AWS_REGION=eu-central-1", "POSTERN_ORIGIN=id.example.com", "POSTERN_TABLE_CODES=Codes", "POSTERN_KEY=other",
		"AWS_LAMBDA_RUNTIME_API=127.0.0.1:1",
	}
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("it ends with %v:\n%s", err, out)
	}
	for _, want := range []string{
		"POSTERN_TABLE_ACCOUNTS is not set", "POSTERN_TABLE_LIMITS is not set", "POSTERN_TABLE_OUTBOX is not set", "POSTERN_QUEUE_CODES is not set",
		"POSTERN_ORIGIN is ", "POSTERN_KEY is ",
	} {
		if n := strings.Count(string(out), want); n != 1 {
			t.Errorf("%q is said %d times in\n%s", want, n, out)
		}
	}
	if strings.Contains(string(out), "POSTERN_TABLE_CODES") {
		t.Errorf("what is right is complained about:\n%s", out)
	}
}

// Whatever comes, nothing panics, what is no event is an error, and what is one gets an answer that the gateway takes, and no 5xx.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(restEvent))
	f.Add([]byte(httpEvent))
	f.Add([]byte(strings.Replace(restEvent, `"userArn": null`, `"userArn": "arn:aws:sts::123456789012:assumed-role/admin/me"`, 1)))
	f.Add([]byte(`{"path": "/admin/accounts", "httpMethod": "GET", "requestContext": {"accountId": "1", "identity": {"userArn": "arn:aws:iam::1:root"}}}`))
	f.Add([]byte(`{"path": "//a%2f../\u0000", "httpMethod": "get", "multiValueHeaders": {"": ["\r\n"], "Host": []}, "requestContext": {}}`))
	f.Add([]byte(`{"Records": [{"messageId": "1", "body": "{}"}]}`))
	p := parts(f)
	var all web.Function
	for _, each := range web.Functions() {
		all.Routes = append(all.Routes, each.Routes...)
	}
	h := Handler(all, p)
	f.Fuzz(func(t *testing.T, event []byte) {
		got, err := h(t.Context(), event)
		if err != nil {
			if !errors.Is(err, errEvent) {
				t.Errorf("error %v", err)
			}
			return
		}
		raw, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("the answer cannot be encoded: %v", err)
		}
		var a struct{ StatusCode int }
		if err := json.Unmarshal(raw, &a); err != nil || a.StatusCode < 200 || a.StatusCode >= 500 {
			t.Errorf("answer %s", raw)
		}
	})
}
