package template_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"postern/infra/template"
)

// ajar lists where the front door is more open, or says more, than it should.
func ajar(t *testing.T, tpl *template.Template) (all []string) {
	t.Helper()
	var api struct {
		Auth struct {
			Default string `yaml:"DefaultAuthorizer"`
			Role    string `yaml:"InvokeRole"`
		} `yaml:"Auth"`
		Log struct {
			To     string `yaml:"DestinationArn"`
			Format string `yaml:"Format"`
		} `yaml:"AccessLogSetting"`
		Responses map[string]struct {
			Parameters struct {
				Headers map[string]string `yaml:"Headers"`
			} `yaml:"ResponseParameters"`
			Templates map[string]string `yaml:"ResponseTemplates"`
		} `yaml:"GatewayResponses"`
	}
	for _, r := range tpl.Resources {
		if r.Type == "AWS::Serverless::Api" {
			if err := r.Properties.Decode(&api); err != nil {
				t.Fatal(err)
			}
		}
	}
	if api.Auth.Default != "AWS_IAM" || api.Auth.Role != "NONE" {
		all = append(all, "the API is open by default")
	}
	if api.Log.To != "AccessLogs.Arn" || !strings.Contains(api.Log.Format, "$context.requestId") {
		all = append(all, "the API has no access log")
	}
	if regexp.MustCompile(`identity|querystring|\$input|\$context\.path\b`).MatchString(api.Log.Format) {
		all = append(all, "the access log holds what people are or type: "+api.Log.Format)
	}
	for _, kind := range []string{"DEFAULT_4XX", "DEFAULT_5XX", "ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED", "REQUEST_TOO_LARGE"} {
		if _, ok := api.Responses[kind]; !ok {
			all = append(all, "the gateway says "+kind+" in its own words")
		}
	}
	for kind, r := range api.Responses {
		if r.Parameters.Headers["Content-Type"] != "'application/problem+json'" {
			all = append(all, kind+" is no problem+json")
		}
		for _, h := range []string{
			"Cache-Control", "Content-Security-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Request-Id",
		} {
			if r.Parameters.Headers[h] == "" {
				all = append(all, kind+" lacks the header "+h)
			}
		}
		for _, body := range r.Templates {
			if !strings.Contains(body, `"code": `) || !strings.Contains(body, `"requestId": "$context.requestId"`) {
				all = append(all, kind+" is not one of Postern's problems")
			}
		}
	}
	return all
}

// excused are the wildcards of the template, each with its reason. Those of functions another rule knows.
var excused = map[string]string{
	"kms:*": "a key's policy hands access to IAM of its account, as AWS recommends: else nobody could manage the key",
	"*":     "in a key's policy, which stands on the key: the key itself",
}

// unexplained lists wildcard actions and resources in policies of the template at path that are not excused.
func unexplained(t *testing.T, path string) (all []string) {
	t.Helper()
	for _, w := range wildcards(t, path) {
		if excused[w] == "" {
			all = append(all, "wildcard "+w+" without a listed reason")
		}
	}
	return all
}

// wildcards lists the actions with an asterisk, and the resources that are one, of every policy in the template at path, but for
// roles of functions.
func wildcards(t *testing.T, path string) (all []string) {
	t.Helper()
	tpl, err := template.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 {
				values := []*yaml.Node{c}
				if c.Kind == yaml.SequenceNode {
					values = c.Content
				}
				for _, v := range values {
					switch key := n.Content[i-1].Value; {
					case (key == "Action" || key == "NotAction") && strings.Contains(v.Value, "*"), key == "Resource" && v.Value == "*", key == "NotResource":
						all = append(all, v.Value)
					}
				}
			}
			walk(c)
		}
	}
	for _, r := range tpl.Resources {
		if r.Type != "AWS::Serverless::Function" {
			walk(&r.Properties)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// unbounded lists parameters of the template at path that say nothing of themselves, take anything, or refuse their own default.
func unbounded(t *testing.T, path string) (all []string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Parameters map[string]struct {
			Type        string    `yaml:"Type"`
			Description string    `yaml:"Description"`
			Default     *string   `yaml:"Default"`
			Pattern     *string   `yaml:"AllowedPattern"`
			Values      yaml.Node `yaml:"AllowedValues"`
			Min         *int      `yaml:"MinValue"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for name, p := range doc.Parameters {
		if p.Description == "" {
			all = append(all, "parameter "+name+" says nothing of itself")
		}
		if p.Pattern == nil && p.Values.IsZero() && p.Min == nil {
			all = append(all, "parameter "+name+" takes anything")
		}
		if p.Pattern != nil && p.Default != nil && !regexp.MustCompile(*p.Pattern).MatchString(*p.Default) {
			all = append(all, "parameter "+name+" does not take its own default")
		}
	}
	return all
}

// The templates beside the application's are held to the same.
func TestTemplatesBeside(t *testing.T) {
	for _, name := range []string{"delivery", "iam", "dashboard"} {
		beside := "../" + name + "/template.yaml"
		for _, u := range unbounded(t, beside) {
			t.Errorf("%s: %s", name, u)
		}
		if name == "delivery" {
			continue // what CloudFormation makes has no name before: it names services, and is denied what it must never do
		}
		for _, w := range wildcards(t, beside) {
			t.Errorf("%s: wildcard %s", name, w)
		}
	}
}
