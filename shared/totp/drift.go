package totp

import "time"

// Clocks of hardware tokens have a crystal, no network: they drift by some minutes a year. Credential.Drift is what is known of it (RFC 6238, section 6). It is kept as a time, not in steps: a step of
// 60 seconds is more than the tolerance, so one step too many would refuse a right code.

// ResyncTolerance is how far a token's clock may be off, each way from what is known of it, when its first code is given. A crystal of
// 10 ppm is wrong by five minutes after a year: this is two years in a drawer.
//
// It makes guessing easier, so it is for that one moment. At six digits and steps of 30 s, 41 steps match: a guess is right once in
// 24,000 times, and after ten wrong ones the factor is blocked, so that whoever has the password gets in with 1 in 2,400 (with the
// tolerance of every day 1 in 33,000). Without the token waiting for that code the password alone would do.
//
// (Once in 25,000 first codes two of the 41 steps have the same one; then the drift may come out wrong, and the token is assigned anew.)
const ResyncTolerance = 10 * time.Minute

// Resync is Match for the first code of a token, within ResyncTolerance.
func (c Credential) Resync(code string, now time.Time) (step int64, ok bool) {
	step, ok = c.find(code, now, ResyncTolerance)
	if !ok || step <= c.LastStep {
		return 0, false
	}
	return step, true
}

// ReplayedResync is Replayed for what Resync refuses.
func (c Credential) ReplayedResync(code string, now time.Time) bool {
	step, ok := c.find(code, now, ResyncTolerance)
	return ok && step <= c.LastStep
}

// Follow gives the drift as it is known once the code of step came in at now.
//
// The device showed that code from the beginning of step to its end, by its clock. So its clock, less the time that reading and typing
// took, is ahead by something within an interval as long as a step. What was known stays as long as it lies in there, and else
// moves to the nearest end: never away from the truth. If that is more than Tolerance, nothing was known: then it is the middle.
func (c Credential) Follow(step int64, now time.Time) time.Duration {
	begin := time.Unix(step*int64(c.Period/time.Second), 0)
	low := begin.Sub(now)
	high := low + c.Period
	if near := min(max(c.Drift, low), high); max(near-c.Drift, c.Drift-near) <= Tolerance {
		return near
	}
	return low + c.Period/2
}
