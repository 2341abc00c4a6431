package acceptance

import (
	"strings"
	"testing"
)

// Every form path has its page, with the fields that it sends and what helps password managers (api.md "Everyone").
func TestPages(t *testing.T) {
	p := operator(t, "operator")
	p.enableTOTP(60)
	pending := newBrowser(t)
	login(pending, p.username, p.password).want(200)
	admin := alice(t)
	for _, c := range []struct {
		who  *browser
		path string
		must []string
	}{
		{newBrowser(t), "/login", []string{`name="accountId"`, `name="login"`, `name="password"`, `autocomplete="current-password"`}},
		{pending, "/login/totp", []string{`name="code"`, `autocomplete="one-time-code"`}},
		{newBrowser(t), "/single-use-code", []string{`name="accountId"`, `name="login"`, `autocomplete="username"`}},
		{newBrowser(t), "/reset-request", []string{`name="accountId"`, `name="login"`}},
		{newBrowser(t), "/reset-confirm", []string{`name="token"`, `name="code"`, `name="login"`}},
		{p.browser, "/account", []string{p.email}},
		{p.browser, "/account/password", []string{`name="currentPassword"`, `name="newPassword"`, p.username}},
		{p.browser, "/account/totp", []string{`name="password"`, "Generate a new secret"}},
		{p.browser, "/account/sessions", []string{"127.0.0.1"}},
		{admin.browser, "/manage/operators?query=" + p.username, []string{`name="query"`, p.username}},
		{admin.browser, "/manage/operators/" + p.id, []string{`name="email"`, p.email}},
		{admin.browser, "/manage/operators/" + p.id + "/totp", []string{"is on already"}},
		{admin.browser, "/manage/tokens", []string{`href="/manage/tokens/import"`, `href="/manage/tokens/new"`}},
		{admin.browser, "/manage/tokens/import", []string{`type="file"`, `name="key"`}},
		{admin.browser, "/manage/policy", []string{`name="minLength"`, `name="reset.delivery"`, `name="ifMatch"`}},
		{admin.browser, "/manage/policy/preview", []string{`name="minLength"`, `action="/manage/policy/preview"`}},
		{admin.browser, "/manage/policy/presets", []string{"pci-dss-4"}},
		{admin.browser, "/manage/settings", []string{`name="supportContact"`}},
		{admin.browser, "/manage/mail", []string{`name="status"`, "Waiting"}},
		{admin.browser, "/manage/notices", []string{"totp.enabled", `href="/manage/notices/verify"`, `href="/manage/notices/export" download`}},
		{admin.browser, "/manage/notices/verify", []string{"Every sealed entry is as it was sealed", "-----BEGIN PUBLIC KEY-----"}},
	} {
		c.who.html, c.who.t = true, t
		a := c.who.get(c.path).want(200)
		c.who.html = false
		if got := a.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s is %s", c.path, got)
		}
		for _, must := range append(c.must, `<html lang="en"`, "<title>", "<h1") {
			if !strings.Contains(string(a.body), must) {
				t.Errorf("%s has no %s", c.path, must)
			}
		}
		if strings.Contains(string(a.body), "style=") || strings.Contains(string(a.body), " onclick=") {
			t.Errorf("%s is styled or scripted inline", c.path)
		}
	}
	b := newBrowser(t)
	b.html = true
	if a := b.get("/account?x=1").want(303); a.header.Get("Location") != "/login?continue=%2Faccount" && !strings.HasPrefix(a.header.Get("Location"), "/login?continue=") {
		t.Errorf("who is not signed in goes to %s", a.header.Get("Location"))
	}
}

// A challenge can be had beforehand, for accounts that do not exist too (details 12).
func TestCaptchaBeforehand(t *testing.T) {
	b := newBrowser(t)
	for _, account := range []string{"demo", "nowhere", ""} {
		b.get("/captcha?purpose=reset&accountId=" + account).want(200)
	}
	b.get("/captcha?purpose=nonsense&accountId=demo").refused(400, "invalid_request")
}

// `continue` leads within this server or to named origins, and nowhere else.
func TestContinue(t *testing.T) {
	p := operator(t, "operator")
	for to, want := range map[string]string{
		"/account/sessions": "/account/sessions", "https://evil.example/": "/account", "//evil.example": "/account", `/\evil.example`: "/account",
		"javascript:alert(1)": "/account", "account": "/account", "": "/account",
	} {
		b := newBrowser(t)
		b.html = true
		a := b.form("/login", "accountId", "demo", "login", p.username, "password", p.password, "continue", to).want(303)
		if got := a.header.Get("Location"); got != want {
			t.Errorf("continue=%q leads to %s, want %s", to, got, want)
		}
	}
}
