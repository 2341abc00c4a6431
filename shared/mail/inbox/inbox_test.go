package inbox_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/shared/keys"
	"postern/shared/keys/file"
	"postern/shared/mail"
	"postern/shared/mail/inbox"
	"postern/shared/mail/mailtest"
)

var now = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string) *inbox.Inbox {
	t.Helper()
	k, err := file.Open(filepath.Join(dir, "keys"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := inbox.Open(filepath.Join(dir, "inbox"), k, func() time.Time { return now })
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return b
}

func message(i int) mail.Message {
	return mail.Message{ID: "id", From: "postern@acme.example", FromName: "Acme", To: "alice@acme.example", Subject: fmt.Sprint("Subject ", i), Text: "the secret text", HTML: "<p>html</p>"}
}

func send(t *testing.T, b *inbox.Inbox, i int) {
	t.Helper()
	if err := b.Send(t.Context(), message(i)); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

func subjects(t *testing.T, b *inbox.Inbox) (s []string) {
	t.Helper()
	all, err := b.List(t.Context())
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	for _, e := range all {
		s = append(s, e.Subject)
	}
	return s
}

func TestSuite(t *testing.T) {
	mailtest.Run(t, func(t *testing.T) (mail.Sender, func(*testing.T) []mailtest.Received) {
		b := open(t, t.TempDir())
		return b, func(t *testing.T) (all []mailtest.Received) {
			entries, err := b.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				all = append(all, mailtest.Received{From: e.From, To: e.To, Subject: e.Subject, Text: e.Text, HTML: e.HTML})
			}
			return all
		}
	})
}

// Mails are there, the newest first, also after a restart; on the disk they are encrypted, and for their owner alone.
func TestInbox(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if got := subjects(t, b); len(got) != 0 {
		t.Errorf("a new inbox holds %v", got)
	}
	for i := range 3 {
		send(t, b, i)
	}
	b = open(t, dir)
	send(t, b, 3)
	want := []string{"Subject 3", "Subject 2", "Subject 1", "Subject 0"}
	if d := cmp.Diff(want, subjects(t, b)); d != "" {
		t.Errorf("subjects (-want +got):\n%s", d)
	}
	all, err := b.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantEntry := inbox.Entry{ID: all[0].ID, From: "Acme <postern@acme.example>", To: "alice@acme.example", Subject: "Subject 3", Text: "the secret text", HTML: "<p>html</p>", At: now}
	if d := cmp.Diff(wantEntry, all[0]); d != "" || all[0].ID == "" || all[0].ID == all[1].ID {
		t.Errorf("entry (-want +got):\n%s", d)
	}
	files, err := os.ReadDir(filepath.Join(dir, "inbox"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(dir, "inbox", f.Name()))
		if err != nil || bytes.Contains(raw, []byte("secret")) {
			t.Errorf("%s shows its text (%v)", f.Name(), err)
		}
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
}

func TestOnlyTheLastAreKept(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	var wg sync.WaitGroup
	for w := range 10 {
		wg.Go(func() {
			for i := range 51 {
				if err := b.Send(t.Context(), message(w*100+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(subjects(t, b)); n != inbox.Kept {
		t.Errorf("%d mails, want %d", n, inbox.Kept)
	}
	if n := len(subjects(t, open(t, dir))); n != inbox.Kept {
		t.Errorf("%d mails after a restart, want %d", n, inbox.Kept)
	}
}

// What was half written when the process was killed is gone; a mail that was moved under another name does not open.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	send(t, b, 1)
	half := filepath.Join(dir, "inbox", "new-123")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir)
	if got := subjects(t, b); len(got) != 1 {
		t.Errorf("holds %v", got)
	}
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half mail is still there: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "inbox", "*.mail"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(files[0], filepath.Join(dir, "inbox", "00000000000000ff-AAAAAAAA.mail")); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).List(t.Context()); !errors.Is(err, keys.ErrWrong) {
		t.Errorf("a renamed mail: got %v, want %v", err, keys.ErrWrong)
	}
}
