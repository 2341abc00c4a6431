package template_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/infra/template"
	"postern/shared/store"
)

const path = "../../template.yaml"

// The template has exactly the tables that the code knows, with the keys that the adapter uses, and everything in them is
// kept: nothing that is deployed, or taken down, loses data.
func TestTables(t *testing.T) {
	tables, err := template.Tables(path)
	if err != nil {
		t.Fatal(err)
	}
	expiring := []store.Table{store.Codes, store.Sessions, store.Limits, store.Outbox}
	falling := []store.Table{store.Operators, store.Notices, store.Outbox}
	var names []store.Table
	for _, table := range tables {
		name := store.Table(table.Name)
		names = append(names, name)
		if len(table.Unprotected) > 0 {
			t.Errorf("%s lacks %v: see its neighbours", name, table.Unprotected)
		}
		want := template.Table{
			Name: table.Name, Keys: []template.Key{{Attribute: "pk", Type: "HASH"}, {Attribute: "sk", Type: "RANGE"}},
			Attributes: map[string]string{"pk": "S", "sk": "S"},
		}
		if slices.Contains(expiring, name) {
			want.TTL = "ttl"
		}
		if slices.Contains(falling, name) {
			want.Attributes["shard"], want.Attributes["due"] = "N", "N"
			due := template.Index{Name: "due", Keys: []template.Key{
				{Attribute: "shard", Type: "HASH"}, {Attribute: "due", Type: "RANGE"},
			}}
			due.Projection.Type = "ALL"
			want.Indexes = []template.Index{due}
		}
		table.Unprotected = nil
		if d := cmp.Diff(want, table); d != "" {
			t.Errorf("%s (-want +template):\n%s", name, d)
		}
	}
	if d := cmp.Diff(store.Tables(), names); d != "" {
		t.Errorf("tables (-code +template):\n%s", d)
	}
}

// The key is kept as what it encrypts is, and rotates. Each table and the key are found by who deploys.
func TestKeyAndOutputs(t *testing.T) {
	tpl, err := template.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{} // keys, and whether they rotate
	for _, r := range tpl.Resources {
		if r.Type != "AWS::KMS::Key" {
			continue
		}
		var p struct {
			EnableKeyRotation bool `yaml:"EnableKeyRotation"`
		}
		if err := r.Properties.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if r.DeletionPolicy != "Retain" || r.UpdateReplacePolicy != "Retain" {
			t.Errorf("%s is not kept", r.Name)
		}
		kept[r.Name] = p.EnableKeyRotation
	}
	// KMS rotates no key that signs.
	if diff := cmp.Diff(map[string]bool{"SecretsKey": true, "SigningKey": false}, kept); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	want := map[string]string{"SecretsKeyArn": "SecretsKey.Arn", "SigningKeyArn": "SigningKey.Arn"}
	for _, table := range store.Tables() {
		want[string(table)+"TableName"] = string(table) + "Table"
	}
	for name, value := range want {
		if o := tpl.Outputs[name]; o.Value.Value != value || o.Description == "" {
			t.Errorf("output %s: %q (%s), want %s", name, o.Value.Value, o.Description, value)
		}
	}
}

// Each protection that is taken away is missed.
func TestUnprotected(t *testing.T) {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line, missing := range map[string]string{
		"    DeletionPolicy: Retain\n":                     "DeletionPolicy",
		"    UpdateReplacePolicy: Retain\n":                "UpdateReplacePolicy",
		"      DeletionProtectionEnabled: true\n":          "DeletionProtectionEnabled",
		"        PointInTimeRecoveryEnabled: true\n":       "PointInTimeRecoverySpecification",
		"        SSEType: KMS\n":                           "SSESpecification",
		"        KMSMasterKeyId: !GetAtt SecretsKey.Arn\n": "SSESpecification",
		"      BillingMode: PAY_PER_REQUEST\n":             "BillingMode",
	} {
		copied := filepath.Join(t.TempDir(), "template.yaml")
		text := strings.ReplaceAll(string(raw), line, "")
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		tables, err := template.Tables(copied)
		if err != nil {
			t.Fatal(err)
		}
		if len(tables) == 0 {
			t.Errorf("without %q: no tables", line)
		}
		for _, table := range tables {
			if !slices.Equal(table.Unprotected, []string{missing}) {
				t.Errorf("%s without %q: missed %v, want %s", table.Name, line, table.Unprotected, missing)
			}
		}
	}
}

func TestReadErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "template.yaml")
	text := "Resources: {XTable: {Type: 'AWS::DynamoDB::Table', Properties: {KeySchema: 7}}}"
	if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := template.Tables(bad); err == nil || !strings.Contains(err.Error(), "XTable") {
		t.Errorf("a table that makes no sense: got %v, want its name", err)
	}
	if _, err := template.Tables(bad + ".none"); err == nil {
		t.Error("no file: no error")
	}
}
