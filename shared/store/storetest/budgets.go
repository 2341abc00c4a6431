package storetest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/shared/limit"
	"postern/shared/store"
)

var patience = limit.Budget{Key: "test/patience", Burst: 3, Every: time.Minute}

func take(t *testing.T, s store.Store, b limit.Budget, n int, at time.Time) store.Taken {
	t.Helper()
	taken, err := s.Take(t.Context(), b, n, at)
	if err != nil {
		t.Fatalf("Take %d at %s: %v", n, at, err)
	}
	return taken
}

func testTake(t *testing.T, s store.Store) {
	for i := range 3 {
		if got := take(t, s, patience, 1, now); !got.OK {
			t.Fatalf("take %d is refused: %v", i, got)
		}
	}
	if got := take(t, s, patience, 1, now); got.OK || got.Wait != time.Minute {
		t.Errorf("fourth take: %+v, want to wait a minute", got)
	}
	if got := take(t, s, patience, 2, now.Add(30*time.Second)); got.OK || got.Wait != 90*time.Second {
		t.Errorf("two half a minute later: %+v, want to wait 90 s", got)
	}
	if got := take(t, s, patience, 1, now.Add(time.Minute)); !got.OK {
		t.Errorf("a minute later: %+v", got)
	}
	if got := take(t, s, patience, 3, now.Add(time.Hour)); !got.OK {
		t.Errorf("all, an hour later: %+v", got)
	}
	counter := get(t, s, store.Counter(patience))
	if want := now.Add(time.Hour + 3*time.Minute); !store.TAT(counter).Equal(want) {
		t.Errorf("the counter stands at %s, want %s", store.TAT(counter), want)
	}
}

func give(t *testing.T, s store.Store, b limit.Budget, n int, at time.Time) {
	t.Helper()
	if err := s.Give(t.Context(), b, n, at); err != nil {
		t.Fatalf("Give %d at %s: %v", n, at, err)
	}
}

// Times are exact to the nanosecond.
func testTakeOfFractions(t *testing.T, s store.Store) {
	b := limit.Budget{Key: "test/fractions", Burst: 2, Every: 200 * time.Millisecond}
	take(t, s, b, 2, now)
	if got := take(t, s, b, 1, now.Add(200*time.Millisecond-1)); got.OK || got.Wait != 1 {
		t.Errorf("a nanosecond early: %+v, want to wait that long", got)
	}
	if got := take(t, s, b, 1, now.Add(200*time.Millisecond)); !got.OK {
		t.Errorf("in time: %+v", got)
	}
	if got := take(t, s, b, 1, now.Add(200*time.Millisecond)); got.OK || got.Wait != 200*time.Millisecond {
		t.Errorf("again: %+v, want to wait 200ms", got)
	}
}

// However many ask at the same moment, as many get one as there are.
func testTakeInParallel(t *testing.T, s store.Store) {
	b := limit.Budget{Key: "test/parallel", Burst: 10, Every: time.Minute}
	for round, at := range []time.Time{now, now.Add(5 * time.Minute)} {
		const takers = 60
		got := make([]store.Taken, takers)
		errs := make([]error, takers)
		var wg sync.WaitGroup
		for i := range takers {
			wg.Go(func() { got[i], errs[i] = s.Take(t.Context(), b, 1, at) })
		}
		wg.Wait()
		ok := 0
		for i := range takers {
			if errs[i] != nil {
				t.Errorf("taker %d: %v", i, errs[i])
			} else if got[i].OK {
				ok++
			}
		}
		if want := []int{10, 5}[round]; ok != want {
			t.Errorf("round %d: %d of %d got one, want %d", round, ok, takers, want)
		}
	}
}

func testGive(t *testing.T, s store.Store) {
	give := func(n int, at time.Time) { t.Helper(); give(t, s, patience, n, at) }
	give(1, now) // nothing was taken
	if got := take(t, s, patience, 3, now); !got.OK {
		t.Fatalf("take after a gift to a full budget: %+v", got)
	}
	if got := take(t, s, patience, 1, now); got.OK {
		t.Error("a gift made the budget more than full")
	}
	give(1, now)
	if tat := store.TAT(get(t, s, store.Counter(patience))); !tat.Equal(now.Add(2 * time.Minute)) {
		t.Errorf("one of three given back: the counter stands at %s, want two minutes later than %s", tat, now)
	}
	if got := take(t, s, patience, 1, now); !got.OK {
		t.Errorf("take of what was given back: %+v", got)
	}
	give(3, now.Add(2*time.Minute)) // two are earned back, one is owed: full, and no more
	if got := take(t, s, patience, 3, now.Add(2*time.Minute)); !got.OK {
		t.Errorf("take of all: %+v", got)
	}
	if got := take(t, s, patience, 1, now.Add(2*time.Minute)); got.OK {
		t.Error("more than full")
	}
}

// Who takes and gives back, beside others who do, leaves the budget as it was.
func testGiveInParallel(t *testing.T, s store.Store) {
	b := limit.Budget{Key: "test/parallel", Burst: 50, Every: time.Minute}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if taken, err := s.Take(t.Context(), b, 2, now); err != nil || !taken.OK {
				t.Errorf("take: %+v, %v", taken, err)
				return
			}
			if err := s.Give(t.Context(), b, 2, now); err != nil {
				t.Errorf("give: %v", err)
			}
		})
	}
	wg.Wait()
	if tat := store.TAT(get(t, s, store.Counter(b))); !tat.Equal(now) {
		t.Errorf("the counter stands at %s, want %s, full", tat, now)
	}
	// Fewer than were taken, at the same time: what is owed is exact.
	take(t, s, b, 50, now)
	for range 20 {
		wg.Go(func() {
			if err := s.Give(t.Context(), b, 2, now); err != nil {
				t.Errorf("give: %v", err)
			}
		})
	}
	wg.Wait()
	if tat := store.TAT(get(t, s, store.Counter(b))); !tat.Equal(now.Add(10 * time.Minute)) {
		t.Errorf("the counter stands at %s, want %s", tat, now.Add(10*time.Minute))
	}
}

// A counter goes when it is full again: not before, when it would be forgotten, and not much later, when a slow budget's
// would stay for years.
func testCounterExpiry(t *testing.T, s store.Store) {
	slow := limit.Budget{Key: "test/slow", Burst: 100, Every: 30 * 24 * time.Hour}
	check := func(what string, b limit.Budget, most time.Duration) {
		t.Helper()
		c := get(t, s, store.Counter(b))
		if after := c.Expires.Sub(store.TAT(c)); after < 0 || after > most {
			t.Errorf("%s: the counter expires %s after it is full, want up to %s", what, after, most)
		}
	}
	take(t, s, slow, 1, now)
	check("one taken", slow, 2*time.Second)
	take(t, s, slow, 3, now.Add(1500*time.Millisecond))
	check("more taken", slow, 2*time.Second)
	give(t, s, slow, 2, now)
	check("given back", slow, 2*time.Second)
	give(t, s, slow, 2, now.Add(time.Second))
	check("all given back", slow, 2*time.Second)
	// Where one is earned in fractions of a second, the whole window may pass.
	fast := limit.Budget{Key: "test/fast", Burst: 100, Every: 30 * time.Millisecond}
	take(t, s, fast, 1, now)
	take(t, s, fast, 30, now)
	check("fractions", fast, 3*time.Second+2*time.Second)
}

func testInvalidBudgets(t *testing.T, s store.Store) {
	long := limit.Budget{Key: strings.Repeat("x", 2000), Burst: 1, Every: time.Second}
	for what, err := range map[string]error{
		"take of nothing":         second(s.Take(t.Context(), patience, 0, now)),
		"take of less":            second(s.Take(t.Context(), patience, -1, now)),
		"take of more than there": second(s.Take(t.Context(), patience, 4, now)),
		"take of no name":         second(s.Take(t.Context(), limit.Budget{Burst: 1, Every: time.Second}, 1, now)),
		"take of no time":         second(s.Take(t.Context(), limit.Budget{Key: "test/x", Burst: 1}, 1, now)),
		"take of a long name":     second(s.Take(t.Context(), long, 1, now)),
		"gift of nothing":         s.Give(t.Context(), patience, 0, now),
		"gift to no name":         s.Give(t.Context(), limit.Budget{Burst: 1, Every: time.Second}, 1, now),
		"gift to no time":         s.Give(t.Context(), limit.Budget{Key: "test/x", Burst: 1}, 1, now),
	} {
		wantError(t, what, err, store.ErrInvalid)
	}
}

// A budget and another do not touch each other, though one's name begins as the other's does.
func testBudgetsApart(t *testing.T, s store.Store) {
	other := limit.Budget{Key: patience.Key + "/2", Burst: 3, Every: time.Minute}
	take(t, s, patience, 3, now)
	if got := take(t, s, other, 3, now); !got.OK {
		t.Errorf("another budget: %+v", got)
	}
	give(t, s, other, 3, now)
	if got := take(t, s, patience, 1, now); got.OK {
		t.Error("a gift to another budget filled this one")
	}
}

// RunCrowd has a crowd of names come to an empty store, each with its budget: 100,000 of them, or what s does in a few
// seconds. Nobody's budget is forgotten over it, as an attacker would like who tries many names.
func RunCrowd(t *testing.T, s store.Store, names int) {
	take(t, s, patience, 3, now)
	member := func(i int) limit.Budget {
		return limit.Budget{Key: fmt.Sprintf("test/crowd/%d", i), Burst: 1, Every: time.Hour}
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(names, 256) {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= names; i = int(next.Add(1)) {
				if taken, err := s.Take(t.Context(), member(i), 1, now); err != nil || !taken.OK {
					t.Errorf("name %d: %+v, %v", i, taken, err)
				}
			}
		})
	}
	wg.Wait()
	if got := take(t, s, patience, 1, now); got.OK {
		t.Errorf("%d other names made the store forget one", names)
	}
	for i := 1; i <= names; i += max(1, names/100) {
		if got := take(t, s, member(i), 1, now); got.OK {
			t.Errorf("name %d of %d is forgotten", i, names)
		}
	}
}
