package password

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
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
// none faster, and memory would grow with the number of requests. Whoever waits holds nothing but a goroutine. Working
// memory cannot be used again before it was collected, and left to itself the collector waits until the whole heap has
// doubled; so after every cores hashes the Hasher collects. So it takes twice cores times Params.MemoryKiB at most, 40 MB
// for each core with DefaultParams, however many wait and however large the rest of the heap is. (Imported hashes may ask
// for up to 128 MiB.)
//
// A Hasher is safe for concurrent use.
type Hasher struct {
	params  Params
	random  io.Reader
	dummy   string
	running *semaphore.Weighted // first come, first served
	inside  atomic.Int64        // running and waiting
	room    int64
	hashed  atomic.Int64 // hashes computed
	cores   int64
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
		cores:   int64(cores),
	}, nil
}

// Hash hashes pw under the Hasher's parameters (see [Hash]). It waits its turn: the error is [ErrBusy], or that of ctx if
// it ended in the queue.
func (h *Hasher) Hash(ctx context.Context, pw string) (encoded string, err error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	defer h.collect()
	return Hash(pw, h.params, h.random)
}

// Verify reports whether encoded is a hash of pw, and whether it is weaker than the Hasher's parameters (see [Verify]).
// An empty encoded stands for the hash of somebody who does not exist or has none: it matches nothing and takes as long as
// a real one. It waits its turn: the error is [ErrBusy], that of ctx if it ended in the queue, or that of encoded.
func (h *Hasher) Verify(ctx context.Context, encoded, pw string) (ok, weak bool, err error) {
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	if encoded == "" {
		_, _, err := h.verify(h.dummy, pw)
		return false, false, err
	}
	return h.verify(encoded, pw)
}

// Matches gives the index of the first of encoded that is a hash of pw, or -1. It waits its turn once for all of them,
// and looks at ctx between two. The error is as for [Hasher.Verify].
func (h *Hasher) Matches(ctx context.Context, encoded []string, pw string) (int, error) {
	if err := h.enter(ctx); err != nil {
		return -1, err
	}
	defer h.leave()
	for i, e := range encoded {
		if err := ctx.Err(); err != nil {
			return -1, fmt.Errorf("compare with hash %d of %d: %w", i+1, len(encoded), err)
		}
		ok, _, err := h.verify(e, pw)
		if err != nil {
			return -1, fmt.Errorf("compare with hash %d of %d: %w", i+1, len(encoded), err)
		}
		if ok {
			return i, nil
		}
	}
	return -1, nil
}

// enter waits for its turn. Unless it gives an error, leave must follow.
func (h *Hasher) enter(ctx context.Context) error {
	if h.inside.Add(1) > h.room {
		h.inside.Add(-1)
		return ErrBusy
	}
	if err := h.running.Acquire(ctx, 1); err != nil {
		h.inside.Add(-1)
		return fmt.Errorf("wait to hash: %w", err)
	}
	return nil
}

// leave gives up the place before the turn, so that whoever is let in next never counts beside the one who left.
func (h *Hasher) leave() {
	h.inside.Add(-1)
	h.running.Release(1)
}

// verify is for those who have entered.
func (h *Hasher) verify(encoded, pw string) (ok, weak bool, err error) {
	defer h.collect()
	return Verify(encoded, pw, h.params)
}

// collect counts a hash, and collects the working memory of the last ones once there are as many as cores. On a small
// heap that takes about a millisecond, and in a busy time the collector would run no less often.
func (h *Hasher) collect() {
	if h.hashed.Add(1)%h.cores == 0 {
		runtime.GC()
	}
}
