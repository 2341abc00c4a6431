package onaws

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/shared/access"
	"postern/shared/keys"
	"postern/shared/queue"
	"postern/shared/store"
)

// environment gives every variable that a function reads a value.
func environment(n Needs) map[string]string {
	env := map[string]string{"AWS_REGION": "eu-central-1"}
	for v := range n.Variables() {
		env[v] = "value-of-" + v
	}
	for v, value := range map[string]string{
		"POSTERN_ORIGIN": "https://id.example.com/live", "POSTERN_KEY": "arn:aws:kms:eu-central-1:123456789012:key/1",
		"POSTERN_SIGNING_KEY": "arn:aws:kms:eu-central-1:123456789012:key/2", "POSTERN_MAIL_FROM": "postern@example.com",
		"POSTERN_MAIL_REPLY_TO": "office@example.com", "POSTERN_QUEUE_MAIL": "https://sqs.eu-central-1.amazonaws.com/123456789012/mail",
		"POSTERN_QUEUE_CODES": "https://sqs.eu-central-1.amazonaws.com/123456789012/codes",
	} {
		if _, ok := env[v]; ok {
			env[v] = value
		}
	}
	env["POSTERN_APP_ORIGINS"] = "https://a.example.com, https://b.example.com"
	return env
}

func TestSettings(t *testing.T) {
	n := Needs{Tables: []store.Table{store.Codes}, Keys: true, Queues: []queue.Queue{queue.Mail}, Admin: true}
	env := environment(n)
	env["POSTERN_TABLE_NOTICES"], env["POSTERN_MAIL_FROM"] = "not its business", "not its business"
	s, err := n.Read(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Region: "eu-central-1", Origin: "https://id.example.com/live",
		AppOrigins: []string{"https://a.example.com", "https://b.example.com"},
		Account:    "value-of-POSTERN_ACCOUNT", LocalPrincipal: "value-of-POSTERN_LOCAL_PRINCIPAL", KeyID: "arn:aws:kms:eu-central-1:123456789012:key/1",
		Tables: map[store.Table]string{store.Codes: "value-of-POSTERN_TABLE_CODES"},
		Queues: map[queue.Queue]string{queue.Mail: "https://sqs.eu-central-1.amazonaws.com/123456789012/mail"},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// adapters stand in for those of KMS and SQS.
func adapters(_ *Parts, c *access.Config) {
	c.Keys, c.Signer, c.Queue = struct{ keys.Keys }{}, struct{ keys.Signer }{}, struct{ queue.Sender }{}
}

// Each function starts with its settings, and with one missing names it and does not.
func TestMissing(t *testing.T) {
	for name, n := range Functions() {
		env := environment(n)
		getenv := func(v string) string { return env[v] }
		if _, err := load(name, getenv, adapters); err != nil {
			t.Errorf("%s with all settings: %v", name, err)
		}
		if _, err := load(name, getenv); (n.Keys || n.Signs || len(n.Queues) > 0) != (err != nil && strings.Contains(err.Error(), "lacks an adapter")) {
			t.Errorf("%s without adapters: %v", name, err)
		}
		for v, required := range n.Variables() {
			kept := env[v]
			env[v] = ""
			_, err := load(name, getenv, adapters)
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

// What is wrong is named, with what it should be, in the function that reads it, and is none of the others' business.
func TestWrongSettings(t *testing.T) {
	addresses := []string{"postern", "@example.com", "postern@", "Postern <postern@example.com>", "a@b@c"}
	urls := []string{"id.example.com", "https://", "https://id.example.com/", "ftp://x", "https://u@x", "https://x?q", "https://x#f", "%"}
	arns := []string{"alias/postern", "arn:aws:s3:::bucket"}
	for v, values := range map[string][]string{
		"POSTERN_ORIGIN": urls, "POSTERN_QUEUE_MAIL": urls, "POSTERN_QUEUE_CODES": urls, "POSTERN_KEY": arns, "POSTERN_SIGNING_KEY": arns,
		"POSTERN_MAIL_FROM": addresses, "POSTERN_MAIL_REPLY_TO": addresses, "POSTERN_APP_ORIGINS": {"https://a.example.com https://b/path"},
	} {
		for name, n := range Functions() {
			env := environment(n)
			_, reads := env[v]
			for _, value := range values {
				env[v] = value
				_, err := load(name, func(v string) string { return env[v] }, adapters)
				if reads != (err != nil && strings.HasPrefix(err.Error(), v+" ") && strings.Contains(err.Error(), "is ")) {
					t.Errorf("%s with %s %q: %v", name, v, value, err)
				}
			}
		}
	}
}
