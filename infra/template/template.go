// Package template reads template.yaml, so that tests work with what will be deployed.
package template

import (
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"gopkg.in/yaml.v3"
)

// Template is what stands in a template. Functions of CloudFormation are read as their arguments: !GetAtt A.Arn as "A.Arn".
type Template struct {
	Resources []Resource // in the order in which they stand
	Outputs   map[string]Output
}

// Resource is one resource.
type Resource struct {
	Name                string // logical
	Type                string
	DeletionPolicy      string
	UpdateReplacePolicy string
	Properties          yaml.Node
}

// Output is one output.
type Output struct {
	Description string    `yaml:"Description"`
	Value       yaml.Node `yaml:"Value"`
}

// Table is a DynamoDB table.
type Table struct {
	Name       string            // logical, without "Table": Operators
	Attributes map[string]string // name to type: S, N
	Keys       []Key
	Indexes    []Index
	TTL        string // attribute; empty: nothing expires
	// Unprotected names what is not as every table of Postern has it: kept when the stack goes or the table is replaced, not
	// deleted by accident, restorable, encrypted with the key of the deployment, and without a capacity to run out of.
	Unprotected []string
}

// Key is one element of a key: an attribute, and HASH or RANGE.
type Key struct {
	Attribute string `yaml:"AttributeName"`
	Type      string `yaml:"KeyType"`
}

// Index is a global secondary index.
type Index struct {
	Name       string `yaml:"IndexName"`
	Keys       []Key  `yaml:"KeySchema"`
	Projection struct {
		Type string `yaml:"ProjectionType"`
	} `yaml:"Projection"`
}

// Read reads the template at path.
func Read(path string) (*Template, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	var doc struct {
		Resources yaml.Node         `yaml:"Resources"`
		Outputs   map[string]Output `yaml:"Outputs"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	t := &Template{Outputs: doc.Outputs}
	for i := 0; i+1 < len(doc.Resources.Content); i += 2 { // names and values, in turn
		r := struct {
			Type                string    `yaml:"Type"`
			DeletionPolicy      string    `yaml:"DeletionPolicy"`
			UpdateReplacePolicy string    `yaml:"UpdateReplacePolicy"`
			Properties          yaml.Node `yaml:"Properties"`
		}{}
		name := doc.Resources.Content[i].Value
		if err := doc.Resources.Content[i+1].Decode(&r); err != nil {
			return nil, fmt.Errorf("resource %s: %w", name, err)
		}
		t.Resources = append(t.Resources, Resource{name, r.Type, r.DeletionPolicy, r.UpdateReplacePolicy, r.Properties})
	}
	return t, nil
}

// Tables reads the tables of the template at path, in the order in which they stand there.
func Tables(path string) ([]Table, error) {
	t, err := Read(path)
	if err != nil {
		return nil, err
	}
	return t.Tables()
}

// Tables reads the tables, in the order in which they stand in the template.
func (t *Template) Tables() ([]Table, error) {
	var tables []Table
	for _, r := range t.Resources {
		if r.Type != "AWS::DynamoDB::Table" {
			continue
		}
		table, err := r.table()
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", r.Name, err)
		}
		tables = append(tables, table)
	}
	return tables, nil
}

// Create is the request that makes the table under a name: as a stand needs it, without what only AWS can do.
func (t Table) Create(name string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema(t.Keys)}
	for attribute, kind := range t.Attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: &attribute, AttributeType: types.ScalarAttributeType(kind),
		})
	}
	for _, i := range t.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &i.Name, KeySchema: keySchema(i.Keys),
			Projection: &types.Projection{ProjectionType: types.ProjectionType(i.Projection.Type)},
		})
	}
	return in
}

func keySchema(keys []Key) (schema []types.KeySchemaElement) {
	for _, k := range keys {
		schema = append(schema, types.KeySchemaElement{AttributeName: &k.Attribute, KeyType: types.KeyType(k.Type)})
	}
	return schema
}

func (r Resource) table() (Table, error) {
	var p struct {
		Billing   string `yaml:"BillingMode"`
		Undeleted bool   `yaml:"DeletionProtectionEnabled"`
		Recovery  struct {
			Enabled bool `yaml:"PointInTimeRecoveryEnabled"`
		} `yaml:"PointInTimeRecoverySpecification"`
		Encryption struct {
			Enabled bool   `yaml:"SSEEnabled"`
			Type    string `yaml:"SSEType"`
			Key     string `yaml:"KMSMasterKeyId"`
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
	if err := r.Properties.Decode(&p); err != nil {
		return Table{}, err
	}
	t := Table{
		Name: strings.TrimSuffix(r.Name, "Table"), Attributes: map[string]string{}, Keys: p.Keys, Indexes: p.Indexes,
	}
	for _, a := range p.Attributes {
		t.Attributes[a.Name] = a.Type
	}
	if p.TTL.Enabled {
		t.TTL = p.TTL.Attribute
	}
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"DeletionPolicy", r.DeletionPolicy == "Retain"},
		{"UpdateReplacePolicy", r.UpdateReplacePolicy == "Retain"},
		{"DeletionProtectionEnabled", p.Undeleted},
		{"PointInTimeRecoverySpecification", p.Recovery.Enabled},
		{"SSESpecification", p.Encryption.Enabled && p.Encryption.Type == "KMS" && p.Encryption.Key == "SecretsKey.Arn"},
		{"BillingMode", p.Billing == "PAY_PER_REQUEST"},
	} {
		if !c.ok {
			t.Unprotected = append(t.Unprotected, c.name)
		}
	}
	return t, nil
}
