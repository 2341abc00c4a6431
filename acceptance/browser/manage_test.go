package browser

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// crowd makes 200 operators, once, with names of many kinds.
func crowd(t *testing.T) {
	t.Helper()
	c := office(t)
	if all, err := c.send("GET", "/manage/operators?query=crowd-200", nil); err != nil || len(all["items"].([]any)) > 0 {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	names := []string{"Ada", "Zoë-Alexandrina", "Nguyễn", "Владимир", "王", "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaft"}
	var all sync.WaitGroup
	errs := make(chan error, 4)
	for part := range 4 {
		all.Go(func() {
			mine := &client{cookies: map[string]string{}}
			for k, v := range c.cookies {
				mine.cookies[k] = v
			}
			for i := part + 1; i <= 200; i += 4 {
				_, err := mine.post("/manage/operators", map[string]string{
					"username": fmt.Sprintf("crowd-%03d", i), "email": fmt.Sprintf("crowd-%03d@a-rather-long-domain.people.example", i),
					"firstName": names[i%len(names)], "lastName": names[(i/7)%len(names)], "role": "operator",
				})
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		t.Fatal(err)
	default:
	}
}

// choose picks an option of a select by typing the beginning of its text.
func (b *tab) choose(name, text string) {
	b.t.Helper()
	b.to(field(name))
	b.do("choose "+text, chromedp.KeyEvent(text))
	if got := ask[string](b, `document.activeElement.selectedOptions[0].innerText`); !strings.HasPrefix(got, text) {
		b.t.Fatalf("chose %q, want %q", got, text)
	}
}

func (b *tab) rows() int {
	b.t.Helper()
	return ask[int](b, `document.querySelectorAll("tbody tr").length`)
}

func TestFindOperators(t *testing.T) {
	p := operator(t, "administrator")
	crowd(t)
	b := open(t)
	b.signIn(p, "/account")
	b.visit("/manage", 200)
	b.look("manage", "")
	// Whatever there is to manage is a step away from every page.
	if lost := ask[[]string](b, `[...document.querySelectorAll("main .cards a")].map(a => a.pathname).filter(p => !document.querySelector("nav a[href$='" + p + "']"))`); len(lost) > 0 {
		t.Errorf("no way from other pages to %v", lost)
	}
	b.follow("main a[href$='/manage/operators']", 200)
	b.look("manage_operators", "")
	if b.rows() != 50 {
		t.Errorf("the page shows %d operators, want 50", b.rows())
	}
	seen := b.rows()
	for range 20 {
		if !ask[bool](b, `!!document.querySelector("a[rel=next]")`) {
			break
		}
		b.follow("a[rel=next]", 200)
		seen += b.rows()
	}
	if seen < 200 {
		t.Errorf("all pages together show %d operators", seen)
	}
	b.look("manage_operators", "last")

	b.fill("query", "crowd-1")
	b.enter(200)
	if b.rows() != 50 || b.value("query") != "crowd-1" {
		t.Errorf("search for %q shows %d operators", b.value("query"), b.rows())
	}
	b.follow("a[rel=next]", 200)
	if b.rows() != 50 || !strings.Contains(b.text("tbody th"), "crowd-199") {
		t.Errorf("the second page of what was searched for shows %d operators", b.rows())
	}
	b.fill("query", p.username)
	b.choose("role", "Administrator")
	b.follow(".filters button", 200)
	if b.rows() != 1 {
		t.Errorf("search and filter together show %d operators; %s", b.rows(), b.where())
	}
	b.choose("role", "Operator")
	b.follow(".filters button", 200)
	b.says("Nobody was found.")
	b.look("manage_operators", "none")
}

// A new operator: what is wrong is told by field, and the temporary password is shown once.
func TestCreateOperator(t *testing.T) {
	p := operator(t, "administrator")
	b := open(t)
	b.signIn(p, "/account")
	b.follow("nav a[href$='/manage/operators']", 200)
	b.follow("main a[href$='/new']", 200)
	b.look("manage_operator_new", "")
	name := "made-" + p.username
	b.fill("username", "with spaces")
	b.fill("email", name+"@people.example")
	b.fill("firstName", "Grace")
	b.fill("lastName", "Hopper")
	b.enter(400)
	b.refused("Username: Use 1 to 64 characters, without spaces and @.")
	b.look("manage_operator_new", "refused")
	if b.value("username") != "with spaces" || b.value("email") != name+"@people.example" || b.value("lastName") != "Hopper" {
		t.Errorf("what was typed is not kept; %s", b.where())
	}
	b.jump(`.problem a[href="#f-username"]`, "#f-username")
	described := ask[string](b, `document.activeElement.getAttribute("aria-describedby").split(" ").map(id => document.getElementById(id).innerText).join(" ")`)
	if !strings.Contains(described, "without spaces") || ask[string](b, `document.activeElement.getAttribute("aria-invalid")`) != "true" {
		t.Errorf("the link leads to a field described by %q", described)
	}
	b.do("type over it", chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`), chromedp.KeyEvent(name))
	b.choose("role", "Administrator")
	b.follow("main form > button", 201)
	b.look("manage_operator_created", "")
	temporary := b.text("#once")
	if temporary == "" {
		t.Fatalf("no temporary password is shown; %s", b.where())
	}
	b.space("[data-copy]")
	b.do("wait until it is copied", chromedp.Poll[chromedp.Void](`document.querySelector("[data-copy]").innerText === "Copied"`))
	b.follow("main a[href*='/manage/operators/']", 200)
	b.look("manage_operator", "")
	if strings.Contains(ask[string](b, `document.documentElement.outerHTML`), temporary) {
		t.Error("the temporary password is shown again")
	}
	theirs := open(t)
	theirs.signIn(&person{username: name, password: temporary}, "/new-password")

	b.visit("/manage/operators/new", 200)
	b.fill("username", name)
	b.fill("email", "other-"+name+"@people.example")
	b.fill("firstName", "Grace")
	b.fill("lastName", "Again")
	b.enter(409)
	b.refused("Another operator of this account has this username.")
	b.look("manage_operator_new", "taken")
	b.fill("username", "other-"+name)
	b.to("[name=deliver]")
	b.do("choose the mail", chromedp.KeyEvent(kb.ArrowDown))
	b.follow("main form > button", 201)
	b.says("A single-use code has been mailed to other-" + name)
	b.shows("#once", false)
	b.look("manage_operator_created", "mailed")
}

func TestEditOperator(t *testing.T) {
	p, other := operator(t, "administrator"), withApp(t, "operator")
	b := open(t)
	b.signIn(p, "/account")
	b.visit("/manage/operators?query="+other.username, 200)
	b.follow("tbody a", 200)
	b.at("/manage/operators/" + other.id)
	b.fill("firstName", "Rosalind")
	b.enter(200)
	b.says("The changes are saved.", "Rosalind Bachmann")
	b.look("manage_operator", "saved")
	b.fill("email", p.email)
	b.enter(409)
	b.refused("Another operator of this account has this email address.")
	b.look("manage_operator", "taken")

	b.visit("/manage/operators/"+other.id, 200)
	b.follow("main a[href$='/totp/delete']", 200)
	b.look("manage_totp_delete", "")
	b.says("Rosalind Bachmann", other.username)
	b.fill("reason", "Lost her telephone, called from the office")
	b.enter(200)
	b.says("Two-factor authentication is disabled for this operator, who has been told by mail.")
	b.look("manage_operator", "totp_disabled")
	b.follow("main a[href*='/manage/notices']", 200)
	b.says("Two-factor authentication disabled by an administrator", "Lost her telephone")
	b.look("manage_notices", "operator")

	b.visit("/manage/operators/"+other.id, 200)
	b.follow("main a[href$='/password-reset']", 200)
	b.look("manage_password_reset", "")
	b.follow("main button.danger", 200)
	b.look("manage_password_reset_done", "")
	temporary := b.text("#once")
	b.visit("/manage/operators/"+other.id, 200)
	if temporary == "" || strings.Contains(ask[string](b, `document.documentElement.outerHTML`), temporary) {
		t.Error("the temporary password is not shown, or shown again")
	}
	theirs := open(t)
	theirs.signIn(&person{username: other.username, password: temporary}, "/new-password")
	theirs.look("new_password", "by_administrator")

	b.visit("/manage/operators/"+other.id, 200)
	b.follow("main a[href$='/sessions']", 200)
	b.says("Rosalind Bachmann", other.username)
	b.look("manage_operator_sessions", "")
	b.follow("main form button.danger", 200)
	b.says("All sessions have ended.", "Not signed in anywhere.")
	b.look("manage_operator_sessions", "ended")
	theirs.visit("/new-password", 200)
	theirs.at("/login")
	theirs.signIn(&person{username: other.username, password: temporary}, "/new-password")

	b.visit("/manage/operators/"+other.id, 200)
	b.choose("state", "Disabled")
	b.follow("main form > button", 200)
	theirs.visit("/new-password", 200)
	theirs.at("/login")

	b.visit("/manage/operators/"+p.id, 200)
	b.says("This is you.")
	b.shows(field("role"), false)
	b.look("manage_operator", "oneself")

	b.visit("/manage/operators/"+other.id, 200)
	b.follow("main a[href$='/delete']", 200)
	b.says("Rosalind Bachmann", other.username)
	b.look("manage_operator_delete", "")
	b.follow("main button.danger", 200)
	b.at("/manage/operators")
	b.says("The operator was deleted.")
	b.look("manage_operators", "deleted")
}

func TestPolicy(t *testing.T) {
	p := withApp(t, "administrator")
	someone := operator(t, "operator")
	b := open(t)
	b.signIn(p, "/login/totp")
	b.fill("code", p.code(t))
	b.enter(200)
	b.follow("nav a[href$='/manage/policy']", 200)
	b.look("manage_policy", "")
	b.follow("main a[href*='preset=pci-dss-4']", 200)
	b.says("The form shows the preset. Nothing is saved yet.")
	if b.value("minLength") != "12" {
		t.Errorf("the preset fills in %s", b.value("minLength"))
	}
	b.look("manage_policy", "preset")
	b.visit("/manage/policy/presets", 200)
	b.look("manage_policy_presets", "")

	b.visit("/manage/policy", 200)
	b.fill("minLength", "5")
	b.enter(400)
	b.refused("Shortest length: Must be between 8 and 64.")
	b.look("manage_policy", "refused")

	b.visit("/manage/policy", 200)
	later := open(t)
	later.signIn(p, "/login/totp")
	later.fill("code", p.code(t))
	later.enter(200)
	later.visit("/manage/policy", 200)
	later.fill("temporaryPasswordHours", "48")
	later.to(field("totp"))
	later.do("choose the last option", chromedp.KeyEvent(kb.End))
	later.follow("main > form > button", 200)
	later.says("Temporary passwords last this many hours", "Operators who have to set up two-factor authentication at the next sign-in: ")
	later.look("manage_policy", "preview")
	later.follow("main section form > button", 200)
	later.says("Saved.")
	later.look("manage_policy", "saved")
	if later.value("temporaryPasswordHours") != "48" || later.value("totp") != "required" {
		t.Errorf("saved: %s hours, totp %s", later.value("temporaryPasswordHours"), later.value("totp"))
	}
	b.fill("temporaryPasswordHours", "24")
	b.enter(409)
	b.refused("Somebody else has saved a change meanwhile.")
	b.look("manage_policy", "stale")
	b.follow("main a[href$='/manage/policy']", 200)

	// Whoever signs in now owes the set-up, and reaches nothing else.
	owing := open(t)
	owing.signIn(someone, "/account/totp")
	owing.look("account_totp", "owed")
	owing.says("Your account requires two-factor authentication. Set it up to go on.")
	owing.visit("/account", 200)
	owing.at("/account/totp")
	owing.follow("main form > button:not(.plain)", 201)
	someone.secret = strings.ReplaceAll(owing.text(".secret"), " ", "")
	owing.fill("code", someone.code(t))
	owing.enter(200)
	owing.at("/account")

	b.to(field("totp"))
	b.do("choose the first option", chromedp.KeyEvent(kb.Home))
	b.fill("temporaryPasswordHours", "72")
	b.enter(200)
	b.follow("main section form > button", 200)
	b.says("Saved.")
}

func TestSettings(t *testing.T) {
	b := open(t)
	b.signIn(operator(t, "administrator"), "/account")
	b.follow("nav a[href$='/manage/settings']", 200)
	b.look("manage_settings", "")
	b.fill("supportContact", "the help desk, room 7")
	b.enter(200)
	b.says("Saved.")
	b.look("manage_settings", "saved")
	b.visit("/account", 200)
	b.says("Need help? Contact the help desk, room 7.")
}

func TestNotices(t *testing.T) {
	p := operator(t, "administrator")
	b := open(t)
	b.signIn(p, "/account")
	b.follow("nav a[href$='/manage/notices']", 200)
	b.look("manage_notices", "")
	b.choose("type", "Password changed")
	b.fill("query", p.id)
	b.fill("from", "01012020")
	if b.value("from") != "2020-01-01" {
		t.Errorf("the date typed became %q", b.value("from"))
	}
	b.follow(".filters button", 200)
	if b.rows() == 0 || b.value("from") != "2020-01-01" || b.value("type") != "password.changed" {
		t.Errorf("the filter shows %d notices; %s", b.rows(), b.where())
	}
	b.fill("to", "01022020")
	b.follow(".filters button", 200)
	b.says("Nothing was found.")
	b.look("manage_notices", "none")

	b.follow("main a[href$='/manage/notices/verify']", 200)
	b.says("Every sealed entry is as it was sealed")
	b.look("manage_notices_verify", "")
	b.follow("main a[href$='/manage/notices']", 200)
}

// The mail queue shows what became of each mail, and tells what to do with one that cannot be sent again.
func TestMailQueue(t *testing.T) {
	p := operator(t, "administrator")
	b := open(t)
	b.signIn(p, "/account")
	b.follow("nav a[href$='/manage/mail']", 200)
	b.look("manage_mail", "")
	if b.rows() == 0 {
		t.Error("no mails")
	}
	b.choose("status", "Bounced")
	b.follow(".filters button", 200)
	b.says("There are no such mails.")
	b.look("manage_mail", "none")
}
