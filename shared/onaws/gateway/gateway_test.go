package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"
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
  "requestContext": {"stage": "live", "path": "/live/login", "requestId": "req-1", "identity": {"sourceIp": "198.51.100.7", "userArn": null}},
  "body": "YT0xJmI9w6Q=", "isBase64Encoded": true}`

const httpEvent = `{
  "version": "2.0", "routeKey": "ANY /{proxy+}", "rawPath": "/id/login", "rawQueryString": "q=1&q=x+y", "cookies": ["a=1", "b=2"],
  "headers": {"host": "id.example.com", "x-many": "a,b", "x-forwarded-for": "203.0.113.9"},
  "requestContext": {"stage": "$default", "requestId": "req-2", "http": {"method": "POST", "path": "/id/login", "sourceIp": "2001:db8::1"},
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

func FuzzEvents(f *testing.F) {
	f.Add([]byte(restEvent))
	f.Add([]byte(httpEvent))
	f.Fuzz(func(t *testing.T, event []byte) {
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { look(r) })
		_, _ = answer(t.Context(), h, event, "/live")
	})
}
