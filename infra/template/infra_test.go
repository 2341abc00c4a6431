package template_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"postern/infra/template"
	"postern/shared/web"
)

// watched lists what no alarm watches in the template at path, and alarms that docs/operations.md says nothing of.
func watched(t *testing.T, path string) (all []string) {
	t.Helper()
	tpl, err := template.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	alarms := map[string]string{}
	for _, r := range tpl.Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			alarms[r.Name] = text(r.Properties)
			if !strings.Contains(string(guide), "| `"+r.Name+"` |") {
				all = append(all, r.Name+" is not in the table of docs/operations.md")
			}
			if !strings.Contains(alarms[r.Name], "AlarmTopicArn") {
				all = append(all, r.Name+" tells nobody")
			}
			// A hard limit of CloudWatch (its user guide, "Limits that apply to alarms based on metric math expressions").
			if strings.Count(alarms[r.Name], "MetricStat:") > 10 {
				all = append(all, r.Name+" watches more than ten metrics")
			}
		}
	}
	watches := func(name, what string) bool { return regexp.MustCompile(`\b` + what + `\b`).MatchString(alarms[name]) }
	watch := func(what string, by ...string) {
		for _, name := range by {
			if !watches(name, what) {
				all = append(all, name+" does not watch "+what)
			}
		}
	}
	for _, r := range tpl.Resources {
		switch r.Type {
		case "AWS::Serverless::Function":
			if strings.Contains(text(r.Properties), "Type: Api") {
				if !watches("SignInErrorsAlarm", r.Name) {
					watch(r.Name, "FunctionErrorsAlarm")
				}
			} else {
				watch(r.Name, "WorkerErrorsAlarm")
			}
		case "AWS::DynamoDB::Table":
			watch(r.Name, "ReadThrottlesAlarm", "WriteThrottlesAlarm")
		case "AWS::SQS::Queue":
			if strings.HasSuffix(r.Name, "DeadLetters") {
				watch(r.Name, r.Name+"Alarm")
			}
		}
	}
	return all
}

func TestAlarms(t *testing.T) {
	for _, w := range watched(t, path) {
		t.Error(w)
	}
}

func TestAlarmsFindFaults(t *testing.T) {
	for fault, c := range map[string][3]string{
		"metrics":  {"        - { Id: m7,", strings.Repeat("        - { Id: n, MetricStat: {} }\n", 3) + "        - { Id: m7,", "more than ten metrics"},
		"function": {"Value: !Ref LoginFunction }", "Value: !Ref OtherFunction }", "FunctionErrorsAlarm does not watch LoginFunction"},
		"table":    {"Value: !Ref OutboxTable }", "Value: !Ref OtherTable }", "WriteThrottlesAlarm does not watch OutboxTable"},
		"queue":    {"Value: !GetAtt MailDeadLetters.QueueName", "Value: !GetAtt MailQueue.QueueName", "MailDeadLettersAlarm does not watch MailDeadLetters"},
		"topic":    {"[!Ref AlarmTopicArn]", "[]", "LatencyAlarm tells nobody"},
		"guide":    {"  LatencyAlarm:", "  SlownessAlarm:", "SlownessAlarm is not in the table"},
	} {
		if all := watched(t, brokenCopy(t, c[0], c[1])); !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, c[2]) }) {
			t.Errorf("%s: not found; all that is said: %q", fault, all)
		}
	}
}

// The policies of infra/iam let readers read everything and nothing more, and administrators do everything; what the help desk
// may do are routes that there are.
func TestAdministratorsPolicies(t *testing.T) {
	tpl, err := template.Read("../iam/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var routes []string // METHOD/path
	for _, r := range web.Admin().Routes {
		routes = append(routes, r.Method+regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(r.Pattern, "x"))
	}
	allows := map[string][]string{}
	for _, r := range tpl.Resources {
		var p struct {
			PolicyDocument struct {
				Statement []struct {
					Effect   string      `yaml:"Effect"`
					Action   string      `yaml:"Action"`
					Resource []yaml.Node `yaml:"Resource"`
				} `yaml:"Statement"`
			} `yaml:"PolicyDocument"`
		}
		if err := r.Properties.Decode(&p); err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		for _, s := range p.PolicyDocument.Statement {
			if s.Effect != "Allow" || s.Action != "execute-api:Invoke" {
				t.Errorf("%s: %s %s", r.Name, s.Effect, s.Action)
			}
			for _, n := range s.Resource {
				_, at, _ := strings.Cut(n.Value, "${Stage}/")
				pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(strings.ReplaceAll(at, "${AccountId}", "*")), `\*`, ".*") + "$")
				matches := slices.DeleteFunc(slices.Clone(routes), func(route string) bool { return !pattern.MatchString(route) })
				if len(matches) == 0 {
					t.Errorf("%s: %s is no route", r.Name, at)
				}
				allows[r.Name] = append(allows[r.Name], matches...)
			}
		}
	}
	for _, route := range routes {
		get := strings.HasPrefix(route, http.MethodGet+"/")
		if slices.Contains(allows["Reader"], route) != get {
			t.Errorf("Reader and %s: %v", route, !get)
		}
		if !slices.Contains(allows["Administrator"], route) {
			t.Errorf("Administrator may not %s", route)
		}
	}
	if len(allows["Helpdesk"]) != 5 {
		t.Errorf("Helpdesk may %v", allows["Helpdesk"])
	}
}
