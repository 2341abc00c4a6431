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

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// clientOptions are the flags of every command that asks a service.
type clientOptions struct{ endpoint, output string }

// maxAnswer is how long an answer may be.
const maxAnswer = 32 << 20

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

// say tells what was refused, and each field that is wrong.
func (p *problem) say() error {
	text := fmt.Sprintf("refused: %s (%s, request %s)", p.Detail, p.Code, p.RequestID)
	for _, e := range p.Errors {
		text += "\n  " + e.Field + ": " + e.Message
	}
	return errors.New(text)
}

// ask sends a request to the administrators' door, and decodes the answer.
func (o *clientOptions) ask(ctx context.Context, method, path string, body, answer any) error {
	raw, _, err := o.send(ctx, method, path, body)
	if err != nil || answer == nil {
		return err
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return fmt.Errorf("read answer of %s: %w", o.endpoint, err)
	}
	return nil
}

// send sends a request to the administrators' door, signed with the caller's AWS credentials, and gives the answer's body and
// header.
func (o *clientOptions) send(ctx context.Context, method, path string, body any) ([]byte, http.Header, error) {
	if o.endpoint == "" {
		return nil, nil, &exitError{exitUsage, errors.New("say where the service is, with --endpoint or $POSTERN_ENDPOINT")}
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, nil, &exitError{exitConfiguration, fmt.Errorf("read AWS configuration: %w", err)}
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, nil, &exitError{exitConfiguration, errors.New("no AWS credentials: set AWS_PROFILE, or sign in with aws sso login")}
	}
	if cfg.Region == "" {
		cfg.Region = "local" // what `postern serve` writes beside its key pair, in a file that the SDK reads no region from
	}
	var raw []byte
	if body != nil {
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
	sum := sha256.Sum256(raw)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "execute-api", cfg.Region, time.Now()); err != nil {
		return nil, nil, fmt.Errorf("sign request: %w", err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, nil, &exitError{exitFailed, fmt.Errorf("ask %s: %w", o.endpoint, err)}
	}
	defer resp.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode >= 300 {
		var p problem
		if json.Unmarshal(raw, &p) != nil || p.Code == "" {
			return nil, nil, &exitError{exitRefused, fmt.Errorf("%s answered %s, and not as Postern does: is it the right endpoint?", o.endpoint, resp.Status)}
		}
		return nil, nil, &exitError{exitRefused, p.say()}
	}
	return raw, resp.Header, nil
}
