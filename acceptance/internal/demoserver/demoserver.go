// Package demoserver builds Postern and runs `postern serve --demo`, for tests that speak to it from outside.
package demoserver

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
	"syscall"
	"time"
)

// Facts are what demo.json says (api.md "On one machine").
type Facts struct {
	URL       string     `json:"url"`
	InboxURL  string     `json:"inboxUrl"`
	AccountID string     `json:"accountId"`
	Operators []Operator `json:"operators"`
}

// Operator is one that the first start made.
type Operator struct {
	Username          string  `json:"username"`
	Email             string  `json:"email"`
	FirstName         string  `json:"firstName"`
	Role              string  `json:"role"`
	TemporaryPassword *string `json:"temporaryPassword"` // nil once it was used
}

// ReadFacts reads a demo.json.
func ReadFacts(file string) (Facts, error) {
	var f Facts
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err != nil {
		return Facts{}, fmt.Errorf("read facts of the demo: %w", err)
	}
	return f, nil
}

// Temporary gives the password that the demo made for an operator, or "" once it was used.
func (f Facts) Temporary(username string) string {
	for _, o := range f.Operators {
		if o.Username == username && o.TemporaryPassword != nil {
			return *o.TemporaryPassword
		}
	}
	return ""
}

// Build compiles cmd/postern into dir and gives the file.
func Build(dir string) (binary string, err error) {
	binary = filepath.Join(dir, "postern")
	build := exec.Command("go", "build", "-o", binary, program)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build: %w", err)
	}
	return binary, nil
}

const program = "postern/cmd/postern"

// TouchSources looks at every file that the server is made of. `go test` answers from its cache unless something has changed
// that a test (not TestMain) has looked at, and does not know what the server was built from: each package that starts one
// calls this in a test.
func TouchSources() error {
	list := exec.Command("go", "list", "-deps", "-f",
		`{{if not .Standard}}{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}{{end}}`, program)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("list sources: %w", err)
	}
	for file := range strings.Lines(string(out)) {
		if _, err := os.Stat(strings.TrimSpace(file)); err != nil {
			return fmt.Errorf("list sources: %w", err)
		}
	}
	return nil
}

// Server is a server that was started here.
type Server struct {
	Cmd    *exec.Cmd
	Facts  Facts
	Output []string // the lines that it printed until it was ready
}

// Start starts the demo on a free port and the folder data, and waits, for 30 s at most, until it says that it is ready.
func Start(binary, data string) (*Server, error) {
	return StartLogged(binary, data, io.Discard, os.Stderr)
}

// StartLogged is Start with further flags, and with what the server writes, until it ends, going to stdout and stderr, which must
// stand being written to at the same time.
func StartLogged(binary, data string, stdout, stderr io.Writer, flags ...string) (*Server, error) {
	cmd := exec.Command(binary, append([]string{"serve", "--demo", "--listen", "127.0.0.1:0", "--data", data}, flags...)...)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{Cmd: cmd}
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewScanner(io.TeeReader(out, stdout))
	for lines.Scan() {
		s.Output = append(s.Output, lines.Text())
		if strings.HasPrefix(lines.Text(), "Stop it with") {
			go func() { _, _ = io.Copy(stdout, out) }()
			if s.Facts, err = ReadFacts(filepath.Join(data, "demo.json")); err != nil {
				s.Kill()
				return nil, err
			}
			return s, nil
		}
	}
	return nil, errors.Join(errors.New("the server did not get ready"), cmd.Wait())
}

// Stop asks the server to finish, and expects it to end well.
func (s *Server) Stop() error {
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.Cmd.Wait(); err != nil {
		return fmt.Errorf("the server did not end well: %w", err)
	}
	return nil
}

// Kill kills it, as a power cut would.
func (s *Server) Kill() {
	_ = s.Cmd.Process.Kill()
	_ = s.Cmd.Wait()
}
