package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// counter is a budget's counter as a store keeps it, with a clock, to tell stories on.
type counter struct {
	t   testing.TB
	b   Budget
	tat time.Time
	now time.Time
}

func newCounter(t testing.TB, b Budget) *counter {
	return &counter{t: t, b: b, now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
}

func (c *counter) pass(d time.Duration) { c.now = c.now.Add(d) }

// takes takes n, which must go well.
func (c *counter) takes(n int) {
	c.t.Helper()
	next, wait, ok := c.b.Take(c.tat, c.now, n)
	if !ok || wait != 0 {
		c.t.Fatalf("take %d: refused, to wait %v", n, wait)
	}
	c.tat = next
}

// refused takes n, which must be refused for so long.
func (c *counter) refused(n int, wait time.Duration) {
	c.t.Helper()
	next, got, ok := c.b.Take(c.tat, c.now, n)
	if ok || got != wait {
		c.t.Fatalf("take %d: got %v, wait %v, want a refusal for %v", n, ok, got, wait)
	}
	if next.After(c.tat) && next.After(c.now) {
		c.t.Fatalf("take %d: refused, but the counter went from %v to %v", n, c.tat, next)
	}
}

func (c *counter) gives(n int) { c.tat = c.b.Give(c.tat, c.now, n) }

func (c *counter) has(left int, wait time.Duration) {
	c.t.Helper()
	if l, w := c.b.Left(c.tat, c.now); l != left || w != wait {
		c.t.Fatalf("left: got %d, wait %v, want %d, wait %v", l, w, left, wait)
	}
}

// Ten at once, one a minute.
func TestBudgetStory(t *testing.T) {
	c := newCounter(t, Budget{Key: "story", Burst: 10, Every: time.Minute})

	// Nobody has come yet: it is full. One is taken, then nine: none is left.
	c.has(10, 0)
	c.takes(1)
	c.has(9, 0)
	c.takes(9)
	c.has(0, time.Minute)

	// Whoever asks again is told how long to wait. Asking costs nothing, however often.
	c.refused(1, time.Minute)
	for range 1000 {
		c.refused(1, time.Minute)
	}
	c.refused(3, 3*time.Minute)
	c.refused(10, 10*time.Minute)

	// Half a minute is not enough; nor is all but a nanosecond. Exactly as patient as told gets exactly one.
	c.pass(30 * time.Second)
	c.refused(1, 30*time.Second)
	c.has(0, 30*time.Second)
	c.pass(30*time.Second - time.Nanosecond)
	c.refused(1, time.Nanosecond)
	c.pass(time.Nanosecond)
	c.has(1, 0)
	c.takes(1)
	c.refused(1, time.Minute)

	// What was earned adds up, and several can be taken of it, but not more.
	c.pass(3*time.Minute + 20*time.Second)
	c.has(3, 0)
	c.refused(4, 40*time.Second)
	c.takes(2)
	c.has(1, 0)
	c.takes(1)
	c.refused(1, 40*time.Second)

	// After a right password, what was taken is given back.
	c.gives(1)
	c.has(1, 0)
	c.takes(1)

	// After a long time it is full, not more than full.
	c.pass(1000 * time.Hour)
	c.has(10, 0)
	c.gives(5)
	c.has(10, 0)
	c.takes(10)
	c.refused(1, time.Minute)

	// Gifts do not go beyond full either.
	c.gives(100)
	c.has(10, 0)
	c.takes(10)
	c.refused(1, time.Minute)
}

// More than the whole budget is never to be had, however full it is.
func TestTakeMoreThanBurst(t *testing.T) {
	c := newCounter(t, Budget{Key: "three", Burst: 3, Every: time.Second})
	c.refused(4, time.Second)
	c.pass(time.Hour)
	c.refused(4, time.Second)
	c.takes(3)
}

// Machines' clocks differ: one that is behind sees a budget that is emptier, never one that is fuller.
func TestClockBehind(t *testing.T) {
	c := newCounter(t, Budget{Key: "skew", Burst: 2, Every: time.Minute})
	c.takes(2)
	c.pass(-25 * time.Second)
	c.refused(1, 85*time.Second)
	c.has(0, 85*time.Second)
	c.pass(85 * time.Second)
	c.takes(1)
}

func drawBudget(t *rapid.T) Budget {
	return Budget{
		Key:   "drawn",
		Burst: rapid.IntRange(1, 20).Draw(t, "burst"),
		Every: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "every")),
	}
}

// In no window do more get through than the burst and one for each interval in it, nor is anybody refused who is within
// it.
func TestNeverMoreThanEarned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBudget(t)
		start := time.Unix(1_800_000_000, 0)
		now, tat := start, time.Time{}
		var taken []time.Time // one entry for each
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*b.Every)).Draw(t, "pause")))
			n := rapid.IntRange(1, b.Burst).Draw(t, "n")
			left, _ := b.Left(tat, now)
			next, wait, ok := b.Take(tat, now, n)
			if ok != (left >= n) {
				t.Fatalf("take %d of %d left: got %v", n, left, ok)
			}
			if !ok {
				if _, _, early := b.Take(tat, now.Add(wait-1), n); early {
					t.Fatalf("take %d: told to wait %v, but a nanosecond less does", n, wait)
				}
				if _, _, then := b.Take(tat, now.Add(wait), n); !then {
					t.Fatalf("take %d: told to wait %v, and refused after it", n, wait)
				}
				continue
			}
			tat = next
			for range n {
				taken = append(taken, now)
			}
			for i, first := range taken {
				if got, most := len(taken)-i, b.Burst+int(now.Sub(first)/b.Every); got > most {
					t.Fatalf("%d taken within %v, want at most %d of %+v", got, now.Sub(first), most, b)
				}
			}
		}
	})
}

// Give gives back what was taken, as if it had not been, and never makes a budget more than full.
func TestGive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBudget(t)
		now, tat := time.Unix(1_800_000_000, 0), time.Time{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*b.Every)).Draw(t, "pause")))
			n := rapid.IntRange(1, b.Burst).Draw(t, "n")
			before, _ := b.Left(tat, now)
			if rapid.Bool().Draw(t, "give") {
				tat = b.Give(tat, now, n)
				if left, _ := b.Left(tat, now); left != min(before+n, b.Burst) {
					t.Fatalf("give %d: left %d, then %d, of %d", n, before, left, b.Burst)
				}
				if _, _, ok := b.Take(tat, now, b.Burst+1); ok {
					t.Fatalf("give %d: more than full", n)
				}
				continue
			}
			next, _, ok := b.Take(tat, now, n)
			if !ok {
				continue
			}
			if left, _ := b.Left(next, now); left != before-n {
				t.Fatalf("take %d: left %d, then %d", n, before, left)
			}
			if left, _ := b.Left(b.Give(next, now, n), now); left != before {
				t.Fatalf("take and give %d: left %d, then %d", n, before, left)
			}
			tat = next
		}
	})
}

// Left tells the truth about time as well: after the wait that it tells one can be taken, and not before.
func TestLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBudget(t)
		now := time.Unix(1_800_000_000, 0)
		tat := now.Add(time.Duration(rapid.Int64Range(-int64(b.Every), int64(b.window()+b.Every)).Draw(t, "tat")))
		left, wait := b.Left(tat, now)
		if left < 0 || left > b.Burst || (left == 0) != (wait > 0) {
			t.Fatalf("left: got %d, wait %v", left, wait)
		}
		if _, told, ok := b.Take(tat, now, 1); ok != (left > 0) || told != wait {
			t.Fatalf("left %d, wait %v; but Take says %v, %v", left, wait, ok, told)
		}
	})
}
