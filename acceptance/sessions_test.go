package acceptance

import (
	"testing"
	"time"
)

func TestListAndEndSessions(t *testing.T) {
	p := operator(t, "operator")
	others := make([]*browser, 3)
	for i := range others {
		others[i] = newBrowser(t)
		login(others[i], p.username, p.password).want(200)
	}
	items := p.get("/account/sessions").want(200).field("items").([]any)
	if len(items) != 4 {
		t.Fatalf("%d sessions, want 4", len(items))
	}
	current, other := 0, ""
	for _, i := range items {
		m := i.(map[string]any)
		if m["current"] == true {
			current++
		} else {
			other = m["id"].(string)
		}
		if m["address"] == "" || m["userAgent"] == "" || m["kind"] != "full" {
			t.Errorf("session %v", m)
		}
	}
	if current != 1 {
		t.Errorf("%d current sessions", current)
	}
	p.do("DELETE", "/account/sessions/"+other, nil).want(204)
	p.do("DELETE", "/account/sessions/"+other, nil).refused(404, "not_found")
	operator(t, "operator").do("DELETE", "/account/sessions/"+items[0].(map[string]any)["id"].(string), nil).refused(404, "not_found")
	if n := len(p.get("/account/sessions").want(200).field("items").([]any)); n != 3 {
		t.Errorf("%d sessions after one was ended", n)
	}
	p.do("DELETE", "/account/sessions", nil).want(204)
	p.get("/session").want(200)
	for _, b := range others {
		b.get("/session").refused(401, "not_signed_in")
	}
}

// Sessions end when unused for 30 minutes, and after 12 hours however busy.
func TestSessionLifetimes(t *testing.T) {
	p := operator(t, "operator")
	advance(t, demo.URL, 29*time.Minute)
	p.get("/session").want(200)
	advance(t, demo.URL, 31*time.Minute)
	p.get("/session").refused(401, "not_signed_in")
	p.signIn().want(200)
	for range 25 {
		advance(t, demo.URL, 28*time.Minute)
		p.get("/session").want(200)
	}
	advance(t, demo.URL, 21*time.Minute)
	p.get("/session").refused(401, "not_signed_in")
}

// A change_only session reaches what it owes, logging out, and GET /session, in no spelling anything else (security.md 26).
func TestChangeOnlySessions(t *testing.T) {
	p := newcomer(t, "administrator")
	p.signIn().want(200)
	for _, path := range []string{"/account", "/account/sessions", "/manage/operators", "/manage/policy", "/manage/notices", "/manage/settings"} {
		p.get(path).refused(403, "change_required")
	}
	p.post("/account/password", map[string]string{"currentPassword": p.password, "newPassword": passphrase}).refused(403, "change_required")
	p.post("/account/totp", map[string]string{}).refused(403, "change_required")
	for _, path := range []string{"//account", "/account/", "/Account", "/account%2f", "/account/.", "/account.", "/%61ccount/../account", "/account;x", "/./account"} {
		if a := p.get(path); a.status == 200 {
			t.Errorf("%s is open", path)
		}
	}
	p.post("/logout", nil).want(204)
	p.get("/session").refused(401, "not_signed_in")
}

// What is no session is none.
func TestForgedCookies(t *testing.T) {
	p := operator(t, "operator")
	token := p.cookie("__Host-session")
	for _, forged := range []string{"", "x", token + "x", token[:len(token)-1], "." + token, token + ".", "a.b.c.d", token[1:]} {
		b := newBrowser(t)
		b.setCookie("__Host-session", forged)
		b.get("/session").refused(401, "not_signed_in")
	}
	b := newBrowser(t)
	b.headers = map[string]string{"Cookie": "__Host-session=" + token + "; __Host-session=x"}
	b.get("/session").refused(401, "not_signed_in")
}
