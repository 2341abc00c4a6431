// Package template reads template.yaml, so that tests work with what will be deployed.
package template

import (
	"fmt"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// Table is a DynamoDB table of the template.
type Table struct {
	Name       string // logical, without "Table": Operators
	Attributes map[string]string
	Keys       []Key
	Indexes    []Index
	TTL        string // attribute; empty: nothing expires
	Protected  bool   // deletion protection, point-in-time recovery, customer key, kept when the stack goes
}

// Key is one element of a key: an attribute, and HASH or RANGE.
type Key struct {
	Attribute string `yaml:"AttributeName"`
	Type      string `yaml:"KeyType"`
}

// Index is a global secondary index.
type Index struct {
	Name string `yaml:"IndexName"`
	Keys []Key  `yaml:"KeySchema"`
}

type tableProperties struct {
	BillingMode               string `yaml:"BillingMode"`
	DeletionProtectionEnabled bool   `yaml:"DeletionProtectionEnabled"`
	PITR                      struct {
		Enabled bool `yaml:"PointInTimeRecoveryEnabled"`
	} `yaml:"PointInTimeRecoverySpecification"`
	SSE struct {
		Enabled bool   `yaml:"SSEEnabled"`
		Type    string `yaml:"SSEType"`
	} `yaml:"SSESpecification"`
	TTL struct {
		Attribute string `yaml:"AttributeName"`
		Enabled   bool   `yaml:"Enabled"`
	} `yaml:"TimeToLiveSpecification"`
	Attributes []struct {
		Name string `yaml:"AttributeName"`
		Type string `yaml:"AttributeType"`
	} `yaml:"AttributeDefinitions"`
	Keys    []Key   `yaml:"KeySchema"`
	Indexes []Index `yaml:"GlobalSecondaryIndexes"`
}

// Tables reads the tables of the template at path, in the order in which they stand there.
func Tables(path string) ([]Table, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	var doc struct {
		Resources yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	var tables []Table
	for i := 0; i+1 < len(doc.Resources.Content); i += 2 {
		name := doc.Resources.Content[i].Value
		var kind struct {
			Type string `yaml:"Type"`
		}
		if err := doc.Resources.Content[i+1].Decode(&kind); err != nil {
			return nil, fmt.Errorf("resource %s: %w", name, err)
		}
		if kind.Type != "AWS::DynamoDB::Table" {
			continue
		}
		var p struct {
			DeletionPolicy      string          `yaml:"DeletionPolicy"`
			UpdateReplacePolicy string          `yaml:"UpdateReplacePolicy"`
			Properties          tableProperties `yaml:"Properties"`
		}
		if err := doc.Resources.Content[i+1].Decode(&p); err != nil {
			return nil, fmt.Errorf("table %s: %w", name, err)
		}
		t := Table{Name: strings.TrimSuffix(name, "Table"), Attributes: map[string]string{}, Keys: p.Properties.Keys, Indexes: p.Properties.Indexes}
		for _, a := range p.Properties.Attributes {
			t.Attributes[a.Name] = a.Type
		}
		if p.Properties.TTL.Enabled {
			t.TTL = p.Properties.TTL.Attribute
		}
		t.Protected = p.DeletionPolicy == "Retain" && p.UpdateReplacePolicy == "Retain" && p.Properties.DeletionProtectionEnabled &&
			p.Properties.PITR.Enabled && p.Properties.SSE.Enabled && p.Properties.SSE.Type == "KMS" && p.Properties.BillingMode == "PAY_PER_REQUEST"
		tables = append(tables, t)
	}
	return tables, nil
}
