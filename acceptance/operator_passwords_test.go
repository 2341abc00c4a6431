package acceptance

import (
	"strings"
	"testing"
)

// "When a new operator is created, a temporary password is generated and displayed in plain text. … The first time an operator
// logs in, it is mandatory for them to change their password."
func TestOption1NormalLogin(t *testing.T) {
	p := newcomer(t, "operator")
	if !temporaryLine.MatchString(p.password) {
		t.Errorf("temporary password %q", p.password)
	}
	a := p.signIn().want(200)
	if a.text("next") != "new_password" || a.text("reason") != "new_operator" {
		t.Fatalf("first login: %s", a.body)
	}
	p.get("/account").refused(403, "change_required")
	if got := p.get("/session").want(200); got.text("kind") != "change_only" || got.text("next") != "new_password" {
		t.Errorf("session: %s", got.body)
	}
	done := p.choose(passphrase + "one")
	if done.text("next") != "done" || done.text("session.kind") != "full" {
		t.Errorf("after the change: %s", done.body)
	}
	p.get("/account").want(200)
	// "Log in with your supplied email address and password."
	p.post("/logout", nil).want(204)
	p.get("/session").refused(401, "not_signed_in")
	if a := login(p.browser, strings.ToUpper(p.email), p.password).want(200); a.text("next") != "done" {
		t.Errorf("login by email: %s", a.body)
	}
}

// "When the single-use code feature is used, a password is emailed to the operator, which can be used for login."
func TestOption2SingleUseCode(t *testing.T) {
	p := operator(t, "operator")
	submit(p.browser, "/single-use-code", p.username)
	m := newest(t, p.email, "single-use")
	code := find(t, codeLine, m)
	if strings.Contains(strings.ReplaceAll(m.Text, "First"+p.username, ""), p.username) {
		t.Error("the mail names the username")
	}
	other := newBrowser(t)
	a := login(other, p.username, strings.ToLower(strings.ReplaceAll(code, "-", " "))).want(200)
	if a.text("session.kind") != "single_use" || sprint(a.field("session.amr")) != "[email]" {
		t.Errorf("login: %s", a.body)
	}
	// "the single-use-code system would let you log in, but does not allow you to change your password"
	other.post("/account/password", map[string]string{"currentPassword": p.password, "newPassword": passphrase + "two"}).refused(403, "forbidden")
	other.post("/account/totp", map[string]string{"password": p.password}).refused(403, "forbidden")
	login(newBrowser(t), p.username, code).refused(401, "invalid_credentials")
	// A second request sends the same code again, while it lives; this one is used.
	submit(p.browser, "/single-use-code", p.username)
	if again := find(t, codeLine, newest(t, p.email, "single-use")); again == code {
		t.Error("a used code was sent again")
	}
}

// "If the operator is a new operator, the above rule for first-time operator logins will take effect, causing a mandatory password
// update."
func TestOption2NewOperator(t *testing.T) {
	p := newcomer(t, "operator")
	submit(p.browser, "/single-use-code", p.email)
	a := login(p.browser, p.username, find(t, codeLine, newest(t, p.email, "single-use"))).want(200)
	if a.text("next") != "new_password" || a.text("reason") != "new_operator" {
		t.Fatalf("login: %s", a.body)
	}
	if done := p.choose(passphrase + "three"); done.text("session.kind") != "full" {
		t.Errorf("after the change: %s", done.body)
	}
}

// "In this process, a temporary code is emailed to the operator. If this code is entered on the 'reset password' page, the
// operator's password is cleared, and they are prompted for a permanent replacement password."
func TestOption3ResetPassword(t *testing.T) {
	p := operator(t, "operator")
	code := find(t, codeLine, p.requestReset())
	b := newBrowser(t)
	if a := b.post("/reset-confirm", map[string]string{"accountId": "DEMO", "login": p.email, "code": code}).want(200); a.text("next") != "new_password" {
		t.Fatalf("reset: %s", a.body)
	}
	p.get("/session").refused(401, "not_signed_in")
	login(newBrowser(t), p.username, p.password).refused(401, "invalid_credentials")
	weak := b.post("/new-password", map[string]string{"password": "short"}).refused(422, "password_policy")
	if len(weak.Errors) == 0 || weak.Errors[0].Field != "password" || weak.Errors[0].Code != "min_length" || weak.Errors[0].Message == "" {
		t.Errorf("refusal: %+v", weak)
	}
	if a := b.post("/new-password", map[string]string{"password": passphrase + "four"}).want(200); a.text("next") != "login" {
		t.Errorf("new password: %s", a.body)
	}
	b.get("/session").refused(401, "not_signed_in") // no session comes out of a reset
	b.post("/new-password", map[string]string{"password": passphrase + "five"}).refused(401, "not_signed_in")
	if a := login(b, p.username, passphrase+"four").want(200); a.text("next") != "done" {
		t.Errorf("login: %s", a.body)
	}
	newest(t, p.email, "was reset")
}

// "another administrator can reset your password back to a temporary password via the Manage System Users page. This temporary
// password must be changed on next login"
func TestAdministratorResetsToATemporaryPassword(t *testing.T) {
	p := operator(t, "operator")
	a := alice(t).post("/manage/operators/"+p.id+"/password-reset", nil).want(200)
	p.get("/session").refused(401, "not_signed_in")
	p.password = a.text("temporaryPassword")
	if a := p.signIn().want(200); a.text("next") != "new_password" || a.text("reason") != "temporary" {
		t.Fatalf("login: %s", a.body)
	}
	p.choose(passphrase + "six")
	newest(t, p.email, "administrator reset")
}

// "Password policies, including length restrictions, character restrictions, time limits, change frequency limits, and CAPTCHA."
func TestPasswordPolicies(t *testing.T) {
	withPolicy(t, func(policy map[string]any) {
		policy["minLength"], policy["requireUpper"], policy["requireDigit"], policy["requireSymbol"] = 12, true, true, true
		policy["history"], policy["minAgeHours"] = 3, 24
	}, func() {
		p := newcomer(t, "operator")
		p.signIn().want(200)
		var rules []string
		for _, e := range p.post("/new-password", map[string]string{"password": "qzvk"}).refused(422, "password_policy").Errors {
			rules = append(rules, e.Code)
		}
		for _, rule := range []string{"min_length", "upper", "digit", "symbol"} {
			if !strings.Contains(sprint(rules), rule) {
				t.Errorf("broken rules %v, want %s among them", rules, rule)
			}
		}
		p.choose("A passphrase, 7 words long")
		change := func(next string) *answer {
			return p.post("/account/password", map[string]string{"currentPassword": p.password, "newPassword": next})
		}
		if e := change("B passphrase, 8 words long").refused(422, "password_policy").Errors; len(e) != 1 || e[0].Code != "min_age" || e[0].Field != "newPassword" {
			t.Errorf("too soon: %+v", e)
		}
		if e := change(p.password).refused(422, "password_policy").Errors; !strings.Contains(sprint(e), "history") {
			t.Errorf("the same again: %+v", e)
		}
	})
	withPolicy(t, func(policy map[string]any) { policy["captcha"] = "always" }, func() {
		b := newBrowser(t)
		p := b.post("/login", map[string]string{"accountId": "demo", "login": "nobody", "password": "x"}).refused(403, "captcha_required")
		if p.Captcha == nil {
			t.Error("no challenge in the refusal")
		}
		b.post("/reset-request", map[string]string{"accountId": "demo", "login": "nobody"}).refused(403, "captcha_required")
		b.post("/single-use-code", map[string]string{"accountId": "demo", "login": "nobody", "captcha": "x"}).refused(403, "captcha_required")
		login(b, "nobody", "x").refused(401, "invalid_credentials")
	})
}

// withPolicy changes the demo's policy for a while.
func withPolicy(t *testing.T, edit func(map[string]any), do func()) {
	t.Helper()
	put := func(edit func(map[string]any)) {
		t.Helper()
		a := alice(t).get("/manage/policy").want(200)
		policy := decode(t, a.body)
		edit(policy)
		alice(t).headers = map[string]string{"If-Match": a.header.Get("ETag")}
		defer func() { aliceIs.headers = nil }()
		alice(t).do("PUT", "/manage/policy", policy).want(200)
	}
	before := decode(t, alice(t).get("/manage/policy").want(200).body)
	put(edit)
	defer put(func(policy map[string]any) {
		for k, v := range before {
			policy[k] = v
		}
	})
	do()
}
