package acceptance

import (
	"strings"
	"testing"
)

// The four source documents, step by step: each step names the sentence that it shows.
func TestSourceDocuments(t *testing.T) {
	admin := alice(t)
	var bob *person
	at := func(sentence string, do func(t *testing.T)) {
		t.Helper()
		if !t.Run(sentence, do) {
			t.FailNow()
		}
	}

	// operator-passwords.txt
	at("a temporary password is generated and displayed in plain text", func(t *testing.T) {
		bob = newcomer(t, "administrator")
		if bob.password == "" {
			t.Fatal("no temporary password")
		}
	})
	at("This password can be used for login. The first time an operator logs in, it is mandatory for them to change their password", func(t *testing.T) {
		bob.t = t
		if a := bob.signIn().want(200); a.text("reason") != "new_operator" {
			t.Fatalf("%s", a.body)
		}
		bob.choose(passphrase + "bob")
	})
	at("Log in with your supplied email address and password", func(t *testing.T) {
		if login(newBrowser(t), bob.email, bob.password).want(200).text("next") != "done" {
			t.Fatal("not in")
		}
	})
	at("a password is emailed to the operator, which can be used for login", func(t *testing.T) {
		submit(newBrowser(t), "/single-use-code", bob.username)
		b := newBrowser(t)
		login(b, bob.username, find(t, codeLine, newest(t, bob.email, "single-use"))).want(200)
		b.post("/account/password", map[string]string{"currentPassword": bob.password, "newPassword": passphrase + "no"}).refused(403, "forbidden")
	})
	at("An administrator can configure password policies", func(t *testing.T) {
		withPolicy(t, func(p map[string]any) { p["minLength"] = 20 }, func() {
			bob.t = t
			e := bob.post("/account/password", map[string]string{"currentPassword": bob.password, "newPassword": "nineteen characters"}).refused(422, "password_policy").Errors
			if len(e) != 1 || e[0].Code != "min_length" {
				t.Errorf("%+v", e)
			}
		})
	})

	// two-factor-authentication.txt
	at("Enter a current code from your TOTP app to enable two-factor authentication at login", func(t *testing.T) {
		bob.t = t
		bob.enableTOTP(60)
	})
	at("now you'll require your TOTP app every time you log in", func(t *testing.T) {
		b := newBrowser(t)
		if login(b, bob.username, bob.password).want(200).text("next") != "totp" {
			t.Fatal("no code is asked for")
		}
		b.post("/login/totp", map[string]string{"code": totp(t, bob.secret, freshStep(t), 60)}).want(200)
	})
	at("Have another administrator disable Two-factor Authentication for your account", func(t *testing.T) {
		admin.t = t
		admin.do("DELETE", "/manage/operators/"+bob.id+"/totp", nil).want(204)
	})
	at("This causes an immediate email to the impacted operator", func(t *testing.T) { newest(t, bob.email, "disabled two-factor") })
	at("as well as a permanent record on the System Notifications log page", func(t *testing.T) {
		admin.t = t
		page := alice(t)
		page.html = true
		a := page.get("/manage/notices?operatorId=" + bob.id).want(200)
		page.html = false
		if !strings.Contains(string(a.body), "totp.disabled_by_administrator") {
			t.Error("it is not there")
		}
		for _, method := range []string{"DELETE", "PUT", "PATCH", "POST"} {
			alice(t).do(method, "/manage/notices", nil).refused(405, "method_not_allowed")
		}
	})

	// reset-password.txt
	var m mail
	at("click Forgot your Password? … enter your Account ID and Username", func(t *testing.T) {
		b := newBrowser(t)
		b.html = true
		if page := b.get("/login").want(200); !strings.Contains(string(page.body), `href="/reset-request"`) {
			t.Fatal("no such link")
		}
		a := b.form("/reset-request", "accountId", "demo", "login", bob.username).want(202)
		if !strings.Contains(strings.ToLower(string(a.body)), "submitted") {
			t.Errorf("no message that it was submitted: %.300s", a.body)
		}
	})
	at("the emails will address the user by First Name, NOT by username", func(t *testing.T) {
		m = newest(t, bob.email, "new password")
		if !strings.HasPrefix(m.Text, "Hello First") {
			t.Errorf("%.40s", m.Text)
		}
	})
	at("You must click the link provided in the email", func(t *testing.T) {
		b := newBrowser(t)
		b.post("/reset-confirm", map[string]string{"token": find(t, linkLine, m)}).want(200)
		b.post("/new-password", map[string]string{"password": passphrase + "again"}).want(200)
		bob.password = passphrase + "again"
	})
	at("You now have access", func(t *testing.T) {
		bob.t = t
		if bob.signIn().want(200).text("next") != "done" {
			t.Fatal("not in")
		}
	})

	// client-area-password.txt
	at("You may be required to enter your current password before setting a new one", func(t *testing.T) {
		bob.t = t
		bob.post("/account/password", map[string]string{"currentPassword": "x", "newPassword": passphrase + "client"}).refused(401, "invalid_credentials")
		bob.post("/account/password", map[string]string{"currentPassword": bob.password, "newPassword": passphrase + "client"}).want(204)
	})
}
