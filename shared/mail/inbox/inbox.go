// Package inbox is where mail goes on a machine that has no mail server: a folder that a page shows. The last Kept mails are
// there, each in a file of its own, encrypted, and survive a restart.
package inbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/shared/keys"
	"postern/shared/mail"
)

// Kept is how many mails there are at the most; the oldest go first.
const Kept = 500

// Entry is a mail as it arrived.
type Entry struct {
	ID      string    `json:"id"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	At      time.Time `json:"at"`
}

// Inbox implements mail.Sender. It is safe for concurrent use, in one process.
type Inbox struct {
	dir  string
	keys keys.Keys
	now  func() time.Time

	mu    sync.Mutex
	names []string // of the files, the oldest first
	count uint64   // of mails ever, so that names of one moment are in order
}

var _ mail.Sender = (*Inbox)(nil)

const suffix = ".mail"

// Open opens the inbox in a folder, and makes it, mode 0700, if it is not there.
func Open(dir string, k keys.Keys, now func() time.Time) (*Inbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make inbox: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read inbox: %w", err)
	}
	b := &Inbox{dir: dir, keys: k, now: now}
	for _, e := range entries { // sorted by name
		if strings.HasSuffix(e.Name(), suffix) {
			b.names = append(b.names, e.Name())
			if _, err := fmt.Sscanf(e.Name(), "%016x", &b.count); err != nil {
				return nil, fmt.Errorf("inbox: %s is no mail: remove it", filepath.Join(dir, e.Name()))
			}
		} else {
			_ = os.Remove(filepath.Join(dir, e.Name())) // half written when the process was killed
		}
	}
	return b, nil
}

// Send implements mail.Sender. When it returns the mail is on the disk.
func (b *Inbox) Send(ctx context.Context, m mail.Message) error {
	if err := errors.Join(ctx.Err(), m.Check()); err != nil {
		return fmt.Errorf("put in inbox: %w", err)
	}
	from := m.From
	if m.FromName != "" {
		from = m.FromName + " <" + m.From + ">"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	name := fmt.Sprintf("%016x-%s%s", b.count, rand.Text()[:8], suffix)
	raw, err := json.Marshal(Entry{
		ID: strings.TrimSuffix(name, suffix), From: from, To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML, At: b.now().UTC(),
	})
	if err != nil {
		return fmt.Errorf("put in inbox: %w", err)
	}
	sealed, err := b.keys.Encrypt(ctx, raw, keys.Context{"inbox", name})
	if err != nil {
		return fmt.Errorf("put in inbox: %w", err)
	}
	if err := b.write(name, sealed); err != nil {
		return fmt.Errorf("put in inbox: %w", err)
	}
	b.names = append(b.names, name)
	for len(b.names) > Kept {
		if err := os.Remove(filepath.Join(b.dir, b.names[0])); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the oldest mail: %w", err)
		}
		b.names = b.names[1:]
	}
	return nil
}

// write puts a file there whole, or not at all.
func (b *Inbox) write(name string, content []byte) error {
	f, err := os.CreateTemp(b.dir, "new-*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(b.dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(b.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// List gives all mails, the newest first.
func (b *Inbox) List(ctx context.Context) ([]Entry, error) {
	b.mu.Lock()
	names := slices.Clone(b.names)
	b.mu.Unlock()
	entries := make([]Entry, 0, len(names))
	for _, name := range slices.Backward(names) {
		sealed, err := os.ReadFile(filepath.Join(b.dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // made room meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("read inbox: %w", err)
		}
		raw, err := b.keys.Decrypt(ctx, sealed, keys.Context{"inbox", name})
		if err != nil {
			return nil, fmt.Errorf("open mail %s: %w", name, err)
		}
		var e Entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("read mail %s: %w", name, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}
