// Package gateway serves Postern's routes behind API Gateway: it turns the gateway's events into requests of net/http and the
// answers back. REST APIs (format 1.0, what template.yaml makes) and HTTP APIs (format 2.0) are both understood.
//
// Who asks, and from where, is read from the request context that the gateway itself fills, never from a header: a client can send
// any X-Forwarded-For, and `sam local` passes a forged Authorization on unchecked.
package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"postern/shared/onaws"
	"postern/shared/web"
)

// margin is what is kept of a function's time for saying that it did not suffice: a 503 with Retry-After, not the gateway's own.
const margin = 500 * time.Millisecond

// Start serves a function's routes until the environment is taken away. It does not return. With wrong configuration it says
// what is wrong and ends the program.
func Start(f web.Function, adapters ...onaws.Adapter) {
	p, err := onaws.Load(f.Name, adapters...)
	if err != nil {
		onaws.Fail(err)
	}
	lambda.Start(Handler(f, p))
}

// Handler makes the handler of events.
func Handler(f web.Function, p *onaws.Parts) func(context.Context, json.RawMessage) (any, error) {
	origin, _ := url.Parse(p.Settings.Origin) // checked by onaws.Load
	h := web.Handler(web.Config{
		Service: p.Service, Origin: p.Settings.Origin, AppOrigins: p.Settings.AppOrigins, FixedAccountID: p.Settings.Account,
		Log:           p.Log,
		ClientAddress: func(r *http.Request) netip.Addr { return callerOf(r).address },
		Principal:     func(r *http.Request) (string, bool) { return principal(callerOf(r), p.Settings.LocalPrincipal) },
		RequestID:     func(r *http.Request) string { return callerOf(r).requestID },
	}, f)
	return inTime(h, origin.EscapedPath())
}

// inTime serves events while a margin of the function's time is left.
func inTime(h http.Handler, base string) func(context.Context, json.RawMessage) (any, error) {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		if end, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, end.Add(-margin))
			defer cancel()
		}
		return answer(ctx, h, raw, base)
	}
}

// principal names who signed a request to /admin as notices do. Without one in the event nobody did, but for the one switch
// that only works under `sam local`, which checks no signatures.
func principal(c caller, local string) (string, bool) {
	switch {
	case c.principal != "":
		return "iam:" + c.principal, true
	case local != "" && os.Getenv("AWS_SAM_LOCAL") == "true":
		return "iam:" + local, true
	}
	return "", false
}
