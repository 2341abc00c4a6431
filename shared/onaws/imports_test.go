package onaws_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"postern/shared/onaws"
	"postern/shared/web"
)

// What functions link: nothing of one machine anywhere, mail sending in one alone, keys, queues and pages only where they are needed.
func TestImports(t *testing.T) {
	var served []string
	for _, f := range web.Functions() {
		served = append(served, f.Name)
	}
	folders, err := os.ReadDir("../../functions")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		name := folder.Name()
		needs, ok := onaws.Functions()[name]
		if !ok {
			t.Errorf("functions/%s is not in the table of functions", name)
		}
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "postern/functions/"+name).Output()
		if err != nil {
			t.Fatalf("go list of %s: %v", name, err)
		}
		linked := strings.Fields(string(out))
		for pkg, want := range map[string]bool{
			"go.etcd.io/bbolt": false, "postern/shared/store/bolt": false, "postern/shared/keys/file": false,
			"postern/shared/queue/inproc": false, "postern/shared/onemachine": false, "postern/shared/mail/smtp": false,
			"postern/shared/mail/inbox": false, "testing": false, "github.com/aws/aws-sdk-go-v2/config": false,
			"postern/shared/mail/ses": needs.Sends, "github.com/aws/aws-sdk-go-v2/service/sesv2": needs.Sends,
			"github.com/aws/aws-sdk-go-v2/service/kms": needs.Keys || needs.Signs || needs.Verifies,
			"github.com/aws/aws-sdk-go-v2/service/sqs": len(needs.Queues) > 0,
			"postern/shared/web":                       slices.Contains(served, name),
		} {
			if slices.Contains(linked, pkg) != want {
				t.Errorf("%s links %s: %v, want %v", name, pkg, !want, want)
			}
		}
	}
	if len(folders) != len(onaws.Functions()) {
		t.Errorf("%d folders under functions/, %d functions in the table", len(folders), len(onaws.Functions()))
	}
}
