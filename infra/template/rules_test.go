package template_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"postern/infra/template"
	"postern/shared/onaws"
	"postern/shared/web"
)

// function is a function of the template, as far as the rules look at it.
type function struct {
	CodeURI     string `yaml:"CodeUri"`
	Timeout     int    `yaml:"Timeout"`
	Environment struct {
		Variables map[string]yaml.Node `yaml:"Variables"`
	} `yaml:"Environment"`
	Policies []struct {
		Statement []struct {
			Effect    string
			Action    oneOrMore `yaml:"Action"`
			Resource  oneOrMore `yaml:"Resource"`
			Condition yaml.Node `yaml:"Condition"`
		} `yaml:"Statement"`
	} `yaml:"Policies"`
	Events map[string]struct {
		Type       string `yaml:"Type"`
		Properties struct {
			Path       string `yaml:"Path"`
			Method     string `yaml:"Method"`
			Queue      string `yaml:"Queue"`
			Expression string `yaml:"ScheduleExpression"`
			Auth       struct {
				Authorizer string `yaml:"Authorizer"`
				InvokeRole string `yaml:"InvokeRole"`
			} `yaml:"Auth"`
		} `yaml:"Properties"`
	} `yaml:"Events"`
}

// oneOrMore is a text or a list of texts.
type oneOrMore []string

func (o *oneOrMore) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*o = oneOrMore{n.Value}
		return nil
	}
	for _, c := range n.Content {
		*o = append(*o, c.Value)
	}
	return nil
}

// onNotices is what a function may do with notices: read them, write a whole one, and see to it that it is still as it was read.
var onNotices = []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:ConditionCheckItem"}

// gatewayTimeout is how long API Gateway waits for a function, in seconds.
const gatewayTimeout = 29

// globalVariables are those that every function gets.
var globalVariables = []string{"POSTERN_ORIGIN", "POSTERN_APP_ORIGINS", "POSTERN_ACCOUNT"}

// broken lists what in the template at path is not as Postern needs it.
func broken(t *testing.T, path string) (all []string) {
	t.Helper()
	tpl, err := template.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	var globals struct {
		Globals struct {
			Function struct {
				Timeout       int `yaml:"Timeout"`
				MemorySize    int `yaml:"MemorySize"`
				LoggingConfig struct {
					LogGroup string `yaml:"LogGroup"`
				} `yaml:"LoggingConfig"`
			} `yaml:"Function"`
		} `yaml:"Globals"`
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, &globals); err != nil {
		t.Fatal(err)
	}
	every := globals.Globals.Function
	if every.Timeout < 1 || every.Timeout > gatewayTimeout || every.MemorySize < 128 || every.LoggingConfig.LogGroup != "Logs" {
		say("functions have no timeout, memory or log group: %+v", every)
	}
	routes := map[string]string{"/{proxy+}": "site"} // path to function; what no function serves, site says that it is not there
	for _, r := range web.Routes() {
		routes[strings.ReplaceAll(r.Pattern, "{$}", "")] = r.Function
	}
	needs := onaws.Functions()
	visibility := map[string]int{}
	for _, r := range tpl.Resources {
		if r.Type == "AWS::SQS::Queue" {
			var q struct {
				Visibility int `yaml:"VisibilityTimeout"`
			}
			if err := r.Properties.Decode(&q); err != nil {
				t.Fatal(err)
			}
			visibility[r.Name+".Arn"] = q.Visibility
		}
	}
	seen := map[string]bool{}
	for _, r := range tpl.Resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		var f function
		if err := r.Properties.Decode(&f); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		if f.Timeout == 0 {
			f.Timeout = every.Timeout
		}
		name := strings.TrimPrefix(f.CodeURI, "functions/")
		seen[name] = true
		need, ok := needs[name]
		if _, err := os.Stat(filepath.Join("../..", f.CodeURI, "main.go")); err != nil || !ok {
			say("%s: there is no function %q", r.Name, name)
			continue
		}

		set := slices.Concat(slices.Collect(maps.Keys(f.Environment.Variables)), globalVariables)
		for v := range need.Variables() {
			if !slices.Contains(set, v) {
				say("%s: reads %s, which is not set", r.Name, v)
			}
		}
		for v := range f.Environment.Variables {
			if _, ok := need.Variables()[v]; !ok {
				say("%s: %s is set, and not read", r.Name, v)
			}
		}

		for _, p := range f.Policies {
			for _, s := range p.Statement {
				for _, a := range s.Action {
					switch {
					case strings.Contains(a, "*"):
						say("%s: wildcard action %s", r.Name, a)
					case a == "dynamodb:Scan":
						say("%s: may scan", r.Name)
					case slices.Contains(s.Resource, "NoticesTable.Arn") && !slices.Contains(onNotices, a):
						say("%s: may delete notices, or change them otherwise than by what is sealed: %s", r.Name, a)
					case strings.HasPrefix(a, "ses:") && !need.Sends:
						say("%s: may send mail", r.Name)
					case a == "kms:Sign" && !need.Signs:
						say("%s: may sign", r.Name)
					case a == "kms:Encrypt" && !need.NewKeys:
						say("%s: may make keys", r.Name)
					case strings.HasPrefix(a, "kms:") && slices.Contains(s.Resource, "SecretsKey.Arn") && s.Condition.IsZero():
						say("%s: may use the key for anything", r.Name)
					}
					if a == "kms:Decrypt" && strings.Contains(text(s.Condition), "EncryptionContext") && !need.Keys {
						say("%s: may decrypt secrets", r.Name)
					}
				}
				for _, resource := range s.Resource {
					// The one wildcard: which of the verified identities a mail goes out under SES picks itself.
					if strings.Contains(resource, "*") && !(strings.HasSuffix(resource, ":identity/*") && strings.Contains(text(s.Condition), "ses:FromAddress")) {
						say("%s: wildcard resource %s", r.Name, resource)
					}
				}
			}
		}

		for event, e := range f.Events {
			switch e.Type {
			case "Api":
				if f.Timeout > gatewayTimeout {
					say("%s: the gateway does not wait that long", r.Name)
				}
				if routes[e.Properties.Path] != name {
					say("%s: %s is no route of it", r.Name, e.Properties.Path)
				}
				delete(routes, e.Properties.Path)
				want := "NONE"
				if strings.HasPrefix(e.Properties.Path, "/admin") {
					want = "AWS_IAM"
				}
				if e.Properties.Auth.Authorizer != want || e.Properties.Method != "ANY" || want == "AWS_IAM" && e.Properties.Auth.InvokeRole != "NONE" {
					say("%s: %s has the wrong authorization", r.Name, e.Properties.Path)
				}
			case "SQS":
				if visibility[e.Properties.Queue] < 6*f.Timeout {
					say("%s: the queue's visibility timeout is below six times the function's", r.Name)
				}
			case "ScheduleV2":
				if !validRate(e.Properties.Expression) {
					say("%s: %s: %q is no rate", r.Name, event, e.Properties.Expression)
				}
			default:
				say("%s: event %s of type %s", r.Name, event, e.Type)
			}
		}
	}
	all = append(all, misgiven(t, tpl)...)
	all = append(all, ajar(t, tpl)...)
	all = append(all, unexplained(t, path)...)
	all = append(all, unbounded(t, path)...)
	for path, name := range routes {
		say("route %s of %s stands nowhere", path, name)
	}
	for name := range needs {
		if !seen[name] {
			say("function %s stands nowhere", name)
		}
	}
	return all
}

// text writes a node as YAML, for looking into it.
func text(n yaml.Node) string {
	b, _ := yaml.Marshal(&n)
	return string(b)
}

// validRate reports whether the expression is one that EventBridge takes: rate(1 minute), rate(10 minutes).
func validRate(e string) bool {
	var n int
	var unit string
	if c, err := fmt.Sscanf(strings.TrimSuffix(e, ")"), "rate(%d %s", &n, &unit); c != 2 || err != nil || n < 1 || !strings.HasSuffix(e, ")") {
		return false
	}
	units := []string{"minute", "hour", "day"}
	if n != 1 {
		units = []string{"minutes", "hours", "days"}
	}
	return slices.Contains(units, unit)
}

func TestRules(t *testing.T) {
	for _, b := range broken(t, path) {
		t.Error(b)
	}
}

// brokenCopy is a copy of the template in which something stands in place of what is there.
func brokenCopy(t *testing.T, old, replacement string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), old) {
		t.Fatalf("the template holds no %q", old)
	}
	copied := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(copied, []byte(strings.ReplaceAll(string(raw), old, replacement)), 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// Each rule finds what it is for.
func TestRulesFindFaults(t *testing.T) {
	for _, c := range []struct{ fault, old, replacement, want string }{
		{"route gone", `Path: "/login/totp"`, `Path: "/login/other"`, "is no route of it"},
		{"open admin", `Path: "/admin/accounts/{accountId}/policy", Method: ANY, Auth: { Authorizer: AWS_IAM`, `Path: "/admin/accounts/{accountId}/policy", Method: ANY, Auth: { Authorizer: NONE`, "wrong authorization"},
		{"folder gone", "CodeUri: functions/site", "CodeUri: functions/sites", "there is no function"},
		{"variable gone", "POSTERN_TABLE_CODES: !Ref CodesTable", "OTHER: !Ref CodesTable", "which is not set"},
		{"variable not read", "POSTERN_TABLE_CODES: !Ref CodesTable", "OTHER: !Ref CodesTable", "and not read"},
		{"visibility", "VisibilityTimeout: 360", "VisibilityTimeout: 359", "below six times"},
		{"no schedule", "rate(10 minutes)", "every(10 minutes)", "is no rate"},
		{"wildcard action", "Action: ses:SendEmail", "Action: ses:*", "wildcard action"},
		{"sender", "Action: sqs:SendMessage", "Action: ses:SendEmail", "may send mail"},
		{"any sender", `"ses:FromAddress"`, `"ses:Other"`, "wildcard resource"},
		{"scan", "dynamodb:Query]", "dynamodb:Scan]", "may scan"},
		{"delete notices", "dynamodb:PutItem, dynamodb:ConditionCheckItem]\n              Resource: !GetAtt NoticesTable.Arn", "dynamodb:DeleteItem, dynamodb:ConditionCheckItem]\n              Resource: !GetAtt NoticesTable.Arn", "may delete notices"},
		{"notices without a primary key", "dynamodb:PutItem, dynamodb:ConditionCheckItem]\n              Resource: !GetAtt NoticesTable.Arn", "dynamodb:PartiQLDelete, dynamodb:ConditionCheckItem]\n              Resource: !GetAtt NoticesTable.Arn", "may delete notices"},
		{"log group", "      LogGroup: !Ref Logs\n", "", "no timeout, memory or log group"},
		{"timeout", "    Timeout: 29", "    Timeout: 30", "no timeout, memory or log group"},
		{"slow route", "      CodeUri: functions/site", "      Timeout: 60\n      CodeUri: functions/site", "does not wait that long"},
		{"singular", "rate(10 minutes)", "rate(10 minute)", "is no rate"},
		{"table not needed", "Resource: !GetAtt CodesTable.Arn", "Resource: !GetAtt TokensTable.Arn", "may touch the table Tokens, which it does not need"},
		{"table not allowed", "Resource: !GetAtt CodesTable.Arn", "Resource: !GetAtt LimitsTable.Arn", "may not touch the table Codes, which it needs"},
		{"queue not needed", "Resource: !GetAtt MailQueue.Arn", "Resource: !GetAtt CodesQueue.Arn", "may send to the queue codes, which it does not need"},
		{"queue not allowed", "Action: sqs:SendMessage", "Action: sqs:ReceiveMessage", "may not send to the queue mail, which it needs"},
		{"key not needed", "kms:ViaService", "kms:EncryptionContext:postern", "SealNoticesFunction: may decrypt secrets"},
		{"key not allowed", `"kms:EncryptionContext:postern": keys`, `"kms:EncryptionContext:postern": other`, "may not decrypt secrets, which it needs"},
		{"signing not allowed", "Action: [kms:Sign, kms:GetPublicKey]", "Action: kms:GetPublicKey", "may not sign, which it needs"},
		{"sending not allowed", "Action: ses:SendEmail", "Action: ses:SendRawEmail", "may not send mail, which it needs"},
		{"memory", "      MemorySize: 1769 # one whole core: hashing takes it\n", "", "hashes with less than a core"},
		{"log group of its own", "      CodeUri: functions/site", "      LoggingConfig: { LogGroup: Other }\n      CodeUri: functions/site", "has a log group of its own"},
		{"poison", "      RedrivePolicy: { deadLetterTargetArn: !GetAtt MailDeadLetters.Arn, maxReceiveCount: 5 }\n", "", "MailQueue: has no dead-letter queue"},
		{"whole batches", "            FunctionResponseTypes: [ReportBatchItemFailures]\n", "", "a failed message fails its whole batch"},
		{"open by default", "        DefaultAuthorizer: AWS_IAM\n", "", "the API is open by default"},
		{"no access log", "        DestinationArn: !GetAtt AccessLogs.Arn", "        DestinationArn: nowhere", "the API has no access log"},
		{"address in the log", `"requestId":"$context.requestId",`, `"ip":"$context.identity.sourceIp",`, "the access log holds what people are or type"},
		{"gateway's own words", "        DEFAULT_5XX:", "        INTEGRATION_FAILURE:", "the gateway says DEFAULT_5XX in its own words"},
		{"gateway's headers", `              X-Content-Type-Options: "'nosniff'"` + "\n", "", "lacks the header X-Content-Type-Options"},
		{"gateway's type", `application/problem+json'"`, `text/html'"`, "is no problem+json"},
		{"wildcard of a queue policy", "            Action: sqs:SendMessage\n            Resource: !GetAtt MailEventsQueue.Arn", "            Action: sqs:*\n            Resource: !GetAtt MailEventsQueue.Arn", "wildcard sqs:* without a listed reason"},
		{"parameter without a pattern", `    AllowedPattern: "^[a-z0-9]{1,32}$"` + "\n", "", "parameter Stage takes anything"},
		{"parameter without words", "    Description: Name of the stage, the first part of the path without a domain of one's own.\n", "", "parameter Stage says nothing of itself"},
		{"bad default", `    AllowedPattern: "^[a-z0-9]{1,32}$"`, `    AllowedPattern: "^[0-9]{1,32}$"`, "parameter Stage does not take its own default"},
		{"signer", "Action: kms:GetPublicKey", "Action: kms:Sign", "may sign"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			if all := broken(t, brokenCopy(t, c.old, c.replacement)); !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, c.want) }) {
				t.Errorf("not found; all that is said: %q", all)
			}
		})
	}
}
