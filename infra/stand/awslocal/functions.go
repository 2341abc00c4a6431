package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"gopkg.in/yaml.v3"
)

// functions are the compiled functions in the SAM CLI's containers, one for each, kept warm: as the API, and one by one.
type functions struct {
	api    string // URL of sam local start-api
	lambda string // URL of sam local start-lambda, which speaks Lambda's Invoke
	sam    []*exec.Cmd
}

// startWait is how long the SAM CLI may take to build its image and to answer.
const startWait = 3 * time.Minute

// architecture is Lambda's name of this machine's.
var architecture = map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]

// startFunctions starts the SAM CLI on a copy of the built template in which every environment variable has the stand's value.
func startFunctions(ctx context.Context, s *stand) (*functions, error) {
	path := filepath.Join(s.build, "stand.yaml")
	if err := writeTemplate(filepath.Join(s.build, "template.yaml"), path, s); err != nil {
		return nil, fmt.Errorf("write template of the stand: %w (build the functions first: make build-local)", err)
	}
	f := &functions{}
	var err error
	if f.api, err = f.start(ctx, s, "start-api", path); err == nil {
		f.lambda, err = f.start(ctx, s, "start-lambda", path)
	}
	if err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

func (f *functions) start(ctx context.Context, s *stand, command, template string) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(s.data, command+".log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd := exec.Command(s.sam, "local", command, "--template", template, "--host", "127.0.0.1", "--port", port, "--region", region,
		"--warm-containers", "LAZY", "--no-watch", "--skip-pull-image", "--parameter-overrides", "Architecture="+architecture)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "SAM_CLI_TELEMETRY=0", "AWS_ACCESS_KEY_ID=stand", "AWS_SECRET_ACCESS_KEY=stand", "AWS_DEFAULT_REGION="+region)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that Ctrl-C reaches it through here, once
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start sam local %s: %w", command, err)
	}
	f.sam = append(f.sam, cmd)
	at := net.JoinHostPort("127.0.0.1", port)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(startWait); time.Now().Before(end); {
		if c, err := net.Dial("tcp", at); err == nil {
			return "http://" + at, c.Close()
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-tick.C:
		}
	}
	said, _ := os.ReadFile(log.Name())
	return "", fmt.Errorf("sam local %s does not answer after %s:\n%s", command, startWait, said)
}

// stop asks the SAM CLI to end, which removes its containers, and waits until it has.
func (f *functions) stop() {
	for _, cmd := range f.sam {
		_ = cmd.Process.Signal(syscall.SIGINT)
	}
	for _, cmd := range f.sam {
		patience := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		patience.Stop()
	}
}

// invoke calls a function by its logical id, as Lambda's Invoke does, and gives its answer.
func (f *functions) invoke(ctx context.Context, name string, event any) ([]byte, error) {
	raw, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.lambda+"/2015-03-31/functions/"+name+"/invocations", bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", name, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", name, err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Amz-Function-Error") != "" || bytes.Contains(answer, []byte(`"errorMessage"`)) {
		return nil, fmt.Errorf("invoke %s: %s: %s", name, resp.Status, answer)
	}
	return answer, nil
}

// writeTemplate copies a template with the environment variables of each function set to what they are on the stand.
func writeTemplate(from, to string, s *stand) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return err
	}
	root := doc.Content[0]
	parameters := map[string]string{"Origin": s.url, "MailFrom": mailFrom, "LocalPrincipal": principal}
	variables := func(function *yaml.Node, more map[string]string) error {
		environment := child(child(function, "Environment"), "Variables")
		if environment == nil {
			return errors.New("no environment variables")
		}
		for i := 1; i < len(environment.Content); i += 2 {
			value, err := s.value(environment.Content[i], parameters)
			if err != nil {
				return fmt.Errorf("%s: %w", environment.Content[i-1].Value, err)
			}
			*environment.Content[i] = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
		}
		for name, value := range more {
			environment.Content = append(environment.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value})
		}
		return nil
	}
	clock := map[string]string{"POSTERN_STAND_CLOCK": s.services.endpoint + clockPath}
	if err := variables(child(child(root, "Globals"), "Function"), clock); err != nil {
		return fmt.Errorf("globals: %w", err)
	}
	resources := child(root, "Resources")
	for i := 0; i+1 < len(resources.Content); i += 2 {
		r := resources.Content[i+1]
		if kind := child(r, "Type"); kind != nil && kind.Value == "AWS::Serverless::Function" {
			name := resources.Content[i].Value
			if err := variables(child(r, "Properties"), map[string]string{"AWS_ENDPOINT_URL": s.services.endpoint + rolePath + name}); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	out, err := yaml.Marshal(&doc)
	if err != nil {
		return err
	}
	return os.WriteFile(to, out, 0o600)
}

// value is what a node gives on the stand: a text, !Ref of a parameter or of a resource, !GetAtt.
func (s *stand) value(n *yaml.Node, parameters map[string]string) (string, error) {
	name := n.Value
	switch n.Kind {
	case yaml.ScalarNode:
		if !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
			return name, nil
		}
	case yaml.MappingNode: // {Ref: X} or {Fn::GetAtt: [X, Arn]}, as sam build writes them
		var parts []string
		argument := n.Content[1]
		for _, c := range argument.Content {
			parts = append(parts, c.Value)
		}
		if name = argument.Value; argument.Kind == yaml.SequenceNode {
			name = strings.Join(parts, ".")
		}
	}
	if v, ok := s.services.values[name]; ok {
		return v, nil
	}
	return parameters[name], nil // other parameters, and what the stand has not, are empty
}

// child is the value under a key of a mapping; nil if there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
