package template

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Statement is one statement of a function's role: what it allows.
type Statement struct {
	Actions   []string            // "dynamodb:GetItem"
	Resources []string            // as they stand in the template: "AccountsTable.Arn", "${OutboxTable.Arn}/index/due"
	Equals    map[string][]string // condition StringEquals: key to the values that it may have
}

// Ask is one thing that a function wants of a service.
type Ask struct {
	Action, Resource string
	Context          map[string]string // what conditions look at: "kms:EncryptionContext:postern"
}

// Allows reports whether the statement allows what is asked, and by which of its resources. One that ends with an asterisk is any
// that begins like it.
func (s Statement) Allows(a Ask) (resource string, ok bool) {
	for key, values := range s.Equals {
		if !slices.Contains(values, a.Context[key]) {
			return "", false
		}
	}
	for _, r := range s.Resources {
		prefix, any := strings.CutSuffix(r, "*")
		if r == a.Resource || any && strings.HasPrefix(a.Resource, prefix) {
			return r, slices.Contains(s.Actions, a.Action)
		}
	}
	return "", false
}

// Roles reads what each function may do, by the function's logical name. What is not understood here, a policy by name or another
// kind of condition, is an error: nothing is allowed by mistake.
func (t *Template) Roles() (map[string][]Statement, error) {
	roles := map[string][]Statement{}
	for _, r := range t.Resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		var f struct {
			Policies []struct {
				Statement []struct {
					Effect    string                      `yaml:"Effect"`
					Action    texts                       `yaml:"Action"`
					Resource  texts                       `yaml:"Resource"`
					Condition map[string]map[string]texts `yaml:"Condition"`
				} `yaml:"Statement"`
			} `yaml:"Policies"`
		}
		if err := r.Properties.Decode(&f); err != nil {
			return nil, fmt.Errorf("role of %s: %w", r.Name, err)
		}
		for _, p := range f.Policies {
			for _, s := range p.Statement {
				one := Statement{s.Action, s.Resource, map[string][]string{}}
				for kind, keys := range s.Condition {
					if kind != "StringEquals" {
						return nil, fmt.Errorf("role of %s: a condition of kind %s", r.Name, kind)
					}
					for key, values := range keys {
						one.Equals[key] = values
					}
				}
				if s.Effect != "Allow" || len(one.Actions) == 0 || len(one.Resources) == 0 {
					return nil, fmt.Errorf("role of %s: a statement that allows nothing", r.Name)
				}
				roles[r.Name] = append(roles[r.Name], one)
			}
		}
	}
	return roles, nil
}

// texts is a text or a list of texts; of functions of CloudFormation, their arguments.
type texts []string

func (o *texts) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*o = texts{n.Value}
		return nil
	}
	for _, c := range n.Content {
		*o = append(*o, c.Value)
	}
	return nil
}
