package template_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/infra/template"
	"postern/shared/store"
)

// The template has exactly the tables that the code knows, with the keys that the adapter uses, and everything in them is
// kept: nothing that is deployed, or taken down, loses data.
func TestTables(t *testing.T) {
	tables, err := template.Tables("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []store.Table
	for _, table := range tables {
		names = append(names, store.Table(table.Name))
		if d := cmp.Diff([]template.Key{{"pk", "HASH"}, {"sk", "RANGE"}}, table.Keys); d != "" {
			t.Errorf("keys of %s (-want +got):\n%s", table.Name, d)
		}
		if !table.Protected {
			t.Errorf("%s is not kept: see its neighbours", table.Name)
		}
		wantTTL := map[store.Table]string{store.Codes: "ttl", store.Sessions: "ttl", store.Limits: "ttl", store.Outbox: "ttl"}[store.Table(table.Name)]
		if table.TTL != wantTTL {
			t.Errorf("%s expires by %q, want %q", table.Name, table.TTL, wantTTL)
		}
		due := map[store.Table]bool{store.Operators: true, store.Notices: true, store.Outbox: true}[store.Table(table.Name)]
		if due != (len(table.Indexes) == 1 && table.Indexes[0].Name == "due") {
			t.Errorf("%s has indexes %v", table.Name, table.Indexes)
		}
	}
	if d := cmp.Diff(store.Tables(), names); d != "" {
		t.Errorf("tables (-code +template):\n%s", d)
	}
}
