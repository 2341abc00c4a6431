package web

import (
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"postern/shared/languages"
	"postern/shared/mail"
)

// asked is an administrator's program at either door, or the same person in a browser.
type asked struct {
	name, prefix string
	*browser
	headers []string
}

func (s *stand) doors(admin *browser) []asked {
	return []asked{
		{"/manage", "/manage", admin, nil},
		{"/admin", "/admin/accounts/demo", s.program(), []string{"Test-Principal", "iam:arn:aws:iam::1:user/ops"}},
	}
}

func (a asked) ask(status int, holds, method, path, body string) answered {
	a.s.t.Helper()
	return a.want(status, holds, method, a.prefix+path, body, a.headers...)
}

// made creates an operator and gives the id.
func (a asked) made(username string) string {
	a.s.t.Helper()
	said := a.ask(201, username, "POST", "/operators", `{"username":"`+username+`","email":"`+username+`@x.example","firstName":"A","lastName":"B","role":"operator"}`).said
	return said["operator"].(map[string]any)["operatorId"].(string)
}

// A bounce, or a complaint, shows on the operator, in the list, in the mail queue and in the log. What is mailed afterwards fails. An
// administrator's "send again" opens the way, and so does a corrected address.
func TestBouncesShow(t *testing.T) {
	for _, kind := range []mail.EventKind{mail.Bounced, mail.Complained} {
		s := newStand(t)
		admin := s.signedIn()
		status := string(kind)
		for _, d := range s.doors(admin) {
			id := d.made("bob" + strings.ReplaceAll(d.name, "/", "-"))
			reset := func() {
				t.Helper()
				d.ask(200, "temporaryPassword", "POST", "/operators/"+id+"/password-reset", "")
				s.work()
			}
			reset()
			sent := s.mails[len(s.mails)-1]
			event := mail.Event{MessageID: sent.ID, Kind: kind, Reason: "smtp; 550 5.1.1 <b>no such user</b>"}
			happens := func() {
				t.Helper()
				if err := s.service.RecordMailEvent(t.Context(), event); err != nil {
					t.Fatal(err)
				}
			}
			happens()
			shows := func(want string) {
				t.Helper()
				for _, path := range []string{"/operators/" + id, "/operators?query=bob"} {
					d.ask(200, `"mail":{"status":"`+want+`"}`, "GET", path, "")
				}
				if want == "ok" {
					return
				}
				page := admin.asBrowser().want(200, s.said("page.mail."+want), "GET", "/manage/operators/"+id, "")
				if !strings.Contains(page.text, `href="/manage/mail?status=`+want) || !strings.Contains(page.text, html.EscapeString(s.said("page.manage_operator.mail_stopped"))) {
					t.Errorf("the page does not say what to do:\n%s", page.text)
				}
				admin.asBrowser().want(200, `<span class="tag">`+s.said("page.mail."+want), "GET", "/manage/operators?query=bob", "")
			}
			shows(status)
			d.ask(200, "no such user", "GET", "/mail?status="+status, "")
			queue := admin.asBrowser().want(200, "&lt;b&gt;no such user", "GET", "/manage/mail?status="+status, "")
			if strings.Contains(queue.text, "<b>no such") {
				t.Error("the reason is not escaped")
			}
			d.ask(200, `"type":"mail.`+status+`"`, "GET", "/notices?operatorId="+id, "")
			before := len(s.mails)
			reset()
			d.ask(200, id, "GET", "/mail?status=failed", "")
			if len(s.mails) != before {
				t.Error("mail still goes to the address")
			}
			_, mailID, _ := strings.Cut(sent.ID, ".")
			d.ask(200, `"status":"queued"`, "POST", "/mail/"+mailID+"/retry", "")
			shows("ok")
			s.work()
			if len(s.mails) != before+1 {
				t.Errorf("%d mails, want the one that was sent again", len(s.mails)-before)
			}
			happens()
			shows(status)
			d.ask(200, `"mail":{"status":"ok"}`, "PATCH", "/operators/"+id, `{"email":"right@`+strings.TrimPrefix(d.name, "/")+`.example"}`)
			shows("ok")
			happens() // late news of the old address
			shows("ok")
			d.ask(409, "conflict", "POST", "/mail/"+mailID+"/retry", "")
			reset()
			if last := s.mails[len(s.mails)-1]; last.To != "right@"+strings.TrimPrefix(d.name, "/")+".example" {
				t.Errorf("mail goes to %s", last.To)
			}
			d.ask(204, "", "DELETE", "/operators/"+id, "")
		}
	}
}

// said is a text of the catalogue, as it stands.
func (s *stand) said(key string) string { return languages.For("en").Text(key, nil) }

// What people, browsers and mail servers call themselves is shown as they said it, as text: on no page does it become part of the page,
// and in no export part of the table.
func TestNamesAreText(t *testing.T) {
	s := newStand(t)
	admin := s.signedIn()
	door := s.doors(admin)[0]
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{.}}`
	body := func(s string) string { return strings.NewReplacer(`"`, `\"`).Replace(s) }
	made := door.ask(201, "operator", "POST", "/operators", `{"username":"<b>\"'x","email":"a@x.example","firstName":"`+body(evil)+`","lastName":"=HYPERLINK(\"http://evil.example\")","role":"operator"}`).said
	id := made["operator"].(map[string]any)["operatorId"].(string)
	door.ask(200, "", "PUT", "/settings", `{"name":"`+body(evil)+`","supportContact":"`+body(evil)+`","language":"en","mailFromName":"`+body(evil)+`"}`)
	door.ask(200, "", "PATCH", "/operators/"+id, `{"lastName":"+1 `+body(evil)+`"}`)
	them := s.program()
	them.want(200, "new_password", "POST", "/login", `{"accountId":"demo","login":"<b>\"'x","password":"`+made["temporaryPassword"].(string)+`"}`, "User-Agent", evil)
	for _, path := range []string{
		"", "/operators", "/operators?query=%3Cscript%3E%22%27", "/operators/" + id, "/operators/" + id + "/sessions", "/operators/" + id + "/delete", "/operators/" + id + "/password-reset",
		"/operators/" + id + "/totp/delete", "/settings", "/notices", "/notices?query=%3Cscript%3E%22%27", "/mail", "/policy", "/notices/verify",
	} {
		page := admin.asBrowser().want(200, "", "GET", "/manage"+path, "")
		for _, bad := range []string{"<script>alert", "<img src=x", "<b>\"'x", `"'>`} {
			if strings.Contains(page.text, bad) {
				t.Errorf("/manage%s holds %s", path, bad)
			}
		}
	}
	export := door.ask(200, "", "GET", "/notices/export", "")
	rows, err := csv.NewReader(strings.NewReader(export.text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("a spreadsheet reads this as a formula: %s", cell)
			}
		}
	}
}

// A name that would break a line of a header, of a mail or of a table is refused, wherever it is given.
func TestNamesAreLines(t *testing.T) {
	s := newStand(t)
	for _, d := range s.doors(s.signedIn()) {
		id := d.made("lines" + strings.ReplaceAll(d.name, "/", "-"))
		for _, bad := range []string{`a\r\nBcc: x@evil.example`, `a\nb`, `a\u0000b`, `a\u2028b`, `a\u0085b`, `a\u007fb`} {
			for _, field := range []string{"firstName", "lastName", "username", "email"} {
				d.ask(400, `"field":"`+field+`"`, "PATCH", "/operators/"+id, `{"`+field+`":"`+bad+`"}`)
			}
			d.ask(400, `"field":"name"`, "PUT", "/settings", `{"name":"`+bad+`","supportContact":"x","language":"en","mailFromName":""}`)
			d.ask(400, `"field":"supportContact"`, "PUT", "/settings", `{"name":"x","supportContact":"`+bad+`","language":"en","mailFromName":""}`)
			d.ask(400, `"field":"mailFromName"`, "PUT", "/settings", `{"name":"x","supportContact":"x","language":"en","mailFromName":"`+bad+`"}`)
			d.ask(400, `"field":"reason"`, "DELETE", "/operators/"+id+"/totp", `{"reason":"`+bad+`"}`)
		}
	}
}

// Whatever stands in a parameter, a field or a path of the administrators' side, it is answered, and never by an error of ours.
func TestNothingThatIsSentBreaksIt(t *testing.T) {
	s := newStand(t)
	admin := s.signedIn()
	id := s.doors(admin)[0].made("target")
	nasty := []string{
		"", " ", "п", "ÿ", "İ", "\u1e9e", "\U0010ffff", "\uD7FF", "\uFEFF", "\u202e", "\u200d", "e\u0301", "=1", "../..", "'", "%", "#accounts", "u#", "head", "0", "-1", "1e9",
		"99999999999999999999", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z", "0000-01-01", "2026-02-30", "2026-11-23T12:00:00+23:59", "true",
		strings.Repeat("a", 64), strings.Repeat("a", 254), strings.Repeat("a", 400), strings.Repeat("\U0001D160", 100), strings.Repeat("\U0010ffff", 100), strings.Repeat("\U0001D160", 254),
		strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 90) + "example", strings.Repeat("\U00010400", 64), strings.Repeat("ǰ", 64),
	}
	for _, r := range Routes() {
		if r.Who != Administrator && r.Who != IAM || r.Pattern == "/admin/accounts" && r.Method == http.MethodPost {
			continue
		}
		path := strings.NewReplacer("{accountId}", "demo", "{operatorId}", id, "{mailId}", "1").Replace(r.Pattern)
		ask := func(path, body string) {
			t.Helper()
			a := admin.do(r.Method, path, body, "Test-Principal", "iam:arn:x")
			if a.StatusCode >= 500 {
				t.Errorf("%s %q %.100q: %d", r.Method, path, body, a.StatusCode)
			}
		}
		for _, v := range nasty {
			for _, f := range r.Query {
				ask(path+"?"+url.Values{f.Name: {v}}.Encode(), "")
			}
			for _, f := range r.Body {
				if f.Type != Text || strings.Contains(f.Name, ".") {
					continue
				}
				body := map[string]string{}
				for _, other := range r.Body { // what else is required
					if other.Required && other.Type == Text {
						body[other.Name] = "x" + strings.ToLower(rand.Text()[:8])
					}
				}
				if body["email"] != "" {
					body["email"] += "@x.example"
				}
				for name, right := range map[string]string{"role": "operator", "language": "en"} {
					if body[name] != "" {
						body[name] = right
					}
				}
				body[f.Name] = v
				raw, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				ask(path, string(raw))
			}
			for _, name := range []string{"{accountId}", "{operatorId}", "{mailId}"} {
				if strings.Contains(r.Pattern, name) {
					odd := strings.Replace(r.Pattern, name, url.PathEscape(v), 1)
					ask(strings.NewReplacer("{accountId}", "demo", "{operatorId}", id, "{mailId}", "1").Replace(odd), "")
				}
			}
		}
	}
}
