package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"
	"sync"

	"postern/infra/template"
)

// permissions hold each function to its role in the template, as IAM does: what no statement allows is denied, and remembered. A
// function is known by the endpoint that it asks, which the stand gives it; who asks without one is no function.
type permissions struct {
	roles    map[string][]template.Statement
	values   map[string]string // of the stand: "MailQueue" to its URL, "SecretsKey.Arn"
	mailFrom string

	mu     sync.Mutex
	used   map[string]bool // "LoginFunction dynamodb:GetItem AccountsTable.Arn"
	denied map[string]bool
}

// rolePath is where a function's own endpoint begins: /as/LoginFunction.
const rolePath = "/as/"

// maxAsked is how long a request of a function may be: DynamoDB takes 4 MB in a transaction.
const maxAsked = 8 << 20

func newPermissions(t *template.Template, values map[string]string, mailFrom string) (*permissions, error) {
	roles, err := t.Roles()
	return &permissions{roles: roles, values: values, mailFrom: mailFrom, used: map[string]bool{}, denied: map[string]bool{}}, err
}

// hold passes on what a function may ask, and answers the rest as AWS does.
func (p *permissions) hold(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, rolePath)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		function, path, _ := strings.Cut(rest, "/")
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsked))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body, r.URL = io.NopCloser(bytes.NewReader(body)), &url.URL{Path: "/" + path, RawQuery: r.URL.RawQuery}
		for _, a := range p.asks(r, body) {
			if !p.allows(function, a) {
				w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				w.WriteHeader(http.StatusBadRequest)
				_ = json.NewEncoder(w).Encode(map[string]string{
					"__type": "AccessDeniedException", "message": fmt.Sprintf("%s may not %s on %s", function, a.Action, a.Resource),
				})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (p *permissions) allows(function string, a template.Ask) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.roles[function] {
		if resource, ok := s.Allows(a); ok {
			p.used[function+" "+a.Action+" "+resource] = true
			return true
		}
	}
	what := function + " " + a.Action + " " + a.Resource
	if !p.denied[what] {
		slog.Error("template.yaml does not allow this", "what", what, "context", a.Context)
	}
	p.denied[what] = true
	return false
}

// asks lists what a request needs to be allowed, in the words of IAM and of the template.
func (p *permissions) asks(r *http.Request, body []byte) []template.Ask {
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case strings.HasPrefix(service, "DynamoDB_"):
		return dynamoAsks(operation, body)
	case service == "AmazonSQS":
		var in struct{ QueueUrl string }
		_ = json.Unmarshal(body, &in)
		return []template.Ask{{Action: "sqs:" + operation, Resource: p.name(in.QueueUrl) + ".Arn"}}
	case service == "TrentService":
		var in struct {
			KeyId             string
			EncryptionContext map[string]string
		}
		_ = json.Unmarshal(body, &in)
		a := template.Ask{Action: "kms:" + operation, Resource: p.name(in.KeyId), Context: map[string]string{}}
		for name, value := range in.EncryptionContext {
			a.Context["kms:EncryptionContext:"+name] = value
		}
		return []template.Ask{a}
	case r.URL.Path == sendEmailPath:
		return p.mailAsks(body)
	}
	return []template.Ask{{Action: service + ":" + operation, Resource: r.URL.Path}} // which nothing allows
}

// dynamoAsks says which tables a request is for: those of a transaction each with its own action.
func dynamoAsks(operation string, body []byte) (all []template.Ask) {
	type one struct{ TableName, IndexName string }
	var in struct {
		one
		RequestItems  map[string]any
		TransactItems []map[string]one // "Put", "Delete", "ConditionCheck"
	}
	_ = json.Unmarshal(body, &in)
	ask := func(action string, o one) {
		resource := o.TableName + "Table.Arn"
		if o.IndexName != "" {
			resource = "${" + resource + "}/index/" + o.IndexName
		}
		all = append(all, template.Ask{Action: "dynamodb:" + action, Resource: resource})
	}
	switch operation {
	case "TransactWriteItems":
		for _, item := range in.TransactItems {
			for kind, o := range item {
				if kind != "ConditionCheck" {
					kind += "Item"
				} else {
					kind = "ConditionCheckItem"
				}
				ask(kind, o)
			}
		}
	case "BatchGetItem":
		for table := range in.RequestItems {
			ask(operation, one{TableName: table})
		}
	default:
		ask(operation, in.one)
	}
	return all
}

// mailAsks: SES wants the identity allowed that a mail goes out under, and the configuration set.
func (p *permissions) mailAsks(body []byte) []template.Ask {
	var in struct{ FromEmailAddress, ConfigurationSetName string }
	_ = json.Unmarshal(body, &in)
	from := ""
	if a, err := netmail.ParseAddress(in.FromEmailAddress); err == nil && a.Address == p.mailFrom {
		from = "MailFrom" // as the template refers to it
	}
	const arn = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:"
	c := map[string]string{"ses:FromAddress": from}
	all := []template.Ask{{Action: "ses:SendEmail", Resource: arn + "identity/" + p.mailFrom, Context: c}}
	if set := in.ConfigurationSetName; set != "" {
		all = append(all, template.Ask{Action: "ses:SendEmail", Resource: arn + "configuration-set/${" + p.name(set) + "}", Context: c})
	}
	return all
}

// name is what the template calls what has this value on the stand.
func (p *permissions) name(value string) string {
	for name, v := range p.values {
		if v == value {
			return name
		}
	}
	return value
}

// report gives what was denied, and what functions may touch and never did, each sorted: "SiteFunction AccountsTable.Arn". What the
// functions themselves do not ask for, but services in their name, is left out.
func (p *permissions) report() (denied, untouched []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d := range p.denied {
		denied = append(denied, d)
	}
	for function, statements := range p.roles {
		for _, s := range statements {
			if s.Equals["kms:ViaService"] != nil {
				continue
			}
			for _, resource := range s.Resources {
				if !slices.ContainsFunc(s.Actions, func(a string) bool { return p.used[function+" "+a+" "+resource] }) {
					untouched = append(untouched, function+" "+resource)
				}
			}
		}
	}
	slices.Sort(denied)
	slices.Sort(untouched)
	return denied, untouched
}
