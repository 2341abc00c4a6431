package acceptance

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/acceptance/internal/demoserver"
)

// The second start on the same folder has the same data, and prints no password; a second server on it is refused.
func TestSecondStart(t *testing.T) {
	needOwnServer(t)
	dir := filepath.Join(t.TempDir(), "data")
	first, err := demoserver.Start(binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(first.Output, "\n"), first.Facts.Temporary("alice")) {
		t.Errorf("the first start does not print the passwords:\n%s", strings.Join(first.Output, "\n"))
	}
	b := &browser{t: t, base: first.Facts.URL, cookies: map[string]string{}}
	b.post("/login", map[string]string{"accountId": "demo", "login": "alice", "password": first.Facts.Temporary("alice")}).want(200)
	b.post("/new-password", map[string]string{"password": passphrase + "restart"}).want(200)
	advance(t, first.Facts.URL, time.Hour)
	at := now(t, first.Facts.URL)
	out, err := exec.Command(binary, "serve", "--demo", "--listen", "127.0.0.1:0", "--data", dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another postern is running") {
		t.Errorf("a second server on the folder: %v\n%s", err, out)
	}
	bob := first.Facts.Temporary("bob")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second, err := demoserver.Start(binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Stop(); err != nil {
			t.Error(err)
		}
	}()
	if second.Facts.Temporary("alice") != "" || second.Facts.Temporary("bob") != bob || strings.Contains(strings.Join(second.Output, "\n"), bob) {
		t.Errorf("demo.json %+v, output %v", second.Facts, second.Output)
	}
	b.base = second.Facts.URL
	b.post("/login", map[string]string{"accountId": "demo", "login": "alice", "password": passphrase + "restart"}).want(200)
	if again := now(t, second.Facts.URL); again.Before(at) {
		t.Errorf("the clock went back from %s to %s", at, again)
	}
}

// Killed with -9 in the middle of things it starts again, nothing is lost, and queued mail goes out.
func TestKilled(t *testing.T) {
	needOwnServer(t)
	dir := filepath.Join(t.TempDir(), "data")
	s, err := demoserver.Start(binary, dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, base: s.Facts.URL, cookies: map[string]string{}}
	password := s.Facts.Temporary("carol")
	for round := range 3 {
		b.base = s.Facts.URL
		b.post("/login", map[string]string{"accountId": "demo", "login": "carol", "password": password}).want(200)
		if round == 0 {
			password = passphrase + "carol"
			b.post("/new-password", map[string]string{"password": password}).want(200)
		}
		for _, name := range []string{"alice", "bob", "carol"} {
			b.post("/reset-request", map[string]string{"accountId": "demo", "login": name}).want(202)
		}
		s.Kill() // whatever it was doing
		if s, err = demoserver.Start(binary, dir); err != nil {
			t.Fatalf("start after a kill: %v", err)
		}
		b.base = s.Facts.URL
		b.get("/session").want(200) // the session that was answered is there
		advance(t, s.Facts.URL, 2*time.Minute)
		drain(t, s.Facts.URL)
		for _, to := range []string{"alice@demo.example", "bob@demo.example", "carol@demo.example"} {
			if n := len(inbox(t, s.Facts.URL, to)); n < round+1 {
				t.Errorf("round %d: %d mails to %s", round, n, to)
			}
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}
