package password

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// DefaultQueue is how many may wait at the gate of a [Hasher]. At some 25 ms a hash and two cores the last of them waits
// for seven seconds, well within the time that a gateway or a browser waits.
const DefaultQueue = 512

// ErrBusy means that as many are waiting to hash as may wait. Nothing was done; it is worth trying again in a moment.
var ErrBusy = errors.New("too many passwords are being hashed")

// Hasher hashes and compares passwords behind a gate: so many at once as there are cores, the others wait in the order in
// which they came, and when too many wait the next is refused at once with [ErrBusy].
//
// A hash takes a core and its working memory (19 MiB with [DefaultParams]) for its whole time, so more at once would make
// none faster, and memory would grow with the number of requests. Whoever waits holds nothing but a goroutine. That makes
// the working memory in use cores times Params.MemoryKiB, and with garbage not yet collected about twice that (GOGC=100).
//
// A Hasher is safe for concurrent use.
type Hasher struct {
	params  Params
	random  io.Reader
	dummy   string
	running *semaphore.Weighted // first come, first served
	inside  atomic.Int64        // running and waiting
	room    int64
}

// New makes a Hasher that hashes under p, lets cores hashes (at least 1) run at once and queue others (at least 0) wait.
// random gives salts and must be safe for concurrent use. The error is that of p or of random.
func New(p Params, cores, queue int, random io.Reader) (*Hasher, error) {
	if cores < 1 || queue < 0 {
		return nil, fmt.Errorf("gate of %d cores and a queue of %d: too small", cores, queue)
	}
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("hash parameters: %w", err)
	}
	// A key at random is no password's, costs as much to compare with as any other, and takes no time to make.
	bytes := make([]byte, saltSize+keySize)
	if _, err := io.ReadFull(random, bytes); err != nil {
		return nil, fmt.Errorf("read dummy hash: %w", err)
	}
	return &Hasher{
		params:  p,
		random:  random,
		dummy:   argon2Hash{id: argon2id, params: p, salt: bytes[:saltSize], key: bytes[saltSize:]}.String(),
		running: semaphore.NewWeighted(int64(cores)),
		room:    int64(cores + queue),
	}, nil
}

// Hash hashes pw under the Hasher's parameters (see [Hash]). It waits its turn: the error is [ErrBusy], or that of ctx if
// it ended in the queue.
func (h *Hasher) Hash(ctx context.Context, pw string) (encoded string, err error) {
	err = h.Enter(ctx, func(e Entry) error {
		encoded, err = e.Hash(pw)
		return err
	})
	return encoded, err
}

// Verify reports whether encoded is a hash of pw, and whether it is weaker than the Hasher's parameters (see [Verify]).
// An empty encoded stands for the hash of somebody who does not exist or has none: it matches nothing and takes as long as
// a real one. It waits its turn: the error is [ErrBusy], that of ctx if it ended in the queue, or that of encoded.
func (h *Hasher) Verify(ctx context.Context, encoded, pw string) (ok, weak bool, err error) {
	err = h.Enter(ctx, func(e Entry) error {
		ok, weak, err = e.Verify(encoded, pw)
		return err
	})
	return ok, weak, err
}

// Enter waits its turn at the gate and calls do once, for those who have several hashes to make or compare and want to
// wait for it once. What do was given is not to be used after it returned. The error is [ErrBusy], that of ctx if it ended
// in the queue (do was not called then), or what do returned. Within do, entering again could wait for itself.
func (h *Hasher) Enter(ctx context.Context, do func(Entry) error) error {
	defer h.inside.Add(-1)
	if h.inside.Add(1) > h.room {
		return ErrBusy
	}
	if err := h.running.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait to hash: %w", err)
	}
	defer h.running.Release(1)
	return do(Entry{h})
}

// Entry is the right to hash, as long as the function runs that [Hasher.Enter] gave it to. It is for one goroutine.
type Entry struct{ h *Hasher }

// Hash is [Hasher.Hash] without waiting.
func (e Entry) Hash(pw string) (string, error) { return Hash(pw, e.h.params, e.h.random) }

// Verify is [Hasher.Verify] without waiting.
func (e Entry) Verify(encoded, pw string) (ok, weak bool, err error) {
	if encoded == "" {
		_, _, err = Verify(e.h.dummy, pw, e.h.params)
		return false, false, err
	}
	return Verify(encoded, pw, e.h.params)
}
