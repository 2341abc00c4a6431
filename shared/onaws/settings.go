package onaws

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"postern/shared/queue"
	"postern/shared/store"
)

// Settings is what template.yaml says to a function, in environment variables.
type Settings struct {
	Region         string
	Origin         string                 // POSTERN_ORIGIN: where people reach Postern, https://host[/base]
	AppOrigins     []string               // POSTERN_APP_ORIGINS: where a login may continue to, separated by commas or spaces; may be empty
	Account        string                 // POSTERN_ACCOUNT: the one account of the deployment; may be empty
	LocalPrincipal string                 // POSTERN_LOCAL_PRINCIPAL: who asks /admin under `sam local`; empty on AWS
	Tables         map[store.Table]string // POSTERN_TABLE_ACCOUNTS and so on
	Queues         map[queue.Queue]string // POSTERN_QUEUE_MAIL and so on: URLs
	KeyID          string                 // POSTERN_KEY: ARN of the key that wraps the deployment's keys
	SigningKeyID   string                 // POSTERN_SIGNING_KEY: ARN of the key that signs the notice log
	MailFrom       string                 // POSTERN_MAIL_FROM: address that mails come from
	MailReplyTo    string                 // POSTERN_MAIL_REPLY_TO: address that answers go to; may be empty
	MailSet        string                 // POSTERN_MAIL_CONFIGURATION_SET: the configuration set of SES; may be empty
}

// TableVariable and QueueVariable name the environment variable of a table and of a queue.
func TableVariable(t store.Table) string { return "POSTERN_TABLE_" + strings.ToUpper(string(t)) }

// QueueVariable names the environment variable that holds the URL of a queue.
func QueueVariable(q queue.Queue) string { return "POSTERN_QUEUE_" + strings.ToUpper(string(q)) }

// Variables lists the environment variables that a function with these needs reads; those that are true must not be empty.
func (n Needs) Variables() map[string]bool {
	v := map[string]bool{"POSTERN_ORIGIN": true, "POSTERN_APP_ORIGINS": false, "POSTERN_ACCOUNT": false}
	if n.Admin {
		v["POSTERN_LOCAL_PRINCIPAL"] = false
	}
	for _, t := range n.Tables {
		v[TableVariable(t)] = true
	}
	for _, q := range n.Queues {
		v[QueueVariable(q)] = true
	}
	if n.Keys {
		v["POSTERN_KEY"] = true
	}
	if n.Signs || n.Verifies {
		v["POSTERN_SIGNING_KEY"] = true
	}
	if n.Sends {
		v["POSTERN_MAIL_FROM"], v["POSTERN_MAIL_REPLY_TO"], v["POSTERN_MAIL_CONFIGURATION_SET"] = true, false, false
	}
	return v
}

// Read reads the settings of a function with these needs. The error names each variable that is missing or wrong, all at once.
func (n Needs) Read(getenv func(string) string) (Settings, error) {
	var errs []error
	variables := n.Variables()
	variables["AWS_REGION"] = true // set by Lambda
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if variables[name] && getenv(name) == "" {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
	}
	get := func(name string) string {
		if _, ok := variables[name]; !ok {
			return "" // not this function's business
		}
		return getenv(name)
	}
	s := Settings{
		Region: get("AWS_REGION"), Origin: get("POSTERN_ORIGIN"), Account: get("POSTERN_ACCOUNT"),
		LocalPrincipal: get("POSTERN_LOCAL_PRINCIPAL"), KeyID: get("POSTERN_KEY"), SigningKeyID: get("POSTERN_SIGNING_KEY"),
		MailFrom: get("POSTERN_MAIL_FROM"), MailReplyTo: get("POSTERN_MAIL_REPLY_TO"), MailSet: get("POSTERN_MAIL_CONFIGURATION_SET"),
		AppOrigins: strings.FieldsFunc(get("POSTERN_APP_ORIGINS"), func(r rune) bool { return r == ',' || r == ' ' }),
		Tables:     map[store.Table]string{}, Queues: map[queue.Queue]string{},
	}
	for _, t := range n.Tables {
		s.Tables[t] = get(TableVariable(t))
	}
	for _, q := range n.Queues {
		s.Queues[q] = get(QueueVariable(q))
	}
	wrong := func(name, form string, valid func(string) bool) {
		if value := get(name); value != "" && !valid(value) {
			errs = append(errs, fmt.Errorf("%s is %q: it is %s", name, value, form))
		}
	}
	anyURL := func(v string) bool { return validURL(v, true) }
	wrong("POSTERN_ORIGIN", "scheme://host, with a base path if there is one, and no slash at the end", anyURL)
	for _, o := range s.AppOrigins {
		if !validURL(o, false) {
			errs = append(errs, fmt.Errorf("POSTERN_APP_ORIGINS holds %q: an origin is scheme://host", o))
		}
	}
	for _, q := range n.Queues {
		wrong(QueueVariable(q), "the URL of a queue", anyURL)
	}
	for _, name := range []string{"POSTERN_KEY", "POSTERN_SIGNING_KEY"} {
		wrong(name, "the ARN of a key of KMS", func(v string) bool { return strings.HasPrefix(v, "arn:") && strings.Contains(v, ":kms:") })
	}
	for _, name := range []string{"POSTERN_MAIL_FROM", "POSTERN_MAIL_REPLY_TO"} {
		wrong(name, "name@domain, without a display name", validAddress)
	}
	return s, errors.Join(errs...)
}

func validAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(s, " <>") && !strings.Contains(domain, "@")
}

func validURL(s string, path bool) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" &&
		u.Fragment == "" && !strings.HasSuffix(s, "/") && (path || u.Path == "")
}
