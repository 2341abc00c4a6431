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
	binary string           // postern: the server's, and the command line
	theirs bool             // somebody else started the server
)

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "postern-acceptance-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if binary, err = demoserver.Build(dir); err != nil {
		return fail(err)
	}
	if url := os.Getenv("POSTERN_URL"); url != "" {
		facts := os.Getenv("POSTERN_DEMO_JSON")
		if demo, err = demoserver.ReadFacts(facts); err != nil {
			return fail(fmt.Errorf("POSTERN_DEMO_JSON: %w", err))
		}
		demo.URL, folder, theirs = url, filepath.Dir(facts), true
		return run(m)
	}
	folder = filepath.Join(dir, "data")
	s, err := demoserver.Start(binary, folder)
	if err != nil {
		return fail(err)
	}
	demo = s.Facts
	code := run(m)
	if err := s.Stop(); err != nil {
		return fail(err)
	}
	return code
}

func run(m *testing.M) int {
	if code := m.Run(); code != 0 {
		return code
	}
	return checkContract()
}

// needOwnServer is for tests that start and stop servers of their own, which are no concern of one that somebody else started.
func needOwnServer(t *testing.T) {
	t.Helper()
	if theirs {
		t.Skip("somebody else started the server")
	}
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
