package access

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/shared/keys/file"
	"postern/shared/secret"
	"postern/shared/store"
)

func recordService(t *testing.T) *Service {
	t.Helper()
	k, err := file.Open(filepath.Join(t.TempDir(), "keys"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Keys: k})
}

// Old and new code run side by side: fields that this code does not know are kept and written back (design.md, "The store port").
func TestRecordsKeepWhatTheyDoNotKnow(t *testing.T) {
	s := recordService(t)
	ctx := t.Context()
	r := &session{bearer: bearer{kind: bearerSession, AccountID: "a", OperatorID: "o", ID: "s"}, Kind: SessionFull}
	item, err := s.encode(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	item.Version = 1
	item.Fields["fromTheFuture"] = store.Text("kept")
	back := &session{bearer: bearer{kind: bearerSession, AccountID: "a", OperatorID: "o", ID: "s"}}
	if err := s.decode(ctx, item, back); err != nil {
		t.Fatal(err)
	}
	back.Kind = SessionChangeOnly
	again, err := s.encode(ctx, back)
	if err != nil {
		t.Fatal(err)
	}
	want := item.Fields
	want["kind"] = store.Text("change_only")
	if d := cmp.Diff(want, again.Fields); d != "" {
		t.Errorf("fields (-want +got):\n%s", d)
	}
}

// A shorter list leaves nothing of the longer one behind.
func TestListsShrink(t *testing.T) {
	s := recordService(t)
	ctx := t.Context()
	o := &operator{AccountID: "a", ID: "o", History: []pastPassword{{Hash: secret.New("1")}, {Hash: secret.New("2")}}}
	item, err := s.encode(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	item.Version = 1
	back := &operator{AccountID: "a", ID: "o"}
	if err := s.decode(ctx, item, back); err != nil {
		t.Fatal(err)
	}
	if len(back.History) != 2 || back.History[1].Hash.Reveal() != "2" {
		t.Fatalf("history %v", back.History)
	}
	back.History = back.History[:1]
	if item, err = s.encode(ctx, back); err != nil {
		t.Fatal(err)
	}
	for name := range item.Fields {
		if name == "history.1.hash" {
			t.Error("the second element is still there")
		}
	}
}

// A secret that was moved to another operator, or another field, does not open (security.md, "Secrets").
func TestSecretsAreBoundToTheirPlace(t *testing.T) {
	s := recordService(t)
	ctx := context.Background()
	encode := func(id string) store.Item {
		o := &operator{AccountID: "a", ID: id, Password: ownPassword{Hash: secret.New("hash of " + id)}, TOTP: ownTOTP{Secret: secret.New("seed of " + id)}}
		item, err := s.encode(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		item.Version = 1
		return item
	}
	alice, bob := encode("alice"), encode("bob")
	alice.Fields["password.hash"], bob.Fields["password.hash"] = bob.Fields["password.hash"], alice.Fields["password.hash"]
	if err := s.decode(ctx, alice, &operator{AccountID: "a", ID: "alice"}); err == nil {
		t.Error("another operator's hash opens")
	}
	carol := encode("carol")
	carol.Fields["password.hash"] = carol.Fields["totp.secret"]
	if err := s.decode(ctx, carol, &operator{AccountID: "a", ID: "carol"}); err == nil {
		t.Error("a TOTP secret opens as a hash")
	}
}
