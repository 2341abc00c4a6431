package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// clientOptions are the flags of every command that asks a service.
type clientOptions struct {
	endpoint, output string
	noInput          bool // never ask anything
}

const (
	// maxAnswer is how long an answer may be, in bytes.
	maxAnswer = 32 << 20
	// maxWait is how long an answer may take: API Gateway gives up after 29 seconds, an import on one machine after 45.
	maxWait = 70 * time.Second
)

// client asks Postern. It follows no redirect: the administrators' door has none, and a signature is good for one address only.
var client = &http.Client{
	Timeout:       maxWait,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// problem is an answer that refuses (RFC 9457).
type problem struct {
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	RequestID string `json:"requestId"`
	Errors    []struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"errors"`
}

// Error tells what was refused, and each field that is wrong.
func (p *problem) Error() string {
	text := fmt.Sprintf("refused: %s (%s, request %s)", p.Detail, p.Code, p.RequestID)
	for _, e := range p.Errors {
		text += "\n  " + e.Field + ": " + e.Message
	}
	return text + p.hint()
}

// hint says more than the service does of a refusal that has its reason on this side.
func (p *problem) hint() string {
	switch p.Code {
	case "forbidden":
		return "\n  Are these the credentials of that deployment, may they do this, and is the clock right? See postern doctor."
	case "payload_too_large":
		return "\n  Split the file: a deployment on AWS takes some 4.4 MB at a time."
	}
	return ""
}

// ask sends a request to the administrators' door, and decodes the answer. header is names and values of further header fields.
func (o *clientOptions) ask(ctx context.Context, method, path string, body, answer any, header ...string) error {
	_, err := o.askWithHeader(ctx, method, path, body, answer, header...)
	return err
}

// askWithHeader is ask for those who need the header of the answer too.
func (o *clientOptions) askWithHeader(ctx context.Context, method, path string, body, answer any, header ...string) (http.Header, error) {
	raw, got, err := o.send(ctx, method, path, body, header...)
	if err != nil || answer == nil {
		return got, err
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return got, o.notPostern("something else than JSON")
	}
	return got, nil
}

// notPostern is what is said of an answer that is none of Postern's.
func (o *clientOptions) notPostern(answer string) error {
	return &exitError{exitConfiguration, fmt.Errorf("%s answered %s, and not as Postern does: is it the right endpoint?", o.endpoint, answer)}
}

// credentials gives the caller's AWS configuration, and credentials that can be signed with.
func credentials(ctx context.Context) (aws.Config, aws.Credentials, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return cfg, aws.Credentials{}, &exitError{exitConfiguration, fmt.Errorf("read AWS configuration: %w", err)}
	}
	c, err := cfg.Credentials.Retrieve(ctx)
	if ctx.Err() != nil {
		return cfg, c, ctx.Err()
	}
	if err != nil {
		return cfg, c, &exitError{exitConfiguration, errors.New("no AWS credentials: set AWS_PROFILE, or sign in with aws sso login")}
	}
	return cfg, c, nil
}

// localRegion is what one machine expects signatures to be for. It is used where no region is set.
const localRegion = "local"

// send sends a request to the administrators' door, signed with the caller's AWS credentials, and gives the answer's body and
// header. A body of bytes is a file, sent as it is; header then has its Content-Type.
func (o *clientOptions) send(ctx context.Context, method, path string, body any, header ...string) ([]byte, http.Header, error) {
	if o.endpoint == "" {
		return nil, nil, &exitError{exitUsage, errors.New("say where the service is, with --endpoint or $POSTERN_ENDPOINT")}
	}
	cfg, key, err := credentials(ctx)
	if err != nil {
		return nil, nil, err
	}
	if cfg.Region == "" {
		cfg.Region = localRegion
	}
	raw, isFile := body.([]byte)
	if body != nil && !isFile {
		if raw, err = json.Marshal(body); err != nil {
			return nil, nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(o.endpoint, "/")+path, bytes.NewReader(raw))
	if err != nil {
		return nil, nil, &exitError{exitUsage, fmt.Errorf("--endpoint: %w", err)}
	}
	r.Header.Set("Accept", "application/json")
	if raw != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	sum := sha256.Sum256(raw)
	if err := v4.NewSigner().SignHTTP(ctx, key, r, hex.EncodeToString(sum[:]), "execute-api", cfg.Region, time.Now()); err != nil {
		return nil, nil, fmt.Errorf("sign request: %w", err)
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, nil, &exitError{exitFailed, fmt.Errorf("ask %s: %w", o.endpoint, errors.Unwrap(err))}
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, &exitError{exitFailed, fmt.Errorf("read answer of %s: %w", o.endpoint, err)}
	}
	if resp.StatusCode < 300 {
		return raw, resp.Header, nil
	}
	var p problem
	switch {
	case json.Unmarshal(raw, &p) == nil && p.Code != "":
		return nil, nil, &exitError{exitRefused, &p}
	case resp.StatusCode >= 500:
		return nil, nil, &exitError{exitFailed, fmt.Errorf("%s answered %s: try again in a while", o.endpoint, resp.Status)}
	}
	return nil, nil, o.notPostern(resp.Status)
}
