package acceptance

import (
	"strings"
	"testing"
	"time"
)

// Passwords expire: a warning, the expiry, each once, and a forced change (behaviour 8.1, details 34).
func TestPasswordExpiry(t *testing.T) {
	withPolicy(t, func(policy map[string]any) { policy["maxAgeDays"] = 30 }, func() {
		p := operator(t, "operator")
		count := func(subject string) (n int) {
			for _, m := range inbox(t, demo.URL, p.email) {
				if strings.Contains(m.Subject, subject) {
					n++
				}
			}
			return n
		}
		run := func() {
			t.Helper()
			for range 2 { // twice does no harm
				newBrowser(t).post("/_local/run/expirepasswords", nil).want(200)
			}
			drain(t, demo.URL)
		}
		advance(t, demo.URL, 15*24*time.Hour)
		run()
		if n := count("expires soon"); n != 0 {
			t.Errorf("%d warnings after 15 of 30 days", n)
		}
		advance(t, demo.URL, 13*24*time.Hour) // 28 days: two thresholds have passed at once
		run()
		if n := count("expires soon"); n != 1 {
			t.Errorf("%d warnings, want one for the nearest threshold", n)
		}
		advance(t, demo.URL, 3*24*time.Hour)
		run()
		if n, m := count("expires soon"), count("has expired"); n != 1 || m != 1 {
			t.Errorf("%d warnings and %d expiry mails, want 1 and 1", n, m)
		}
		if a := p.signIn().want(200); a.text("next") != "new_password" || a.text("reason") != "expired" {
			t.Errorf("login: %s", a.body)
		}
		p.choose(passphrase + "renewed")
		if a := p.get("/account").want(200); a.field("password.expiresAt") == nil {
			t.Errorf("account: %s", a.body)
		}
	})
}

func TestClockAndJobs(t *testing.T) {
	b := newBrowser(t)
	for _, body := range []string{`{"advance":"-1s"}`, `{"advance":"soon"}`, `{"advance":1}`, `{}`, `x`, `{"advance":"9999999h"}`} {
		b.send("POST", "/_local/clock", "application/json", []byte(body)).want(400)
	}
	before := now(t, demo.URL)
	if after := advance(t, demo.URL, time.Hour); after.Sub(before) < time.Hour || after.Sub(before) > time.Hour+time.Minute {
		t.Errorf("an hour made %s", after.Sub(before))
	}
	b.post("/_local/run/nothing", nil).want(404)
	b.headers = map[string]string{"Sec-Fetch-Site": "cross-site"}
	b.post("/_local/run/sweepoutbox", nil).want(403)
}
