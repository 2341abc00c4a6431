package password

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// turnstile is a source of salts that counts: the nth to hash gets n as its salt. As a salt is read behind the gate, it
// also holds up whoever is there until it is opened, and knows how many they are.
type turnstile struct {
	open   chan struct{}
	held   atomic.Int64
	served atomic.Uint64
}

func (s *turnstile) Read(p []byte) (int, error) {
	s.held.Add(1)
	<-s.open
	s.held.Add(-1)
	clear(p)
	binary.LittleEndian.PutUint64(p, s.served.Add(1))
	return len(p), nil
}

// gate makes a Hasher that holds up whoever its gate lets in until the turnstile is opened.
func gate(t *testing.T, cores, queue int) (*Hasher, *turnstile) {
	t.Helper()
	h, err := New(cheap, cores, queue, rand.Reader)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	s := &turnstile{open: make(chan struct{})}
	h.random = s
	return h, s
}

// turn tells from a hash which turn its salt was read in.
func turn(t *testing.T, encoded string) uint64 {
	t.Helper()
	h, err := parse(encoded)
	if err != nil {
		t.Fatalf("hash %q: %v", encoded, err)
	}
	return binary.LittleEndian.Uint64(h.(argon2Hash).salt)
}

func TestGateServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := gate(t, 1, DefaultQueue)
		const n = 500
		got := make([]string, n)
		for i := range n {
			go func() {
				var err error
				if got[i], err = h.Hash(t.Context(), "x"); err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			}()
			synctest.Wait() // the next one comes when this one stands in the queue
		}
		close(s.open)
		synctest.Wait()
		for i, encoded := range got {
			if turn := turn(t, encoded); turn != uint64(i+1) {
				t.Fatalf("caller %d was served in turn %d", i+1, turn)
			}
		}
	})
}

func TestGateRefusesAtOnceWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cores, all = 2, 600
		h, s := gate(t, cores, DefaultQueue)
		var busy, served atomic.Int64
		for range all {
			go func() {
				switch _, err := h.Hash(t.Context(), "x"); {
				case err == nil:
					served.Add(1)
				case errors.Is(err, ErrBusy):
					busy.Add(1)
				default:
					t.Errorf("Hash: %v", err)
				}
			}()
		}
		synctest.Wait()
		const room = cores + DefaultQueue
		if b, r := busy.Load(), s.held.Load(); b != all-room || r != cores {
			t.Errorf("with the gate held: %d were refused and %d let in, want %d and %d", b, r, all-room, cores)
		}
		close(s.open)
		synctest.Wait()
		if b, n := busy.Load(), served.Load(); b != all-room || n != room {
			t.Errorf("in the end: %d were refused and %d served, want %d and %d", b, n, all-room, room)
		}
		if _, err := h.Hash(t.Context(), "x"); err != nil {
			t.Errorf("Hash when all have left: %v", err)
		}
	})
}

// Whoever gives up leaves the queue: the place is another's, and nobody waits for it.
func TestGateLetsWaitersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := gate(t, 1, 2)
		call := func(ctx context.Context, encoded *string) <-chan error {
			done := make(chan error, 1)
			go func() {
				var err error
				*encoded, err = h.Hash(ctx, "x")
				done <- err
			}()
			synctest.Wait()
			return done
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var results [4]string
		first, second, third := call(t.Context(), &results[0]), call(impatient, &results[1]), call(t.Context(), &results[2])
		if _, _, err := h.Verify(t.Context(), "", "x"); !errors.Is(err, ErrBusy) {
			t.Errorf("Verify with the queue full: got %v, want %v", err, ErrBusy)
		}
		if err := <-second; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Hash of the impatient: got %v, want %v", err, context.DeadlineExceeded)
		}
		fourth := call(t.Context(), &results[3])
		close(s.open)
		for i, done := range []<-chan error{first, third, fourth} {
			if err := <-done; err != nil {
				t.Errorf("Hash of patient caller %d: %v", i+1, err)
			}
		}
		if a, b, c := turn(t, results[0]), turn(t, results[2]), turn(t, results[3]); a != 1 || b != 2 || c != 3 {
			t.Errorf("the patient were served in turns %d, %d, %d, want 1, 2, 3", a, b, c)
		}
	})
}

func TestGateOfEndedContext(t *testing.T) {
	h, err := New(cheap, 1, 0, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ended, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("Hash: got %v, want %v", err, context.Canceled)
	}
	if _, err := h.Matches(ended, []string{""}, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("Matches: got %v, want %v", err, context.Canceled)
	}
	if _, err := h.Hash(t.Context(), "x"); err != nil { // there is one place, and it is free
		t.Errorf("Hash after those: %v", err)
	}
}

func TestHasher(t *testing.T) {
	h, err := New(Params{MemoryKiB: 16, Passes: 1, Lanes: 1}, 1, 0, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for _, pw := range []string{"one", "two", "three"} {
		encoded, err := h.Hash(t.Context(), pw)
		if err != nil {
			t.Fatalf("Hash(%q): %v", pw, err)
		}
		hashes = append(hashes, encoded)
	}
	old, err := Hash("two", cheap, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		encoded, pw string
		ok, weak    bool
		err         error
	}{
		{hashes[1], "two", true, false, nil},
		{hashes[1], "Two", false, false, nil},
		{old, "two", true, true, nil},
		{"", "two", false, false, nil}, // nobody's
		{"", "", false, false, nil},
		{"two", "two", false, false, ErrMalformed},
	} {
		ok, weak, err := h.Verify(t.Context(), c.encoded, c.pw)
		if ok != c.ok || weak != c.weak || !errors.Is(err, c.err) {
			t.Errorf("Verify(%q, %q): got %v, %v, %v, want %v, %v, %v", c.encoded, c.pw, ok, weak, err, c.ok, c.weak, c.err)
		}
	}
	for _, c := range []struct {
		pw   string
		want int
	}{{"one", 0}, {"two", 1}, {"three", 2}, {"four", -1}} {
		if got, err := h.Matches(t.Context(), append(hashes, old), c.pw); got != c.want || err != nil {
			t.Errorf("Matches(%q): got %d, %v, want %d", c.pw, got, err, c.want)
		}
	}
	if got, err := h.Matches(t.Context(), nil, "one"); got != -1 || err != nil {
		t.Errorf("Matches with none: got %d, %v, want -1", got, err)
	}
	if got, err := h.Matches(t.Context(), []string{hashes[0], "plain"}, "two"); got != -1 || !errors.Is(err, ErrMalformed) {
		t.Errorf("Matches with a malformed one: got %d, %v, want -1, %v", got, err, ErrMalformed)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name         string
		p            Params
		cores, queue int
		random       io.Reader
	}{
		{"no cores", cheap, 0, 1, rand.Reader},
		{"negative queue", cheap, 1, -1, rand.Reader},
		{"no passes", Params{MemoryKiB: 8, Lanes: 1}, 1, 1, rand.Reader},
		{"too much memory", Params{MemoryKiB: maxMemoryKiB + 1, Passes: 1, Lanes: 1}, 1, 1, rand.Reader},
		{"no randomness", cheap, 1, 1, io.LimitReader(rand.Reader, 10)},
	} {
		if _, err := New(c.p, c.cores, c.queue, c.random); err == nil {
			t.Errorf("New with %s: got no error", c.name)
		}
	}
}

// memory is what the runtime holds of the machine's memory, in bytes; near enough to the resident size.
func memory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

func raise(peak *atomic.Int64, to int64) {
	for old := peak.Load(); to > old && !peak.CompareAndSwap(old, to); old = peak.Load() {
	}
}

// 500 logins at once take less than 150 MB more than none, also in a program whose heap is so large that the collector would
// not come by itself. Those who wait hold nothing, so after the first few rounds the picture stays the same, and the test
// sends the others home.
func TestMemoryOfManyLogins(t *testing.T) {
	const logins, served, limit = 500, 24, 150_000_000
	heap := make([]byte, 100_000_000)
	defer runtime.KeepAlive(heap)
	debug.FreeOSMemory()
	before := memory()
	ctx, sendHome := context.WithCancel(t.Context())
	defer sendHome()
	var peak, n atomic.Int64
	h, err := New(DefaultParams, 2, DefaultQueue, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range logins {
		all.Go(func() {
			_, _, err := h.Verify(ctx, "", fmt.Sprintf("password %d", i))
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Verify: %v", err)
			}
			raise(&peak, memory()-before)
			if n.Add(1) == served {
				sendHome()
			}
		})
	}
	all.Wait()
	t.Logf("%d logins at once: %d MB more than at rest", logins, peak.Load()/1e6)
	if peak.Load() > limit || n.Load() != logins {
		t.Errorf("%d logins at once: %d MB more than at rest, want %d at most", n.Load(), peak.Load()/1e6, limit/1_000_000)
	}
}

// The floor: argon2id alone.
func BenchmarkHash(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Hash("correct horse battery staple", DefaultParams, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}

// Through the gate, by so many clients at once: hashes a second should be those of the floor times the cores.
func BenchmarkGate(b *testing.B) {
	for _, clients := range []int{1, 4, 16, 500} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			h, err := New(DefaultParams, runtime.GOMAXPROCS(0), DefaultQueue, rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			debug.FreeOSMemory()
			before := memory()
			var left, peak atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var all sync.WaitGroup
			for range clients {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := h.Hash(b.Context(), "correct horse battery staple"); err != nil {
							b.Error(err)
							return
						}
						raise(&peak, memory()-before)
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(peak.Load())/(1<<20), "peak-MiB")
		})
	}
}
