package template_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/infra/template"
	"postern/shared/onaws"
	"postern/shared/queue"
	"postern/shared/store"
)

// aCore is the memory that gives a function one whole core, in MB: hashing takes it.
const aCore = 1769

// misgiven lists where a function's role is not what the table of functions says that it needs, no more and no less; where it
// has too little memory; and where a message that fails would be lost, or fail others.
func misgiven(t *testing.T, tpl *template.Template) (all []string) {
	t.Helper()
	roles, err := tpl.Roles()
	if err != nil {
		t.Fatal(err)
	}
	queues := map[queue.Queue]string{queue.Mail: "MailQueue.Arn", queue.Codes: "CodesQueue.Arn"}
	for _, r := range tpl.Resources {
		switch r.Type {
		case "AWS::SQS::Queue":
			if !strings.HasSuffix(r.Name, "DeadLetters") && !strings.Contains(text(r.Properties), r.Name[:len(r.Name)-len("Queue")]+"DeadLetters.Arn") {
				all = append(all, r.Name+": has no dead-letter queue of its own")
			}
			continue
		case "AWS::Serverless::Function":
		default:
			continue
		}
		var f struct {
			CodeURI string            `yaml:"CodeUri"`
			Memory  int               `yaml:"MemorySize"`
			Logging map[string]string `yaml:"LoggingConfig"`
		}
		if err := r.Properties.Decode(&f); err != nil {
			t.Fatal(err)
		}
		need, ok := onaws.Functions()[strings.TrimPrefix(f.CodeURI, "functions/")]
		if !ok {
			continue // told by another rule
		}
		if need.Hashing && f.Memory < aCore {
			all = append(all, r.Name+": hashes with less than a core")
		}
		if f.Logging != nil {
			all = append(all, r.Name+": has a log group of its own")
		}
		if said := text(r.Properties); strings.Contains(said, "Type: SQS") && !strings.Contains(said, "ReportBatchItemFailures") {
			all = append(all, r.Name+": a failed message fails its whole batch")
		}

		may := func(prefix, action, resource string) bool {
			return slices.ContainsFunc(roles[r.Name], func(s template.Statement) bool {
				return slices.Contains(s.Resources, resource) && slices.ContainsFunc(s.Actions, func(a string) bool {
					return strings.HasPrefix(a, prefix) && (action == "" || a == action)
				})
			})
		}
		decrypts := template.Ask{Action: "kms:Decrypt", Resource: "SecretsKey.Arn", Context: map[string]string{"kms:EncryptionContext:postern": "keys"}}
		mail := slices.ContainsFunc(roles[r.Name], func(s template.Statement) bool { return slices.Contains(s.Actions, "ses:SendEmail") })
		secrets := slices.ContainsFunc(roles[r.Name], func(s template.Statement) bool { _, ok := s.Allows(decrypts); return ok })
		check := func(needs, has bool, what string) {
			if needs && !has {
				all = append(all, fmt.Sprintf("%s: may not %s, which it needs", r.Name, what))
			} else if has && !needs {
				all = append(all, fmt.Sprintf("%s: may %s, which it does not need", r.Name, what))
			}
		}
		for _, table := range store.Tables() {
			of := string(table) + "Table.Arn"
			// The keys of the deployment stand in the table of accounts.
			needs := slices.Contains(need.Tables, table) || table == store.Accounts && need.Keys
			check(needs, may("dynamodb:", "", of) || may("dynamodb:", "", "${"+of+"}/index/due"), "touch the table "+string(table))
		}
		for q, of := range queues {
			check(slices.Contains(need.Queues, q), may("sqs:", "sqs:SendMessage", of), "send to the queue "+string(q))
		}
		check(need.Keys, secrets, "decrypt secrets")
		check(need.Sends, mail, "send mail")
		check(need.Signs, may("kms:", "kms:Sign", "SigningKey.Arn"), "sign")
		check(need.Signs || need.Verifies, may("kms:", "kms:GetPublicKey", "SigningKey.Arn"), "read the public key")
	}
	return all
}

// A statement allows its actions on its resources under its conditions, and nothing else.
func TestAllows(t *testing.T) {
	s := template.Statement{
		Actions: []string{"ses:SendEmail"}, Resources: []string{"identity/*", "set/one"}, Equals: map[string][]string{"from": {"a", "b"}},
	}
	for _, c := range []struct {
		action, resource, from, by string
	}{
		{"ses:SendEmail", "identity/example.com", "a", "identity/*"},
		{"ses:SendEmail", "set/one", "b", "set/one"},
		{"ses:SendEmail", "set/one", "c", ""},
		{"ses:SendEmail", "set/one/more", "a", ""},
		{"ses:SendRawEmail", "set/one", "a", ""},
	} {
		by, ok := s.Allows(template.Ask{Action: c.action, Resource: c.resource, Context: map[string]string{"from": c.from}})
		if by = map[bool]string{true: by}[ok]; by != c.by {
			t.Errorf("%+v: by %q", c, by)
		}
	}
}

// What Roles does not understand is an error.
func TestRolesRefused(t *testing.T) {
	for fault, c := range map[string][2]string{
		"deny":      {"- Effect: Allow", "- Effect: Deny"},
		"condition": {"                StringEquals: {", "                StringLike: {"},
		"nothing":   {"              Action: sqs:SendMessage\n", ""},
	} {
		tpl, err := template.Read(brokenCopy(t, c[0], c[1]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tpl.Roles(); err == nil || !strings.Contains(err.Error(), "role of ") {
			t.Errorf("%s: %v", fault, err)
		}
	}
}
