package onaws

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/shared/queue"
	"postern/shared/store"
)

// environment gives every variable that a function reads a value.
func environment(n Needs) map[string]string {
	env := map[string]string{"AWS_REGION": "eu-central-1"}
	for v := range n.Variables() {
		env[v] = "value-of-" + v
	}
	env["POSTERN_ORIGIN"] = "https://id.example.com/live"
	env["POSTERN_APP_ORIGINS"] = "https://a.example.com, https://b.example.com"
	return env
}

func TestSettings(t *testing.T) {
	n := Needs{Tables: []store.Table{store.Codes}, Keys: true, Queues: []queue.Queue{queue.Mail}}
	env := environment(n)
	env["POSTERN_TABLE_NOTICES"], env["POSTERN_MAIL_FROM"] = "not its business", "not its business"
	s, err := n.Read(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Region: "eu-central-1", Origin: "https://id.example.com/live",
		AppOrigins: []string{"https://a.example.com", "https://b.example.com"},
		Account:    "value-of-POSTERN_ACCOUNT", LocalPrincipal: "value-of-POSTERN_LOCAL_PRINCIPAL", KeyID: "value-of-POSTERN_KEY",
		Tables: map[store.Table]string{store.Codes: "value-of-POSTERN_TABLE_CODES"},
		Queues: map[queue.Queue]string{queue.Mail: "value-of-POSTERN_QUEUE_MAIL"},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each function starts with its settings, and with one missing names it and does not.
func TestMissing(t *testing.T) {
	for name, n := range Functions() {
		env := environment(n)
		getenv := func(v string) string { return env[v] }
		if _, err := load(name, getenv); err != nil {
			t.Errorf("%s with all settings: %v", name, err)
		}
		for v, required := range n.Variables() {
			kept := env[v]
			env[v] = ""
			_, err := load(name, getenv)
			if required != (err != nil && strings.Contains(err.Error(), v+" is not set")) {
				t.Errorf("%s without %s: %v", name, v, err)
			}
			env[v] = kept
		}
	}
	if _, err := load("login", func(string) string { return "" }); err == nil || len(strings.Split(err.Error(), "\n")) < 9 {
		t.Errorf("without any setting not all are named: %v", err)
	}
	if _, err := load("nobody", func(string) string { return "" }); err == nil {
		t.Error("a function that there is not was loaded")
	}
}

func TestWrongSettings(t *testing.T) {
	n := Needs{}
	for _, origin := range []string{"id.example.com", "https://", "https://id.example.com/", "ftp://x", "https://u@x", "https://x?q", "https://x#f", "%"} {
		if _, err := n.Read(func(v string) string {
			return map[string]string{"AWS_REGION": "x", "POSTERN_ORIGIN": origin}[v]
		}); err == nil || !strings.Contains(err.Error(), "POSTERN_ORIGIN") {
			t.Errorf("origin %q: %v", origin, err)
		}
	}
	if _, err := n.Read(func(v string) string {
		return map[string]string{"AWS_REGION": "x", "POSTERN_ORIGIN": "https://x", "POSTERN_APP_ORIGINS": "https://a https://b/path"}[v]
	}); err == nil || !strings.Contains(err.Error(), "https://b/path") {
		t.Errorf("app origin with a path: %v", err)
	}
}
