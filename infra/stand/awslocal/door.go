package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"postern/infra/template"
	"postern/shared/onemachine/local"
	"postern/shared/sigv4"
)

// credentialsFile holds the key pair that the door knows, in the stand's folder.
const credentialsFile = "admin-credentials"

// gatewayBody is how long a body may be that API Gateway takes, in bytes (its quota for payloads); what is too long for Postern, Postern says.
const gatewayBody = 10 << 20

// principal is who signs with that key pair: an ARN of no real partition.
const principal = "arn:local:iam::000000000000:user/postern"

// door is what people reach: it does for /admin what API Gateway does and `sam local` does not, which is to check signatures, and
// passes on everything else as it came. Beside it are the inbox, the clock and the jobs, as on one machine.
func (s *stand) door() (http.Handler, error) {
	key, err := sigv4.LoadCredentials(filepath.Join(s.data, credentialsFile))
	if err != nil {
		return nil, err
	}
	verifier := &sigv4.Verifier{Credentials: key, Now: time.Now}
	denied, err := readGatewayResponse(s.template, "ACCESS_DENIED")
	if err != nil {
		return nil, err
	}
	to, err := url.Parse(s.functions.api)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"] // what a client claims arrives, as on AWS
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("Server") // the SAM CLI's
			return nil
		},
	}
	beside := http.NewServeMux()
	routes := local.Routes{Inbox: s.services.inbox, Clock: s.clock, Log: s.log, Jobs: map[string]func(context.Context) error{}}
	for name := range s.workers.schedules {
		routes.Jobs[name] = func(ctx context.Context) error { return s.workers.job(ctx, name) }
	}
	routes.Handle(beside)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // a mux of all would tidy paths up, as the gateway does not
		if strings.HasPrefix(r.URL.Path, "/_local/") {
			beside.ServeHTTP(w, r)
			return
		}
		if r.URL.Path == "/admin" || strings.HasPrefix(r.URL.Path, "/admin/accounts") {
			if err := verifier.Verify(r, gatewayBody); err != nil {
				denied.write(w)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}), nil
}

// ask sends a signed request through the door.
func (s *stand) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	key, err := sigv4.LoadCredentials(filepath.Join(s.data, credentialsFile))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	pair := aws.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal()}
	if err := v4.NewSigner().SignHTTP(ctx, pair, r, hex.EncodeToString(sum[:]), sigv4.Service, sigv4.Region, time.Now()); err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}

// gatewayResponse is what the gateway itself says, as template.yaml has it.
type gatewayResponse struct {
	status  int
	headers map[string]string
	body    string
}

func readGatewayResponse(t *template.Template, name string) (gatewayResponse, error) {
	var api struct {
		GatewayResponses map[string]struct {
			StatusCode         string `yaml:"StatusCode"`
			ResponseParameters struct {
				Headers map[string]string `yaml:"Headers"`
			} `yaml:"ResponseParameters"`
			ResponseTemplates map[string]string `yaml:"ResponseTemplates"`
		} `yaml:"GatewayResponses"`
	}
	for _, r := range t.Resources {
		if r.Type == "AWS::Serverless::Api" {
			if err := r.Properties.Decode(&api); err != nil {
				return gatewayResponse{}, fmt.Errorf("read gateway responses: %w", err)
			}
		}
	}
	g, ok := api.GatewayResponses[name]
	if !ok {
		return gatewayResponse{}, fmt.Errorf("the template has no gateway response %s", name)
	}
	status, err := strconv.Atoi(g.StatusCode)
	if err != nil {
		return gatewayResponse{}, fmt.Errorf("gateway response %s: %w", name, err)
	}
	return gatewayResponse{status, g.ResponseParameters.Headers, g.ResponseTemplates["application/json"]}, nil
}

func (g gatewayResponse) write(w http.ResponseWriter) {
	id := rand.Text()
	for name, value := range g.headers {
		if quoted, ok := strings.CutPrefix(value, "'"); ok {
			value = strings.TrimSuffix(quoted, "'")
		} else if value == "context.requestId" {
			value = id
		}
		w.Header().Set(name, value)
	}
	w.WriteHeader(g.status)
	_, _ = io.WriteString(w, strings.ReplaceAll(g.body, "$context.requestId", id))
}
