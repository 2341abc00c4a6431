package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// requestV2 reads an event of an HTTP API. It gives repeated headers as one, joined by commas, and cookies apart; its path holds
// the stage, unless that is $default, and the base path of a custom domain.
func requestV2(ctx context.Context, raw json.RawMessage, base string) (*http.Request, error) {
	var e events.APIGatewayV2HTTPRequest
	if json.Unmarshal(raw, &e) != nil || e.RequestContext.HTTP.Method == "" || e.RawPath == "" {
		return nil, errEvent
	}
	header := http.Header{}
	for name, v := range e.Headers {
		header.Set(name, v)
	}
	if len(e.Cookies) > 0 {
		header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	c := e.RequestContext
	who := caller{address: address(c.HTTP.SourceIP), requestID: requestID(ctx, c.RequestID)}
	if c.Authorizer != nil && c.Authorizer.IAM != nil {
		who.principal = signer(c.Authorizer.IAM.UserARN, c.AccountID)
	}
	path := withoutBase(e.RawPath, base, "")
	return assemble(ctx, c.HTTP.Method, path, e.RawQueryString, header, e.Body, e.IsBase64Encoded, who)
}

// answerV2 makes the answer of an HTTP API: cookies apart, other repeated headers joined.
func answerV2(w *recorder) events.APIGatewayV2HTTPResponse {
	body, encoded := w.text()
	a := events.APIGatewayV2HTTPResponse{
		StatusCode: w.status, Headers: map[string]string{}, Body: body, IsBase64Encoded: encoded,
		Cookies: w.header.Values("Set-Cookie"),
	}
	for name, values := range w.header {
		if name != "Set-Cookie" {
			a.Headers[name] = strings.Join(values, ", ")
		}
	}
	return a
}
