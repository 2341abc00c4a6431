// Command awslocal runs Postern's compiled functions as AWS would, on this machine: behind `sam local start-api`, on DynamoDB
// Local, and on moto for SQS and KMS. It is started by `make aws-local`, which brings those up, and it stops what it starts.
//
// What the SAM CLI does not emulate is stood in for, each in a file: a door that checks signatures as the gateway does for AWS_IAM
// routes (door.go), SES (services.go), IAM, which holds each function to its role (permissions.go), the pollers of queues and the
// clock of schedules (workers.go). The functions themselves are the ones that are deployed; they know the stand by AWS_ENDPOINT_URL
// alone, and its clock, which tests move, by POSTERN_STAND_CLOCK.
//
//	awslocal [--listen 127.0.0.1:3000] [--data DIR] [COMMAND...]
//
// Without a command it runs until it is interrupted. With one it runs that, with POSTERN_URL, POSTERN_DEMO_JSON,
// POSTERN_LAMBDA_URL (Invoke) and POSTERN_STAND_ENDPOINT (the services) set, and ends as the command does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"postern/infra/template"
	"postern/shared/atomicfile"
	"postern/shared/onemachine/local"
)

func main() { os.Exit(run()) }

func run() int {
	listen := flag.String("listen", "127.0.0.1:3000", "`address` that people reach the stand at; port 0 picks a free one")
	data := flag.String("data", "", "`folder` for what the stand keeps while it runs (default: a temporary one)")
	build := flag.String("build", ".build/functions", "`folder` that sam build has built into")
	samCLI := flag.String("sam", "infra/stand/sam.sh", "the SAM CLI")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := (&stand{listen: *listen, data: *data, build: *build, sam: *samCLI}).run(ctx, flag.Args())
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "awslocal:", err)
		return 1
	}
	return code
}

// stand is everything together.
type stand struct {
	listen, data, build, sam string

	log       *slog.Logger
	clock     *local.Clock
	template  *template.Template
	services  *services
	functions *functions
	workers   *workers
	url       string // of the door
}

func (s *stand) run(ctx context.Context, command []string) (code int, err error) {
	if s.data == "" {
		if s.data, err = os.MkdirTemp("", "postern-aws-local-"); err != nil {
			return 1, err
		}
		defer os.RemoveAll(s.data)
	}
	s.log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	if s.clock, err = local.LoadClock(s.data); err != nil {
		return 1, err
	}
	if s.template, err = template.Read("template.yaml"); err != nil {
		return 1, err
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return 1, fmt.Errorf("listen: %w", err)
	}
	s.url = fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)

	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer running.Wait()
	defer cancel()

	if s.services, err = startServices(ctx, s); err != nil {
		return 1, err
	}
	defer s.services.stop()
	if s.functions, err = startFunctions(ctx, s); err != nil {
		return 1, err
	}
	defer s.functions.stop()
	if s.workers, err = newWorkers(s); err != nil {
		return 1, err
	}
	running.Go(func() { s.workers.run(ctx) })

	handler, err := s.door()
	if err != nil {
		return 1, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	running.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the door closed", "error", err)
		}
	})
	facts, err := s.makeDemo(ctx)
	if err != nil {
		return 1, fmt.Errorf("make the demo account: %w", err)
	}
	s.print(os.Stdout, facts)
	if len(command) == 0 {
		<-ctx.Done()
		return 0, nil
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "POSTERN_URL="+s.url, "POSTERN_DEMO_JSON="+filepath.Join(s.data, "demo.json"),
		"POSTERN_LAMBDA_URL="+s.functions.lambda, "POSTERN_STAND_ENDPOINT="+s.services.endpoint)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err = cmd.Run()
	denied, untouched := s.services.permissions.report()
	for _, u := range untouched {
		fmt.Fprintln(os.Stderr, "awslocal: template.yaml opens what nobody touched:", u)
	}
	for _, d := range denied {
		fmt.Fprintln(os.Stderr, "awslocal: template.yaml does not allow:", d)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil
	}
	return min(len(denied), 1), err
}

// facts are what demo.json says, as on one machine (api.md "On one machine").
type facts struct {
	URL       string  `json:"url"`
	InboxURL  string  `json:"inboxUrl"`
	AccountID string  `json:"accountId"`
	Operators []*demo `json:"operators"`
}

type demo struct {
	Username          string `json:"username"`
	Email             string `json:"email"`
	FirstName         string `json:"firstName"`
	LastName          string `json:"lastName,omitempty"`
	Role              string `json:"role"`
	TemporaryPassword string `json:"temporaryPassword"`
}

// makeDemo makes the account that trying and testing begin with, through the administrators' door.
func (s *stand) makeDemo(ctx context.Context) (facts, error) {
	f := facts{URL: s.url, InboxURL: s.url + "/_local/inbox", AccountID: "demo", Operators: []*demo{
		{"alice", "alice@demo.example", "Alice", "Arden", "administrator", ""},
		{"bob", "bob@demo.example", "Bob", "Birch", "administrator", ""},
		{"carol", "carol@demo.example", "Carol", "Cedar", "operator", ""},
	}}
	for i, o := range f.Operators {
		person := map[string]string{"username": o.Username, "email": o.Email, "firstName": o.FirstName, "lastName": o.LastName}
		var body any = map[string]any{"accountId": f.AccountID, "name": "Postern demo", "administrator": person}
		path := "/admin/accounts"
		if i > 0 {
			person["role"] = o.Role
			body, path = person, path+"/"+f.AccountID+"/operators"
		}
		raw, err := s.ask(ctx, http.MethodPost, path, body)
		if err != nil {
			return f, err
		}
		var made struct {
			TemporaryPassword string `json:"temporaryPassword"`
		}
		if err := json.Unmarshal(raw, &made); err != nil {
			return f, err
		}
		o.TemporaryPassword, o.LastName = made.TemporaryPassword, ""
	}
	raw, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return f, err
	}
	return f, atomicfile.Write(filepath.Join(s.data, "demo.json"), append(raw, '\n'))
}

func (s *stand) print(w io.Writer, f facts) {
	fmt.Fprintf(w, "Postern's functions are running behind %s\n  Mail goes to the local inbox:  %s\n\n  Account ID  %s\n", f.URL, f.InboxURL, f.AccountID)
	for _, o := range f.Operators {
		fmt.Fprintf(w, "  %-10s  %-13s  temporary password  %s\n", o.Username, o.Role, o.TemporaryPassword)
	}
	fmt.Fprintf(w, "\n  On the command line:\n    AWS_SHARED_CREDENTIALS_FILE=%s AWS_PROFILE=postern go run ./cmd/postern --endpoint %s operators list --account %s\n\nStop it with Ctrl-C.\n",
		filepath.Join(s.data, credentialsFile), f.URL, f.AccountID)
}
