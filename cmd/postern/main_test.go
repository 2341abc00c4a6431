package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postern": func() { os.Exit(run(os.Args[1:])) }})
}

// The command line as it is typed. Scripts may say, besides what testscript knows:
//
//	serve        starts a demo server of its own in $WORK/data and sets what a caller of it needs: POSTERN_ENDPOINT, AWS_PROFILE, …
//	job NAME     runs a scheduled job of that server now
//	exit CODE postern …   runs a command that has to end with that exit code
//	aws FAULT…   starts a fake of what doctor looks at on AWS, with these faults (doctor_aws_test.go)
//	another [STATUS] BODY   points POSTERN_ENDPOINT to a service of another kind, which answers that to everything
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve, "exit": exit, "another": another, "job": job, "aws": startAWS},
	})
}

// serve starts a server and waits until it answers.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: serve")
	}
	program, err := exec.LookPath("postern")
	ts.Check(err)
	cmd := exec.Command(program, "serve", "--demo", "--listen", "127.0.0.1:0", "--data", ts.MkAbs("data"))
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			_ = cmd.Wait()
			ts.Fatalf("the server did not start: %s", said.String())
		}
		if strings.HasPrefix(lines.Text(), "Stop it with") {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	var demo struct{ URL string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(ts.MkAbs("data/demo.json"))), &demo))
	ts.Setenv("POSTERN_ENDPOINT", demo.URL)
	ts.Setenv("AWS_PROFILE", "postern")
	ts.Setenv("AWS_SHARED_CREDENTIALS_FILE", ts.MkAbs("data/admin-credentials"))
}

// job runs a scheduled job of the demo server now.
func job(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: job NAME")
	}
	resp, err := http.Post(ts.Getenv("POSTERN_ENDPOINT")+"/_local/run/"+args[0], "application/json", nil)
	ts.Check(err)
	_ = resp.Body.Close()
	if resp.StatusCode >= 300 {
		ts.Fatalf("job %s: %s", args[0], resp.Status)
	}
}

// exit runs a command that has to end with an exit code.
func exit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE program argument…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// another makes the endpoint a service that is none of Postern's.
func another(ts *testscript.TestScript, neg bool, args []string) {
	status := http.StatusOK
	if len(args) == 2 {
		var err error
		status, err = strconv.Atoi(args[0])
		ts.Check(err)
	}
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: another [STATUS] BODY")
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, args[len(args)-1])
	}))
	ts.Defer(s.Close)
	ts.Setenv("POSTERN_ENDPOINT", s.URL)
}

// Ctrl-C in the middle of a request ends with 130, and says no more than that.
func TestInterrupted(t *testing.T) {
	asked := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done() // never answers
	}))
	defer s.Close()
	program, err := exec.LookPath("postern")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--endpoint", s.URL, "operators", "list", "--account", "demo")
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y", "AWS_PROFILE=")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || said.String() != "postern: interrupted\n" {
		t.Errorf("exit code %d, %q; want %d", code, said.String(), exitInterrupted)
	}
}

// Every command says what it is for, and shows how it is typed.
func TestHelp(t *testing.T) {
	n := 0
	for c := range commands(newRoot()) {
		n++
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help %q", c.CommandPath(), c.Short)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: the example is not indented: %q", c.CommandPath(), line)
			}
		}
		if !strings.Contains(c.Example, c.CommandPath()) && !strings.Contains(strings.ReplaceAll(c.Example, "--endpoint https://id.example.com ", ""), c.CommandPath()) &&
			!strings.Contains(strings.ReplaceAll(c.Example, "--endpoint http://localhost:3000 ", ""), c.CommandPath()) {
			t.Errorf("%s: the example shows something else: %q", c.CommandPath(), c.Example)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s is not explained", c.CommandPath(), f.Name)
			}
			for _, word := range []string{"password", "secret", "token", "key"} {
				if f.Name == word {
					t.Errorf("%s: --%s is for a secret, which would be seen in lists of processes", c.CommandPath(), f.Name)
				}
			}
		})
	}
	if n < 40 {
		t.Errorf("only %d commands were looked at", n)
	}
}

// Ctrl-C does not wait for an answer to be typed.
func TestReadLineInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	in, out := io.Pipe()
	defer out.Close()
	interrupt()
	if _, err := readLine(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("readLine: %v, want %v", err, context.Canceled)
	}
}

// The clock is judged by the tolerance of signatures.
func TestExamineClock(t *testing.T) {
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	for date, want := range map[string]finding{
		"Wed, 25 Nov 2026 09:00:01 GMT": {"clock", statusOK, "this machine is 1s behind the service", ""},
		"Wed, 25 Nov 2026 08:59:00 GMT": {"clock", statusWarning, "this machine is 1m0s ahead of the service", "set the clock of this machine, with NTP: signatures are good for 5m0s"},
		"Wed, 25 Nov 2026 09:07:00 GMT": {"clock", statusFailed, "this machine is 7m0s behind the service, and signatures are good for 5m0s", "set the clock of this machine, with NTP"},
		"":                              {"clock", statusWarning, "the service does not tell the time", "see for yourself that this machine's clock is right: signatures are good for five minutes"},
	} {
		if got := examineClock(http.Header{"Date": {date}}, now); got != want {
			t.Errorf("Date %q: got %+v, want %+v", date, got, want)
		}
	}
}

// A signature for another region is refused by API Gateway, so doctor looks at that itself.
func TestExamineCredentialsRegion(t *testing.T) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1", "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	got := examineCredentials(t.Context(), "https://abc.execute-api.eu-central-1.amazonaws.com/live")
	if got.Status != statusFailed || got.Do != "set AWS_REGION=eu-central-1" {
		t.Errorf("another region: %+v", got)
	}
	if got := examineCredentials(t.Context(), "https://abc.execute-api.us-east-1.amazonaws.com/live"); got.Status != statusOK {
		t.Errorf("the same region: %+v", got)
	}
}
