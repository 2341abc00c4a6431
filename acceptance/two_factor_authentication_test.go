package acceptance

import (
	"strings"
	"testing"
	"time"
)

// "Click 'Generate a new secret', and then scan the QR code into your TOTP app. Enter a current code from your TOTP app to enable
// two-factor authentication at login." "now you'll require your TOTP app every time you log in".
func TestSettingUp(t *testing.T) {
	p := operator(t, "operator")
	p.post("/account/totp", map[string]string{"password": "wrong"}).refused(401, "invalid_credentials")
	a := p.post("/account/totp", map[string]string{"password": p.password}).want(201)
	if !strings.HasPrefix(a.text("qrSvg"), "<svg") || !strings.Contains(a.text("otpauthUri"), a.text("secret")) {
		t.Errorf("set-up: %.200s", a.body)
	}
	// "there is no chance of being 'locked out' of your account until you have your device / app properly configured"
	p.post("/account/totp/confirm", map[string]string{"code": "000000"}).refused(401, "invalid_code")
	if login(newBrowser(t), p.username, p.password).want(200).text("next") != "done" {
		t.Error("a half-done set-up asks for a code")
	}
	secret := a.text("secret")
	done := p.post("/account/totp/confirm", map[string]string{"code": " " + totp(t, secret, now(t, demo.URL), 60)[:3] + " " + totp(t, secret, now(t, demo.URL), 60)[3:]}).want(200)
	if done.field("period").(float64) != 60 || done.text("session.kind") != "full" {
		t.Errorf("confirmed: %s", done.body)
	}
	newest(t, p.email, "enabled")
	b := newBrowser(t)
	if login(b, p.username, p.password).want(200).text("next") != "totp" {
		t.Fatal("no code is asked for")
	}
	b.get("/account").refused(401, "not_signed_in") // what waits for the second step can do nothing else
	b.post("/login/totp", map[string]string{"code": "000000"}).refused(401, "invalid_code")
	code := totp(t, secret, freshStep(t), 60)
	if b.post("/login/totp", map[string]string{"code": code}).want(200).text("next") != "done" {
		t.Error("a right code does not let in")
	}
	// A code is accepted once.
	c := newBrowser(t)
	login(c, p.username, p.password).want(200)
	c.post("/login/totp", map[string]string{"code": code}).refused(401, "invalid_code")
}

// "The app will generate a new six-digit code every 60 seconds"; some count in 30 whatever they are told.
func TestAppsThatCountIn30Seconds(t *testing.T) {
	p := operator(t, "operator")
	p.enableTOTP(30)
	if got := p.get("/account").want(200); got.field("totp.period").(float64) != 30 {
		t.Errorf("account: %s", got.body)
	}
	p.post("/logout", nil).want(204)
	p.signIn().want(200)
	p.post("/login/totp", map[string]string{"code": totp(t, p.secret, freshStep(t), 30)}).want(200)
}

// "TOTP-based Two-factor Authentication requires your device or app to keep accurate time - within 30 seconds of the MyClient server's
// time."
func TestTolerance(t *testing.T) {
	p := operator(t, "operator")
	p.enableTOTP(60)
	at := freshStep(t)
	at = advance(t, demo.URL, time.Duration(60-at.Unix()%60+10)*time.Second) // ten seconds into a step
	try := func(off time.Duration) int {
		b := newBrowser(t)
		login(b, p.username, p.password).want(200)
		return b.post("/login/totp", map[string]string{"code": totp(t, p.secret, at.Add(off), 60)}).status
	}
	if s := try(70 * time.Second); s != 401 {
		t.Errorf("an app that is 70 s ahead: %d", s)
	}
	if s := try(-50 * time.Second); s != 200 { // the step before, which ended ten seconds ago
		t.Errorf("the code of ten seconds ago: %d", s)
	}
}

// Resets and single-use codes ask for the code too, and nothing is used before it is right.
func TestResetAsksForTheCode(t *testing.T) {
	p := operator(t, "operator")
	p.enableTOTP(60)
	m := p.requestReset()
	at := freshStep(t)
	b := newBrowser(t)
	body := map[string]string{"token": find(t, linkLine, m)}
	b.post("/reset-confirm", body).refused(401, "totp_required")
	body["totp"] = "000000"
	b.post("/reset-confirm", body).refused(401, "invalid_code")
	body["totp"] = totp(t, p.secret, at, 60)
	b.post("/reset-confirm", body).want(200)
	b.post("/new-password", map[string]string{"password": passphrase + "reset"}).want(200)
	// Reset never switches it off.
	if login(b, p.username, passphrase+"reset").want(200).text("next") != "totp" {
		t.Error("the reset got past the second factor")
	}
}

// "Have another MyClient administrator disable Two-factor Authentication for your account from the Manage System Users page. This causes
// an immediate email to the impacted operator as well as a permanent record on the System Notifications log page."
func TestLockedOut(t *testing.T) {
	p := operator(t, "operator")
	p.enableTOTP(60)
	admin := alice(t)
	admin.do("DELETE", "/manage/operators/"+p.id+"/totp", map[string]string{"reason": "lost phone"}).want(204)
	newest(t, p.email, "disabled two-factor")
	notices := admin.get("/manage/notices?type=totp.disabled_by_administrator&operatorId=" + p.id).want(200)
	if !strings.Contains(string(notices.body), "lost phone") {
		t.Errorf("notices: %s", notices.body)
	}
	p.get("/session").refused(401, "not_signed_in")
	if p.signIn().want(200).text("next") != "done" {
		t.Error("still asked for a code")
	}
	admin.do("DELETE", "/manage/operators/"+p.id+"/totp", nil).refused(409, "conflict")
	me := admin.get("/session").want(200).text("operatorId")
	admin.do("DELETE", "/manage/operators/"+me+"/totp", nil).refused(409, "conflict")
}

// Replacing and removing need the password and a current code.
func TestReplaceAndRemove(t *testing.T) {
	p := operator(t, "operator")
	p.enableTOTP(60)
	p.post("/account/totp", map[string]string{"password": p.password}).refused(401, "totp_required")
	code := totp(t, p.secret, freshStep(t), 60)
	p.post("/account/totp", map[string]string{"password": p.password, "code": code}).want(201)
	p.do("DELETE", "/account/totp", map[string]string{"password": p.password, "code": code}).refused(401, "invalid_code")
	p.do("DELETE", "/account/totp", map[string]string{"password": p.password, "code": totp(t, p.secret, freshStep(t), 60)}).want(204)
	newest(t, p.email, "removed")
	p.get("/account").want(200)
	p.post("/logout", nil).want(204)
	if p.signIn().want(200).text("next") != "done" {
		t.Error("still asked for a code")
	}
}
