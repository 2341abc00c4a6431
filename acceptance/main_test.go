// Package acceptance shows Postern over HTTP alone, against a base URL and an inbox: the tests read like the source documents.
//
// With POSTERN_URL and POSTERN_DEMO_JSON they run against a server that is there, in demo mode. Without, they build the binary, start
// `postern serve --demo` on a folder of its own, and stop it by its process id.
package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/acceptance/internal/demoserver"
)

var (
	demo   demoserver.Facts // of the server that all tests share
	folder string           // its data folder
	binary string           // of the server; empty if somebody else started it
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		return 1
	}
	if os.Getenv("POSTERN_URL") != "" {
		var err error
		if demo, err = demoserver.ReadFacts(os.Getenv("POSTERN_DEMO_JSON")); err != nil {
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
	if binary, err = demoserver.Build(dir); err != nil {
		return fail(err)
	}
	folder = filepath.Join(dir, "data")
	s, err := demoserver.Start(binary, folder)
	if err != nil {
		return fail(err)
	}
	demo = s.Facts
	code := m.Run()
	if code == 0 {
		code = checkContract()
	}
	if err := s.Stop(); err != nil {
		return fail(err)
	}
	return code
}

// A change of the server has its tests run again, in spite of what go test remembers.
func TestSources(t *testing.T) {
	if err := demoserver.TouchSources(); err != nil {
		t.Fatal(err)
	}
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
