// Package limit holds Postern's budgets: the arithmetic (GCRA, this file) and the one table of all numbers
// (budgets.go).
package limit

import "time"

// Budget is a limit by the generic cell rate algorithm on one counter: Burst at once, then one per Every.
//
// The counter is a single time, the theoretical arrival time (TAT): the moment at which the budget is full again. A
// time in the past, and no counter at all, is a full budget.
type Budget struct {
	Key   string        // names the counter; unique over all budgets
	Burst int           // how many can be taken at once, 1 and more
	Every time.Duration // time to earn one back, above 0
}

// Take takes n (1 to Burst) at now from a counter that stands at tat. If that many are left it gives the counter's new
// time; else how long until they are. It is pure.
func (b Budget) Take(tat, now time.Time, n int) (next time.Time, wait time.Duration, ok bool) {
	if tat.Before(now) {
		tat = now
	}
	next = tat.Add(time.Duration(n) * b.Every)
	if wait = next.Sub(now) - b.window(); wait > 0 {
		return tat, wait, false
	}
	return next, 0, true
}

// Give gives n back at now to a counter that stands at tat, never above full. It is pure.
func (b Budget) Give(tat, now time.Time, n int) time.Time {
	tat = tat.Add(-time.Duration(n) * b.Every)
	if tat.Before(now) {
		return now
	}
	return tat
}

// Left reports how many can be taken at now from a counter that stands at tat and, if none, how long until one can.
func (b Budget) Left(tat, now time.Time) (left int, wait time.Duration) {
	free := b.window()
	if tat.After(now) {
		free -= tat.Sub(now)
	}
	if free < b.Every {
		return 0, b.Every - free
	}
	return int(free / b.Every), 0
}

// window is the time that an empty budget takes to fill.
func (b Budget) window() time.Duration { return time.Duration(b.Burst) * b.Every }
