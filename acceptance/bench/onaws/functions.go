package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"postern/shared/onaws"
	"postern/shared/queue"
	"postern/shared/store"
)

// starts is how often each bootstrap is started; the median counts.
const starts = 15

// mostBytes is what no bootstrap may weigh: Lambda loads it before it starts. The aim is 12 MB, which functions with pages miss:
// docs/operations.md says why.
const mostBytes = 14e6

// functions prints, for each function, what its bootstrap weighs and how long it takes from exec to its first answer, beside an empty
// one that is started in turn with it. One that weighs too much is an error.
func functions() error {
	dir, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	names, err := filepath.Glob("functions/*")
	if err != nil || len(names) == 0 {
		return fmt.Errorf("no functions here: run this in the repository, %w", err)
	}
	environment, stop, err := awsThatIsEmpty()
	if err != nil {
		return err
	}
	defer stop()
	empty, err := buildFunction(dir, "acceptance/bench/onaws/empty")
	if err != nil {
		return err
	}
	fmt.Printf("\nfunctions                      bootstrap   exec to first answer   x empty   memory\n")
	line := func(b bootstrap, took, floor time.Duration, memory int64) {
		fmt.Printf("  %-28s %6.1f MB   %9.1f ms          %5.2f    %4d MB\n",
			b.name, float64(b.bytes)/1e6, took.Seconds()*1000, float64(took)/float64(floor), memory>>20)
	}
	var heavy []error
	for i, name := range names {
		b, err := buildFunction(dir, name)
		if err != nil {
			return err
		}
		if b.bytes > mostBytes {
			heavy = append(heavy, fmt.Errorf("%s weighs %.1f MB, more than %.0f", b.name, float64(b.bytes)/1e6, mostBytes/1e6))
		}
		var times, floors []time.Duration
		var memory, floorMemory int64
		for range starts {
			for _, one := range []struct {
				bootstrap
				times  *[]time.Duration
				memory *int64
			}{{empty, &floors, &floorMemory}, {b, &times, &memory}} {
				took, rss, err := firstAnswer(one.path, one.event, environment)
				if err != nil {
					return fmt.Errorf("%s: %w", one.name, err)
				}
				*one.times, *one.memory = append(*one.times, took), max(*one.memory, rss)
			}
		}
		floor := median(floors)
		if i == 0 {
			line(empty, floor, floor, floorMemory)
		}
		line(b, median(times), floor, memory)
	}
	fmt.Printf("  aims: under 12 MB, at most 1.8 x empty\n")
	return errors.Join(heavy...)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// bootstrap is a function that is built.
type bootstrap struct {
	name, path string
	bytes      int64
	event      []byte // for its first call
}

// buildFunction builds as the Makefile has sam build do it.
func buildFunction(dir, folder string) (bootstrap, error) {
	b := bootstrap{name: filepath.Base(folder)}
	b.path = filepath.Join(dir, b.name)
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s", "-tags=lambda.norpc", "-o", b.path, "./"+folder)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return b, fmt.Errorf("build %s: %w", folder, err)
	}
	info, err := os.Stat(b.path)
	if err != nil {
		return b, err
	}
	b.bytes = info.Size()
	if b.event, err = os.ReadFile(filepath.Join(folder, "event.json")); errors.Is(err, os.ErrNotExist) {
		b.event, err = []byte("{}"), nil
	}
	return b, err
}

// firstAnswer starts a bootstrap as Lambda does, hands it one event, and takes the time until its answer is there. memory is its
// largest resident set, in bytes.
func firstAnswer(bootstrap string, event []byte, environment []string) (took time.Duration, memory int64, err error) {
	answered := make(chan error, 1)
	asked := false
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		if asked {
			<-r.Context().Done() // there is no second event
			return
		}
		asked = true
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "bench")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(30*time.Second).UnixMilli()))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench")
		_, _ = w.Write(event)
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/bench/{how}", func(w http.ResponseWriter, r *http.Request) {
		said, err := io.ReadAll(r.Body)
		if r.PathValue("how") != "response" {
			err = errors.Join(err, fmt.Errorf("it answers with an error: %s", said))
		}
		answered <- err
		w.WriteHeader(http.StatusAccepted)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	var log bytes.Buffer
	cmd := exec.Command(bootstrap)
	cmd.Env = append(slices.Clone(environment), "AWS_LAMBDA_RUNTIME_API="+l.Addr().String())
	cmd.Stdout, cmd.Stderr = &log, &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-answered:
		took = time.Since(began)
		_ = cmd.Process.Kill()
		<-ended
	case err = <-ended:
		err = fmt.Errorf("it ended before it answered: %v: %s", err, log.String())
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		memory = usage.Maxrss << 10
	}
	return took, memory, err
}

// awsThatIsEmpty answers every question of a function with "there is nothing", at once, and gives the environment that has
// functions ask it.
func awsThatIsEmpty() (environment []string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch target := r.Header.Get("X-Amz-Target"); {
		case strings.HasSuffix(target, ".Query"):
			_, _ = io.WriteString(w, `{"Items":[],"Count":0,"ScannedCount":0}`)
		default:
			_, _ = io.WriteString(w, `{}`)
		}
	})}
	go func() { _ = server.Serve(l) }()
	environment = []string{
		"AWS_LAMBDA_FUNCTION_NAME=bench", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "AWS_LAMBDA_FUNCTION_VERSION=1",
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_ENDPOINT_URL=http://" + l.Addr().String(),
		"POSTERN_ORIGIN=https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live", "POSTERN_MAIL_FROM=postern@stand.example",
		"POSTERN_KEY=arn:aws:kms:eu-central-1:123456789012:key/1", "POSTERN_SIGNING_KEY=arn:aws:kms:eu-central-1:123456789012:key/2",
	}
	for _, t := range store.Tables() {
		environment = append(environment, onaws.TableVariable(t)+"="+string(t))
	}
	for _, q := range []queue.Queue{queue.Mail, queue.Codes} {
		environment = append(environment, onaws.QueueVariable(q)+"=https://sqs.eu-central-1.amazonaws.com/123456789012/"+string(q))
	}
	return environment, func() { _ = server.Close() }, nil
}
