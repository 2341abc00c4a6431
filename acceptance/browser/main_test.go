// Package browser shows Postern's pages as people meet them: in Chromium, by keyboard, each one checked by axe-core in light and in
// dark, on a wide screen and on a narrow one. `infra/stand/browser.sh go test ./acceptance/browser` runs it; without what that
// script provides, every test is skipped. SHOTS names a folder for pictures of all pages.
package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"postern/acceptance/internal/demoserver"
)

var (
	demo     demoserver.Facts
	chromium context.Context // of the one browser process that all tests share; nil if there is none
	axeCore  string          // the script
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) (code int) {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "acceptance/browser:", err)
		return 1
	}
	program := os.Getenv("POSTERN_CHROMIUM")
	if program == "" {
		return m.Run() // all are skipped
	}
	script, err := os.ReadFile(os.Getenv("POSTERN_AXE"))
	if err != nil {
		return fail(fmt.Errorf("POSTERN_AXE: %w", err))
	}
	axeCore = string(script)
	dir, err := os.MkdirTemp("", "postern-browser-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	binary, err := demoserver.Build(dir)
	if err != nil {
		return fail(err)
	}
	server, err := demoserver.Start(binary, filepath.Join(dir, "data"))
	if err != nil {
		return fail(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			code = fail(err)
		}
	}()
	demo = server.Facts

	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.Flag("lang", "en"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses root otherwise
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	defer cancel()
	chromium, cancel = chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Do(chromium); err != nil {
		return fail(fmt.Errorf("start %s: %w", program, err))
	}
	defer func() {
		bounded, cancel := context.WithTimeout(chromium, 20*time.Second)
		defer cancel()
		if err := chromedp.Cancel(bounded); err != nil {
			code = fail(fmt.Errorf("end the browser: %w", err))
		}
	}()
	code = m.Run()
	if code == 0 && wholeSuite() {
		code = everyPageLookedAt()
	}
	return code
}

// wholeSuite reports whether no test was left out on the command line.
func wholeSuite() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

// everyPageLookedAt finds pages that no test has looked at: a new template needs a test here.
func everyPageLookedAt() (code int) {
	files, err := filepath.Glob("../../shared/web/pages/[a-z]*.html")
	if err != nil || len(files) == 0 {
		fmt.Fprintln(os.Stderr, "acceptance/browser: no templates:", err)
		return 1
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".html"); !lookedAt[name] {
			fmt.Fprintln(os.Stderr, "acceptance/browser: no test looks at page", name)
			code = 1
		}
	}
	return code
}

// A change of the server has its tests run again, in spite of what go test remembers.
func TestSources(t *testing.T) {
	needBrowser(t)
	if err := demoserver.TouchSources(); err != nil {
		t.Fatal(err)
	}
}

// needBrowser skips a test where there is no browser. It asks for the environment again: what TestMain asked for, go test
// does not take into account when it answers from its cache.
func needBrowser(t *testing.T) {
	t.Helper()
	if os.Getenv("POSTERN_CHROMIUM") == "" || os.Getenv("POSTERN_AXE") == "" {
		t.Skip("needs a browser: infra/stand/browser.sh go test ./acceptance/browser")
	}
}
