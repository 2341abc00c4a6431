package acceptance

import (
	"sync"
	"testing"
)

// Of fifty who use one code, link or TOTP step at the same moment one succeeds, and the rest learn nothing.
func TestOneOfFifty(t *testing.T) {
	together := func(t *testing.T, what string, do func(b *browser) *answer) {
		t.Helper()
		answers := make([]*answer, 50)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i] = do(newBrowser(t)) })
		}
		wg.Wait()
		won := 0
		for _, a := range answers {
			switch a.status {
			case 200:
				won++
			case 401, 403, 429:
			default:
				t.Errorf("%s: %d %s", what, a.status, a.body)
			}
		}
		if won != 1 {
			t.Errorf("%s: %d of fifty succeeded, want 1", what, won)
		}
		rest(t)
	}
	p := operator(t, "operator")
	submit(newBrowser(t), "/single-use-code", p.username)
	code := find(t, codeLine, newest(t, p.email, "single-use"))
	together(t, "single-use code", func(b *browser) *answer {
		return b.post("/login", map[string]string{"accountId": "demo", "login": p.username, "password": code})
	})
	p = operator(t, "operator")
	code = find(t, codeLine, p.requestReset())
	together(t, "reset code", func(b *browser) *answer {
		return b.post("/reset-confirm", map[string]string{"accountId": "demo", "login": p.username, "code": code})
	})
	p = operator(t, "operator")
	link := find(t, linkLine, p.requestReset())
	together(t, "reset link", func(b *browser) *answer { return b.post("/reset-confirm", map[string]string{"token": link}) })

	p = operator(t, "operator")
	p.enableTOTP(60)
	pending := newBrowser(t)
	login(pending, p.username, p.password).want(200)
	step := totp(t, p.secret, freshStep(t), 60)
	together(t, "TOTP step", func(b *browser) *answer {
		b.setCookie("__Host-pending", pending.cookie("__Host-pending"))
		return b.post("/login/totp", map[string]string{"code": step})
	})
}

// Two who rename themselves to one name at the same moment: one gets it.
func TestOneNameForTwo(t *testing.T) {
	a, b := operator(t, "operator"), operator(t, "operator")
	admin := alice(t)
	var wg sync.WaitGroup
	statuses := make([]int, 2)
	for i, p := range []*person{a, b} {
		wg.Go(func() {
			statuses[i] = admin.do("PATCH", "/manage/operators/"+p.id, map[string]string{"username": "wanted-" + a.username}).status
		})
	}
	wg.Wait()
	if statuses[0]+statuses[1] != 200+409 {
		t.Errorf("statuses %v, want 200 and 409", statuses)
	}
}
