// Package access is what Postern does: how operators get in, and how they get back in.
//
// # Load, decide, commit once
//
// Each use case is a method of [Service] in a file of its own, and reads the same way: load what the decision needs, decide
// in a pure function (decide…) of the loaded state, the command, the time and randomness, and commit the one change set that
// it returns in one conditional transaction, which also holds the mails to send and the notices to log (commit.go). A
// refusal may carry changes too. What was decided on state that has changed meanwhile is decided again.
//
// Budgets ([limit.Budget]) are the one exception: they are taken before a secret is compared and given back after.
//
// # Where things are
//
// A file per concept holds its record, its rules and its keys: account.go, policy.go, operator.go, session.go, code.go,
// notice.go, outbox.go. A file per use case, noun first: login.go, reset_confirm.go, operator_create.go.
//
// Rules are cited by the numbers of docs/behaviour.md, as (behaviour 3.3).
package access

import (
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"postern/shared/keys"
	"postern/shared/password"
	"postern/shared/queue"
	"postern/shared/store"
)

// Config is what a Service works with. Every field must be set unless it says otherwise.
type Config struct {
	Store  store.Store
	Keys   keys.Keys
	Signer keys.Signer // of the notice log; unset: SealNotices fails, and verifying cannot say who signed
	Hasher *password.Hasher
	Queue  queue.Sender // told of each outbox item after the commit, best effort
	Now    func() time.Time
	Random io.Reader    // unset: crypto/rand
	Log    *slog.Logger // unset: slog.Default
	// Origin is where people reach Postern, scheme and host with an optional base path, without a slash at the end: links in
	// mails begin with it. It never comes from a request.
	Origin string
}

// Service does everything that Postern does. It is safe for concurrent use.
type Service struct {
	store  store.Store
	keys   keys.Keys
	signer keys.Signer // may be nil
	hasher *password.Hasher
	queue  queue.Sender
	clock  func() time.Time
	random io.Reader
	log    *slog.Logger
	origin string
}

// New makes a Service.
func New(c Config) *Service {
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{c.Store, c.Keys, c.Signer, c.Hasher, c.Queue, c.Now, c.Random, c.Log, c.Origin}
}

// now is the time that a use case decides at: UTC, whole milliseconds, as it is stored.
func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Millisecond) }
