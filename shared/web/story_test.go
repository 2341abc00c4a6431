package web

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/captcha"
)

// posted encodes names and values as a browser does.
func posted(pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

// The first administrator logs in, chooses a password, looks around, changes it, and logs out: in JSON.
func TestFirstLoginByProgram(t *testing.T) {
	s := newStand(t)
	p := s.program()
	p.want(401, "invalid_credentials", "POST", "/login", `{"accountId":"demo","login":"alice","password":"wrong"}`)
	p.want(401, "not_signed_in", "GET", "/session", "")
	p.want(200, `"reason":"new_operator"`, "POST", "/login", `{"accountId":"DEMO","login":"Alice","password":"`+s.first+`"}`)
	p.want(200, `"next":"new_password"`, "GET", "/session", "") // details 4
	p.want(403, "change_required", "GET", "/account", "")
	p.want(403, "change_required", "GET", "/manage/operators", "")
	a := p.want(422, "password_policy", "POST", "/new-password", `{"password":"alice"}`)
	if errors := a.said["errors"].([]any); len(errors) < 2 || errors[0].(map[string]any)["field"] != "password" {
		t.Errorf("errors: %v, want every broken rule", errors)
	}
	change := p.cookies[sessionCookie]
	p.want(200, `"next":"done"`, "POST", "/new-password", `{"password":"`+firstPassword+`"}`)
	if p.cookies[sessionCookie] == change {
		t.Error("the session keeps its token over a change of privilege")
	}
	p.want(200, `"kind":"full"`, "GET", "/session", "")
	a = p.want(200, `"minLength":15`, "GET", "/account", "")
	if a.said["email"] != "alice@demo.example" || a.said["username"] != "alice" {
		t.Errorf("GET /account: %v", a.said)
	}
	p.want(401, "invalid_credentials", "POST", "/account/password", `{"currentPassword":"x","newPassword":"`+nextPassword+`"}`)
	p.want(422, `"field":"newPassword"`, "POST", "/account/password", `{"currentPassword":"`+firstPassword+`","newPassword":"short"}`)
	p.want(204, "", "POST", "/account/password", `{"currentPassword":"`+firstPassword+`","newPassword":"`+nextPassword+`"}`)
	p.want(200, `"current":true`, "GET", "/account/sessions", "")
	p.want(204, "", "POST", "/logout", "")
	if len(p.cookies) != 1 || p.cookies[deviceCookie] == "" {
		t.Errorf("after logging out the browser holds %v, want the device's cookie only", p.cookies)
	}
	p.want(401, "not_signed_in", "GET", "/session", "")
	p.want(200, `"session":{`, "POST", "/login", `{"accountId":"demo","login":"alice@demo.example","password":"`+nextPassword+`"}`)
}

// The same without a line of script.
func TestFirstLoginByBrowser(t *testing.T) {
	s := newStand(t)
	b := s.browser()
	b.want(303, "/account", "GET", "/", "")
	b.want(303, "/login?continue=%2Faccount%2Fsessions", "GET", "/account/sessions", "")
	b.want(200, `name="continue" value="/account/sessions"`, "GET", "/login?continue=%2Faccount%2Fsessions", "")
	for _, nowhere := range []string{"//evil.example", "%ff", "%00", strings.Repeat("a", 3000)} {
		if a := b.want(200, "", "GET", "/login?continue="+nowhere, ""); strings.Contains(a.text, `name="continue"`) {
			t.Errorf("continue=%.20s is not ignored", nowhere)
		}
	}
	b.want(401, "<title>Error: ", "POST", "/login", posted("accountId", "demo", "login", "alice", "password", "x"))
	b.want(303, "/new-password?continue=%2Faccount%2Fsessions", "POST", "/login",
		posted("accountId", "demo", "login", "alice", "password", s.first, "continue", "/account/sessions"))
	b.want(303, "/new-password", "GET", "/account", "")
	b.want(200, `value="alice" autocomplete="username" readonly`, "GET", "/new-password?continue=%2Faccount%2Fsessions", "")
	b.want(422, `href="#f-password"`, "POST", "/new-password", posted("password", "alice"))
	b.want(303, "/account/sessions", "POST", "/new-password?continue=%2Faccount%2Fsessions", posted("password", firstPassword))
	b.want(200, "this one", "GET", "/account/sessions", "")
	b.want(303, "/account?after=password", "POST", "/account/password", posted("currentPassword", firstPassword, "newPassword", nextPassword))
	b.want(200, "Your password is changed", "GET", "/account?after=password", "")
	b.want(303, "/login?after=logout", "POST", "/logout", "")
}

func TestTOTPByBrowser(t *testing.T) {
	s := newStand(t)
	b := s.signedIn().asBrowser()
	b.want(200, "Two-factor authentication is off", "GET", "/account/totp", "")
	b.want(400, `id="f-password-wrong"`, "POST", "/account/totp", "")
	b.want(401, "<title>Error: ", "POST", "/account/totp", posted("password", "x"))
	a := b.want(201, "<svg", "POST", "/account/totp", posted("password", firstPassword))
	base32 := regexp.MustCompile(`class="secret">([A-Z2-7 ]+)<`).FindStringSubmatch(a.text)
	if base32 == nil || !strings.Contains(a.text, `href="otpauth://totp/`) {
		t.Fatalf("no secret, or no link, in:\n%s", a.text)
	}
	b.want(401, `id="f-code"`, "POST", "/account/totp/confirm", posted("code", "000000"))
	b.want(303, "/account?after=totp_enabled", "POST", "/account/totp/confirm", posted("code", s.code(base32[1])))
	b.want(409, "No set-up is waiting", "POST", "/account/totp/confirm", posted("code", s.code(base32[1])))

	other := s.browser()
	other.want(303, "/login/totp?continue=%2Fmanage", "POST", "/login",
		posted("accountId", "demo", "login", "alice", "password", firstPassword, "continue", "/manage"))
	other.want(200, `name="continue" value="/manage"`, "GET", "/login/totp?continue=%2Fmanage", "")
	other.want(401, `autocomplete="one-time-code"`, "POST", "/login/totp", posted("code", "000000", "continue", "/manage"))
	s.now = s.now.Add(2 * time.Minute)
	other.want(303, "/manage", "POST", "/login/totp", posted("code", s.code(base32[1]), "continue", "/manage"))
	other.want(303, "/login", "POST", "/login/totp", posted("code", "000000")) // the pending login is gone

	s.now = s.now.Add(2 * time.Minute)
	b.want(200, "Switch off", "GET", "/account/totp/delete", "")
	b.want(303, "/account?after=totp_removed", "POST", "/account/totp/delete", posted("password", firstPassword, "code", s.code(base32[1])))
}

// A reset by code, and one by link: both end at the login page, and open no session.
func TestReset(t *testing.T) {
	s := newStand(t)
	s.signedIn()
	b := s.browser()
	b.want(202, "submitted", "POST", "/reset-request", posted("accountId", "demo", "login", "alice"))
	nobody := b.want(202, "submitted", "POST", "/reset-request", posted("accountId", "demo", "login", "nobody"))
	again := b.want(202, "submitted", "POST", "/reset-request", posted("accountId", "nowhere", "login", "alice"))
	if nobody.text != again.text {
		t.Error("the answer tells whether the account exists")
	}
	code := s.lastMail(`(?m)^([0-9A-Z]{5}-[0-9A-Z]{5})$`)
	link := s.lastMail(`(?m)^` + regexp.QuoteMeta(origin) + `/reset-confirm#(\S+)$`)

	b.want(400, `href="#f-code"`, "POST", "/reset-confirm", posted("accountId", "demo", "login", "alice"))
	b.want(400, "f-login", "POST", "/reset-confirm", posted("token", "x", "login", "alice"))
	b.want(401, "<title>Error: ", "POST", "/reset-confirm", posted("accountId", "demo", "login", "alice", "code", "AAAAA-AAAAA"))
	b.want(303, "/login", "GET", "/new-password", "")
	b.want(303, "/new-password", "POST", "/reset-confirm", posted("accountId", "demo", "login", "alice", "code", strings.ToLower(code)))
	if b.cookies[resetCookie] == "" || b.cookies[sessionCookie] != "" {
		t.Errorf("after a reset the browser holds %v", b.cookies)
	}
	b.want(303, "/login?after=new_password", "POST", "/new-password", posted("password", nextPassword))
	b.want(200, "Your new password is set", "GET", "/login?after=new_password", "")
	b.want(303, "/account", "POST", "/login", posted("accountId", "demo", "login", "alice", "password", nextPassword))

	p := s.program()
	p.want(401, "invalid_code", "POST", "/reset-confirm", `{"token":"`+link+`"}`) // used with the code
	p.want(202, `{"status":"submitted"}`, "POST", "/reset-request", `{"accountId":"demo","login":"alice"}`)
	link = s.lastMail(`(?m)^` + regexp.QuoteMeta(origin) + `/reset-confirm#(\S+)$`)
	p.want(200, `{"next":"new_password"}`, "POST", "/reset-confirm", `{"token":"`+link+`"}`)
	p.want(200, `{"next":"login"}`, "POST", "/new-password", `{"password":"`+firstPassword+`"}`)
}

// With two-factor authentication on, the page asks for a code and keeps the reset secret for the next try: a wrong code uses
// nothing up, and what stood in the fragment of the link is known to the page alone.
func TestResetWithTOTP(t *testing.T) {
	s := newStand(t)
	p := s.signedIn()
	base32 := p.want(201, `"secret"`, "POST", "/account/totp", `{"password":"`+firstPassword+`"}`).said["secret"].(string)
	p.want(200, `"period":60`, "POST", "/account/totp/confirm", `{"code":"`+s.code(base32)+`"}`)
	s.now = s.now.Add(2 * time.Minute)

	b := s.browser()
	b.want(202, "submitted", "POST", "/reset-request", posted("accountId", "demo", "login", "alice"))
	code := s.lastMail(`(?m)^([0-9A-Z]{5}-[0-9A-Z]{5})$`)
	link := s.lastMail(`(?m)^` + regexp.QuoteMeta(origin) + `/reset-confirm#(\S+)$`)
	a := b.want(401, `name="token" value="`+link+`"`, "POST", "/reset-confirm", posted("token", link))
	if !strings.Contains(a.text, `id="f-totp"`) || strings.Contains(a.text, `id="f-code"`) {
		t.Errorf("the page does not ask for the authenticator's code alone:\n%s", a.text)
	}
	b.want(401, `name="token" value="`+link+`"`, "POST", "/reset-confirm", posted("token", link, "totp", "000000"))
	b.want(401, `name="code" value="`+code+`"`, "POST", "/reset-confirm", posted("accountId", "demo", "login", "alice", "code", code))
	b.want(303, "/new-password", "POST", "/reset-confirm", posted("token", link, "totp", s.code(base32)))
}

// A single-use code lets in, and changes no credential.
func TestSingleUseCode(t *testing.T) {
	s := newStand(t)
	s.signedIn()
	p := s.program()
	p.want(202, `{"status":"submitted"}`, "POST", "/single-use-code", `{"accountId":"demo","login":"alice"}`)
	code := s.lastMail(`(?m)^([0-9A-Z]{5}-[0-9A-Z]{5})$`)
	p.want(200, `"kind":"single_use"`, "POST", "/login", `{"accountId":"demo","login":"alice","password":"`+code+`"}`)
	for _, r := range Routes() {
		if strings.HasPrefix(r.Pattern, "/account/password") || strings.HasPrefix(r.Pattern, "/account/totp") || r.Who == Administrator {
			path := strings.ReplaceAll(r.Pattern, "{operatorId}", "x")
			var headers []string
			if r.Upload != nil {
				headers = []string{"Content-Type", r.Upload.Types[0]} // 415 comes before 403 (details 40)
			}
			p.want(403, "forbidden", r.Method, path, "", headers...)
		}
	}
	p.want(200, `"kind":"single_use"`, "GET", "/account", "")
}

// An administrator creates an operator, edits, resets and looks at what is recorded.
func TestManageByBrowser(t *testing.T) {
	s := newStand(t)
	b := s.signedIn().asBrowser()
	b.want(200, "Manage Demo", "GET", "/manage", "")
	fields := []string{"username", "carol", "email", "carol@demo.example", "firstName", "Carol", "lastName", "Clark", "role", "operator", "deliver", "display"}
	b.want(400, `href="#f-email"`, "POST", "/manage/operators", strings.ReplaceAll(posted(fields...), "carol%40demo.example", "nonsense"))
	a := b.want(201, `<output id="once">`, "POST", "/manage/operators", posted(fields...))
	temporary := regexp.MustCompile(`id="once">([0-9A-Z-]{19})<`).FindStringSubmatch(a.text)
	at := regexp.MustCompile(`href="(/manage/operators/[a-z2-7]{26})"`).FindStringSubmatch(a.text)
	if temporary == nil || at == nil {
		t.Fatalf("no temporary password, or no link, in:\n%s", a.text)
	}
	b.want(409, `id="f-username-wrong"`, "POST", "/manage/operators", posted(fields...))
	b.want(200, "carol@demo.example", "GET", "/manage/operators?query=car&role=operator&state=&totp=&passwordKind=temporary&limit=200", "")
	b.want(200, "Nobody was found", "GET", "/manage/operators?query=nobody", "")
	b.want(400, "<title>Error: ", "GET", "/manage/operators?role=root", "")
	b.want(400, "<title>Error: ", "GET", "/manage/operators?cursor=forged", "")
	b.want(303, at[1]+"?after=updated", "POST", at[1], posted("username", "carol", "email", "c@demo.example", "firstName", "Carola", "lastName", "Clark", "role", "operator", "state", "active"))
	b.want(200, "The changes are saved", "GET", at[1]+"?after=updated", "")
	b.want(404, "<title>Error: ", "GET", "/manage/operators/abcdefghijklmnopqrstuvwxyz", "")
	b.want(200, "Reset the password of carol", "GET", at[1]+"/password-reset", "")
	a = b.want(200, `<output id="once">`, "POST", at[1]+"/password-reset", "")
	if strings.Contains(a.text, temporary[1]) {
		t.Error("the new temporary password is the old one")
	}
	b.want(409, "not set up", "POST", at[1]+"/totp/delete", posted("reason", "lost"))

	a = b.want(200, `name="ifMatch"`, "GET", "/manage/policy", "")
	etag := a.Header.Get("ETag")
	var policy []string
	for _, m := range regexp.MustCompile(`<input [^>]*name="([a-zA-Z.]+)"[^>]*>`).FindAllStringSubmatch(a.text, -1) {
		value := regexp.MustCompile(` value="([^"]*)"`).FindStringSubmatch(m[0])
		if strings.Contains(m[0], `type="checkbox"`) && !strings.Contains(m[0], " checked") {
			continue
		}
		policy = append(policy, m[1], html.UnescapeString(value[1]))
	}
	policy = append(policy, "captcha", "off", "totp", "optional", "reset.delivery", "code", "minLength", "20")
	// What it would mean is shown first, and nothing is saved by that; the button there saves it.
	b.want(400, `href="#f-minLength"`, "POST", "/manage/policy/preview", posted(append(slices.Clone(policy), "minLength", "7")...))
	b.want(200, "No rule changes.", "POST", "/manage/policy/preview", posted(append(slices.Clone(policy), "captcha", "after_failures", "minLength", "15")...))
	a = b.want(200, "<td>15</td><td>20</td>", "POST", "/manage/policy/preview", posted(policy...))
	b.want(200, `name="minLength" type="number" value="15"`, "GET", "/manage/policy/preview", "")
	form := regexp.MustCompile(`(?s)<form method="post" action="/manage/policy">.*?</form>`).FindString(a.text)
	var shown []string
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(form, -1) {
		shown = append(shown, m[1], html.UnescapeString(m[2]))
	}
	b.want(303, "/manage/policy?after=saved", "POST", "/manage/policy", posted(shown...))
	again := append(slices.Clone(shown), "ifMatch", b.want(200, "", "GET", "/manage/policy", "").Header.Get("ETag"), "enforce", "next_login")
	b.want(200, `<input type="hidden" name="enforce" value="next_login">`, "POST", "/manage/policy/preview", posted(again...))
	b.want(409, "Show the policy as it is now", "POST", "/manage/policy/preview", posted(policy...))
	b.want(409, "Show the policy as it is now", "POST", "/manage/policy", posted(policy...))
	b.want(400, `href="#f-warnDays"`, "POST", "/manage/policy", posted(append(policy, "warnDays", "1, 2")...))
	a = b.want(200, `name="minLength" type="number" value="20"`, "GET", "/manage/policy", "")
	if a.Header.Get("ETag") == etag {
		t.Error("the ETag does not change with the policy")
	}
	b.want(200, `name="minLength" type="number" value="8"`, "GET", "/manage/policy?preset=classic", "")
	b.want(200, "PCI DSS 4", "GET", "/manage/policy/presets", "")

	b.want(303, "/manage/settings?after=saved", "POST", "/manage/settings", posted("name", "Demo & Sons", "supportContact", "", "language", "en", "mailFromName", ""))
	b.want(200, "Demo &amp; Sons", "GET", "/manage/settings?after=saved", "")
	b.want(200, "operator.created", "GET", "/manage/notices?type=operator.created&from=2026-11-23&to=2026-11-23&query=", "")
	b.want(200, "Nothing was found", "GET", "/manage/notices?from=2027-01-01", "")
	if _, err := s.service.SealNotices(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	b.want(200, "Every sealed entry is as it was sealed", "GET", "/manage/notices/verify", "")
	b.want(200, "policy.changed", "GET", "/manage/notices/export", "")
	b.want(400, "<title>Error: ", "GET", "/manage/notices/export?cursor=forged", "")

	carol := s.program()
	temporary = regexp.MustCompile(`id="once">([0-9A-Z-]{19})<`).FindStringSubmatch(b.want(200, "", "POST", at[1]+"/password-reset", "").text)
	carol.want(200, `"next":"new_password"`, "POST", "/login", `{"accountId":"demo","login":"carol","password":"`+temporary[1]+`"}`)
	carol.want(200, `"next":"done"`, "POST", "/new-password", `{"password":"`+nextPassword+`"}`)
	carol.want(403, "forbidden", "GET", "/manage/operators", "")
	carol.want(403, "forbidden", "POST", "/manage/operators", "x") // before the body is looked at
}

// The same in JSON, and for IAM callers under /admin.
func TestAdministrationByProgram(t *testing.T) {
	s := newStand(t)
	for _, c := range []struct {
		at      string
		program *browser
		headers []string
	}{
		{"/manage", s.signedIn(), nil},
		{"/admin/accounts/demo", s.program(), []string{"Test-Principal", "iam:arn:aws:iam::1:role/x"}},
	} {
		p, name := c.program, "carol"+c.at[1:2]
		a := p.want(201, `"temporaryPassword":"`, "POST", c.at+"/operators",
			`{"username":"`+name+`","email":"`+name+`@demo.example","firstName":"C","lastName":"C","role":"operator"}`, c.headers...)
		id := a.said["operator"].(map[string]any)["operatorId"].(string)
		p.want(201, `"operator":`, "POST", c.at+"/operators",
			`{"username":"d`+name+`","email":"d`+name+`@demo.example","firstName":"C","lastName":"C","role":"operator","deliver":"email"}`, c.headers...)
		p.want(200, `"state":"disabled"`, "PATCH", c.at+"/operators/"+id, `{"state":"disabled"}`, c.headers...)
		p.want(200, `"username":"`+name+`"`, "GET", c.at+"/operators/"+id, "", c.headers...)
		p.want(200, `"next":null`, "GET", c.at+"/operators?state=disabled&query="+name, "", c.headers...)
		p.want(200, `"items":[]`, "GET", c.at+"/operators?query=nobody", "", c.headers...)
		p.want(400, `"field":"rol"`, "GET", c.at+"/operators?rol=operator", "", c.headers...)
		p.want(200, `"expiresAt":"2026-`, "POST", c.at+"/operators/"+id+"/password-reset", "", c.headers...)
		p.want(409, "conflict", "DELETE", c.at+"/operators/"+id+"/totp", `{"reason":"lost"}`, c.headers...)
		p.want(200, `"nist-800-63b-4"`, "GET", c.at+"/policy/presets", "", c.headers...)
		a = p.want(200, `"minLength":15`, "GET", c.at+"/policy", "", c.headers...)
		p.want(400, `"field":"ifMatch"`, "PUT", c.at+"/policy", a.text, c.headers...)
		with := append([]string{"If-Match", a.Header.Get("ETag")}, c.headers...)
		a = p.want(200, a.text, "PUT", c.at+"/policy?enforce=next_login", a.text, with...) // what GET gave can be sent back
		if a.Header.Get("ETag") == with[1] {
			t.Errorf("PUT %s/policy keeps the ETag", c.at)
		}
		p.want(409, "conflict", "PUT", c.at+"/policy", a.text, with...)
		p.want(409, "conflict", "POST", c.at+"/policy/preview", a.text, with...)
		p.want(200, `{"changes":[],"impact":{"operators":`, "POST", c.at+"/policy/preview?enforce=next_login", a.text, c.headers...)
		p.want(200, `{"field":"reset.minutes","from":30,"to":60}`, "POST", c.at+"/policy/preview", strings.Replace(a.text, `"minutes":30`, `"minutes":60`, 1), c.headers...)
		p.want(400, `"field":"cursor"`, "POST", c.at+"/policy/preview?cursor=forged", a.text, c.headers...)
		p.want(400, `"field":"minLength"`, "PUT", c.at+"/policy", `{}`, with...)
		a = p.want(200, `"language":"en"`, "GET", c.at+"/settings", "", c.headers...)
		p.want(200, `"language":"en"`, "PUT", c.at+"/settings", a.text, c.headers...)
		p.want(200, `"type":"policy.changed"`, "GET", c.at+"/notices?limit=200", "", c.headers...)
		p.want(200, `"ok":true`, "GET", c.at+"/notices/verify", "", c.headers...)
		a = p.want(200, "account.created", "GET", c.at+"/notices/export", "", c.headers...)
		if got := a.Header.Get("Content-Type") + " " + a.Header.Get("Content-Disposition"); got != `text/csv; charset=utf-8 attachment; filename="notices-demo.csv"` {
			t.Errorf("export: %s", got)
		}
		p.want(404, "not_found", "GET", c.at+"/operators/abcdefghijklmnopqrstuvwxyz", "", c.headers...)
	}
	s.program().want(403, "forbidden", "GET", "/admin/accounts/demo/operators", "")
	s.program().want(404, "not_found", "GET", "/admin/accounts/nowhere/policy", "", "Test-Principal", "iam:x")
}

// The page that asks for a CAPTCHA holds the challenge; solved, the same form goes through.
func TestCaptcha(t *testing.T) {
	s := newStand(t)
	b := s.browser()
	for range 3 {
		b.want(401, "<title>Error: ", "POST", "/login", posted("accountId", "demo", "login", "alice", "password", "x"))
	}
	a := b.want(403, "<noscript>", "POST", "/login", posted("accountId", "demo", "login", "alice", "password", s.first))
	found := regexp.MustCompile(`data-challenge="([^"]*)"`).FindStringSubmatch(a.text)
	if found == nil {
		t.Fatalf("no challenge in:\n%s", a.text)
	}
	var challenge captcha.Challenge
	if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), &challenge); err != nil {
		t.Fatal(err)
	}
	b.want(303, "/new-password", "POST", "/login",
		posted("accountId", "demo", "login", "alice", "password", s.first, "captcha", captcha.Solve(challenge)))
	p := s.program()
	nobody := `{"accountId":"demo","login":"nobody","password":"x"}`
	for range 3 {
		p.want(401, "invalid_credentials", "POST", "/login", nobody)
	}
	p.want(403, `"captcha":{"algorithm":"SHA-256"`, "POST", "/login", nobody)
	p.want(200, `"algorithm":"SHA-256"`, "GET", "/captcha", "")
	p.want(200, `"algorithm":"SHA-256"`, "GET", "/captcha?purpose=reset&accountId=nowhere", "")
	p.want(400, `"field":"purpose"`, "GET", "/captcha?purpose=x", "")
}

func TestFixedAccount(t *testing.T) {
	s := newStand(t, func(c *Config) { c.FixedAccountID = "demo" })
	s.program().want(200, `"next":"new_password"`, "POST", "/login", `{"login":"alice","password":"`+s.first+`"}`)
	s.browser().want(202, "submitted", "POST", "/single-use-code", posted("login", "alice"))
}

// Arrays, objects, null, numbers, duplicates and more in every field of every endpoint: 400, and nothing happens (security 16).
func TestWrongBodiesEverywhere(t *testing.T) {
	s := newStand(t)
	p := s.signedIn()
	iam := []string{"Test-Principal", "iam:x"}
	sent := len(s.waiting)
	for _, r := range Routes() {
		if r.Method == http.MethodGet || r.Who == PendingLogin || r.Who == NewPasswordOwed || r.Upload != nil {
			continue
		}
		path := strings.NewReplacer("{accountId}", "demo", "{operatorId}", "x", "{id}", "x").Replace(r.Pattern)
		for _, f := range append(r.Body, Field{Name: "other"}) {
			if f.FormOnly {
				continue
			}
			name, end := `"`+f.Name+`"`, ""
			if outer, inner, ok := strings.Cut(f.Name, "."); ok {
				name, end = `"`+outer+`":{"`+inner+`"`, "}"
			}
			for _, value := range []string{`null`, `{}`, `[]`, `[["a"]]`, `{"$ne":""}`, `1.5`, `"a",` + name + `:"a"`} {
				if f.Type == Ints && value == `[]` {
					continue
				}
				if strings.Contains(f.Name, ".") && strings.HasPrefix(value, `"a"`) {
					continue
				}
				p.want(400, "invalid_request", r.Method, path, "{"+name+":"+value+end+"}", iam...)
			}
		}
		for _, body := range []string{`[]`, `null`, `{`, `{}{}`, "{\"a\":\"\xff\"}", strings.Repeat("[", 8000)} {
			p.want(400, "invalid_request", r.Method, path, body, iam...)
		}
	}
	if len(s.waiting) != sent {
		t.Errorf("%d mails or requests were queued", len(s.waiting)-sent)
	}
	p.want(200, string(access.SessionFull), "GET", "/session", "")
}
