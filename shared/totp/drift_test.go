package totp_test

import (
	"fmt"
	"testing"
	"time"

	"postern/shared/totp"
)

// device is a token whose clock is ahead by offset, and gains rate of each second.
type device struct {
	totp.Credential
	made   time.Time
	offset time.Duration
	rate   float64
}

// shows gives what the device shows at a time, and its step.
func (d device) shows(at time.Time) (string, int64) {
	ahead := d.offset + time.Duration(float64(at.Sub(d.made))*d.rate)
	step := at.Add(ahead).Unix() / int64(d.Period/time.Second)
	return d.Code(step), step
}

// A device whose clock drifts is followed for years: each of its codes opens, typed at once or slowly, each opens once.
func TestDriftIsFollowed(t *testing.T) {
	start := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, period := range []time.Duration{30 * time.Second, time.Minute} {
		for _, ppm := range []float64{0, 10, -10, 20, -20} {
			t.Run(fmt.Sprintf("%s, %g ppm", period, ppm), func(t *testing.T) {
				known := totp.Credential{Secret: []byte("12345678901234567890123456789012"), Period: period, Digits: 8, Algorithm: totp.SHA256}
				d := device{known, start, 0, ppm / 1e6}
				now, refused := start, 0
				for i := range 1000 {
					now = now.Add(20*time.Hour + time.Duration(i*7919%36000)*time.Second/10)
					code, shown := d.shows(now)
					typed := now.Add(time.Duration(i%11) * time.Second) // typing takes up to 10 s
					step, ok := known.Match(code, typed)
					if !ok {
						refused++ // at the very edge: people wait for the next code
						continue
					}
					if step != shown {
						t.Fatalf("login %d: step %d, want %d", i, step, shown)
					}
					known.LastStep, known.Drift = step, known.Follow(step, typed)
					if _, ok := known.Match(code, typed); ok {
						t.Fatalf("login %d: the code opened twice", i)
					}
				}
				if refused > 5 {
					t.Errorf("%d of 1000 right codes were refused", refused)
				}
			})
		}
	}
}

// A clock that is right is not believed to be wrong because somebody types slowly, even if they always do.
func TestSlowTypingIsNoDrift(t *testing.T) {
	c := totp.Credential{Secret: []byte("12345678901234567890"), Period: time.Minute, Digits: 6}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for i := range 500 {
		now = now.Add(time.Hour + time.Duration(i*13)*time.Second)
		step := now.Add(-25*time.Second).Unix() / 60
		if got, ok := c.Match(c.Code(step), now); !ok || got != step {
			t.Fatalf("code of 25 s ago, %s past the minute, drift %s: refused", now.Sub(now.Truncate(time.Minute)), c.Drift)
		}
		c.LastStep, c.Drift = step, c.Follow(step, now)
		prompt := now.Add(2*time.Minute + 7*time.Second)
		if _, ok := c.Match(c.Code(prompt.Unix()/60), prompt); !ok {
			t.Fatalf("prompt code, %s past the minute, drift %s: refused", prompt.Sub(prompt.Truncate(time.Minute)), c.Drift)
		}
	}
}

// The first code finds a clock that is minutes off; from then on the tolerance is that of every day, around the token's own time.
func TestResync(t *testing.T) {
	start := time.Date(2026, 11, 25, 12, 0, 17, 0, time.UTC)
	for _, period := range []time.Duration{30 * time.Second, time.Minute} {
		for _, off := range []time.Duration{0, 40 * time.Second, 5 * time.Minute, -5 * time.Minute, 595 * time.Second, -595 * time.Second} {
			for phase := range 12 {
				now := start.Add(time.Duration(phase) * 5 * time.Second)
				c := totp.Credential{Secret: []byte("12345678901234567890"), Period: period, Digits: 6}
				d := device{c, now, off, 0}
				code, want := d.shows(now)
				step, ok := c.Resync(code, now)
				if !ok || step != want {
					t.Fatalf("%s, off by %s: step %d, %t, want %d", period, off, step, ok, want)
				}
				c.LastStep, c.Drift = step, c.Follow(step, now)
				if _, ok := c.Resync(code, now); ok || !c.ReplayedResync(code, now) {
					t.Fatalf("%s, off by %s: the first code opened twice", period, off)
				}
				if wrong := max(c.Drift-off, off-c.Drift); wrong > period {
					t.Errorf("%s, off by %s: drift is %s", period, off, c.Drift)
				}
				later := now.Add(period * 3)
				code, want = d.shows(later)
				if step, ok := c.Match(code, later); !ok || step != want {
					t.Errorf("%s, off by %s, drift %s: the next code is refused", period, off, c.Drift)
				}
			}
		}
	}
	c := totp.Credential{Secret: []byte("12345678901234567890"), Period: time.Minute, Digits: 6}
	if _, ok := c.Resync(c.Code(start.Add(12*time.Minute).Unix()/60), start); ok {
		t.Error("a clock 12 minutes ahead: accepted")
	}
	c.Drift = 20 * time.Minute // as a PSKC file says
	if _, ok := c.Resync(c.Code(start.Add(25*time.Minute).Unix()/60), start); !ok {
		t.Error("a clock 25 minutes ahead, known to be 20: refused")
	}
}
