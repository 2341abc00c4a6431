package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/aws/aws-lambda-go/events"
)

// requestV1 reads an event of a REST API.
func requestV1(ctx context.Context, raw json.RawMessage, base string) (*http.Request, error) {
	var e events.APIGatewayProxyRequest
	if json.Unmarshal(raw, &e) != nil || e.HTTPMethod == "" || e.Path == "" {
		return nil, errEvent
	}
	header := http.Header{}
	for name, values := range e.MultiValueHeaders {
		for _, v := range values {
			header.Add(name, v)
		}
	}
	if len(e.MultiValueHeaders) == 0 {
		for name, v := range e.Headers {
			header.Set(name, v)
		}
	}
	query := url.Values{}
	for name, values := range e.MultiValueQueryStringParameters {
		query[name] = values
	}
	if len(query) == 0 {
		for name, v := range e.QueryStringParameters {
			query.Set(name, v)
		}
	}
	c := e.RequestContext
	path := withoutBase(e.Path, base, c.Stage)
	return assemble(ctx, e.HTTPMethod, path, query.Encode(), header, e.Body, e.IsBase64Encoded,
		caller{address(c.Identity.SourceIP), signer(c.Identity.UserArn, c.AccountID), requestID(ctx, c.RequestID)})
}

// answerV1 makes the answer of a REST API. A body that is not text goes as base64.
func answerV1(w *recorder) events.APIGatewayProxyResponse {
	body, encoded := w.text()
	return events.APIGatewayProxyResponse{
		StatusCode: w.status, MultiValueHeaders: w.header, Body: body, IsBase64Encoded: encoded,
	}
}
