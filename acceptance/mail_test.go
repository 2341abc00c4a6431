package acceptance

import (
	"encoding/json"
	"strings"
	"testing"
)

// listed is a mail as the mail queue shows it.
type listed struct {
	ID, OperatorID, To, Template, Status, LastError, QueuedAt string
	Attempts                                                  int
	SentAt                                                    *string
}

func mailOf(t *testing.T, d door, to, query string) []listed {
	t.Helper()
	var found []listed
	for cursor := ""; ; {
		var page struct {
			Items []listed
			Next  *string
		}
		if err := json.Unmarshal(d.do(t, "GET", d.prefix+"/mail?limit=7"+query+cursor, nil, nil).want(200).body, &page); err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			if m.To == to {
				found = append(found, m)
			}
		}
		if page.Next == nil {
			return found
		}
		cursor = "&cursor=" + *page.Next
	}
}

// "Mail queue: what is waiting, sent, bounced, given up, with reasons and a retry; never the content of a secret" (behaviour 7.8).
func TestMailQueue(t *testing.T) {
	p := operator(t, "operator")
	submit(p.browser, "/single-use-code", p.username)
	code := find(t, codeLine, newest(t, p.email, "single-use"))
	for _, d := range doors(t) {
		t.Run(strings.Trim(d.name, "/"), func(t *testing.T) {
			all := mailOf(t, d, p.email, "")
			if len(all) == 0 {
				t.Fatal("the mail is not listed")
			}
			m := all[0]
			if m.Template != "single_use_code" || m.Status != "sent" || m.OperatorID != p.id || m.Attempts != 1 || m.LastError != "" || m.SentAt == nil {
				t.Errorf("listed as %+v", m)
			}
			if body := d.do(t, "GET", d.prefix+"/mail?limit=200", nil, nil).want(200).body; strings.Contains(string(body), code) {
				t.Error("the code stands in the list")
			}
			if got := mailOf(t, d, p.email, "&status=sent"); len(got) != len(all) {
				t.Errorf("%d are sent, of %d", len(got), len(all))
			}
			if got := mailOf(t, d, p.email, "&status=bounced"); len(got) != 0 {
				t.Errorf("bounced: %+v", got)
			}
			d.do(t, "GET", d.prefix+"/mail?status=lost", nil, nil).refused(400, "invalid_request")
			d.do(t, "GET", d.prefix+"/mail?cursor=forged", nil, nil).refused(400, "invalid_request")
			d.do(t, "POST", d.prefix+"/mail/"+m.ID+"/retry", nil, nil).refused(409, "conflict")
			d.do(t, "POST", d.prefix+"/mail/nothing/retry", nil, nil).refused(404, "not_found")
		})
	}
	p.get("/manage/mail").refused(403, "forbidden")
	p.post("/manage/mail/x/retry", nil).refused(403, "forbidden")
}

func TestMailCommands(t *testing.T) {
	p := operator(t, "operator")
	newest(t, p.email, "")
	run := func(want int, args ...string) (string, string) {
		t.Helper()
		out, errs, code := postern(t, nil, append([]string{"--endpoint", demo.URL, "mail"}, args...)...)
		if code != want {
			t.Fatalf("mail %v: exit %d\n%s%s", args, code, out, errs)
		}
		return out, errs
	}
	if out, _ := run(0, "list", "--account", demo.AccountID); !strings.HasPrefix(out, "ID") || !strings.Contains(out, p.email) {
		t.Errorf("list: %s", out)
	}
	out, _ := run(0, "list", "--account", demo.AccountID, "--status", "sent", "--output", "json")
	var all []listed
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) == 0 {
		t.Fatalf("json: %v\n%s", err, out)
	}
	if _, said := run(254, "retry", "--account", demo.AccountID, "--id", all[0].ID); !strings.Contains(said, "went out already") {
		t.Errorf("retry: %s", said)
	}
	run(254, "list", "--account", demo.AccountID, "--status", "lost")
	run(252, "list")
	run(252, "retry", "--account", demo.AccountID)
}
