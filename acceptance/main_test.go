// Package acceptance shows Postern over HTTP alone, against a base URL and an inbox: the tests read like the source documents.
//
// With POSTERN_URL and POSTERN_DEMO_JSON they run against a server that is there, in demo mode. Without, they build the binary, start
// `postern serve --demo` on a folder of its own, and stop it by its process id.
package acceptance

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// demoFacts are what demo.json says (api.md "On one machine").
type demoFacts struct {
	URL       string `json:"url"`
	InboxURL  string `json:"inboxUrl"`
	AccountID string `json:"accountId"`
	Operators []struct {
		Username          string  `json:"username"`
		Email             string  `json:"email"`
		FirstName         string  `json:"firstName"`
		Role              string  `json:"role"`
		TemporaryPassword *string `json:"temporaryPassword"`
	} `json:"operators"`
}

func (d demoFacts) temporary(username string) string {
	for _, o := range d.Operators {
		if o.Username == username && o.TemporaryPassword != nil {
			return *o.TemporaryPassword
		}
	}
	return ""
}

var (
	demo   demoFacts // of the server that all tests share
	folder string    // its data folder
	binary string    // of the server; empty if somebody else started it
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		return 1
	}
	if os.Getenv("POSTERN_URL") != "" {
		raw, err := os.ReadFile(os.Getenv("POSTERN_DEMO_JSON"))
		if err == nil {
			err = json.Unmarshal(raw, &demo)
		}
		if err != nil {
			return fail(fmt.Errorf("POSTERN_DEMO_JSON: %w", err))
		}
		demo.URL, folder = os.Getenv("POSTERN_URL"), filepath.Dir(os.Getenv("POSTERN_DEMO_JSON"))
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "postern-acceptance-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "postern")
	build := exec.Command("go", "build", "-o", binary, "postern/cmd/postern")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fail(fmt.Errorf("build: %w", err))
	}
	folder = filepath.Join(dir, "data")
	s, err := startServer(folder)
	if err != nil {
		return fail(err)
	}
	demo = s.demo
	code := m.Run()
	if code == 0 {
		code = checkContract()
	}
	if err := s.stop(); err != nil {
		return fail(err)
	}
	return code
}

// runningServer is a server that this package started.
type runningServer struct {
	cmd    *exec.Cmd
	demo   demoFacts
	output []string // what it printed until it was ready
}

// startServer starts the demo on a folder and waits until it says that it is ready.
func startServer(data string) (*runningServer, error) {
	cmd := exec.Command(binary, "serve", "--demo", "--listen", "127.0.0.1:0", "--data", data)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &runningServer{cmd: cmd}
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		s.output = append(s.output, lines.Text())
		if strings.HasPrefix(lines.Text(), "Stop it with") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			raw, err := os.ReadFile(filepath.Join(data, "demo.json"))
			if err == nil {
				err = json.Unmarshal(raw, &s.demo)
			}
			return s, err
		}
	}
	return nil, errors.Join(errors.New("the server did not get ready"), cmd.Wait())
}

// stop asks the server to finish, and expects it to end well.
func (s *runningServer) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the server did not end well: %w", err)
	}
	return nil
}

// kill kills it, as a power cut would.
func (s *runningServer) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// lockedBuffer is a buffer that a process writes to while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
