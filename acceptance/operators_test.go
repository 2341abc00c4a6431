package acceptance

import (
	"strings"
	"testing"
)

// An administrator ends somebody's sessions, and deletes them, through either door.
func TestSessionsAndDeletion(t *testing.T) {
	for _, d := range doors(t) {
		t.Run(strings.Trim(d.name, "/"), func(t *testing.T) {
			p := operator(t, "operator")
			do := func(method, path string) *answer {
				t.Helper()
				return d.do(t, method, d.prefix+"/operators/"+p.id+path, nil, nil)
			}
			if a := do("GET", "/sessions").want(200); a.field("items") == nil || !strings.Contains(string(a.body), `"current":false`) {
				t.Errorf("sessions: %s", a.body)
			}
			do("GET", "/sessions?cursor=forged").refused(400, "invalid_request")
			do("DELETE", "/sessions").want(204)
			p.get("/session").refused(401, "not_signed_in")
			if a := do("GET", "/sessions").want(200); strings.Contains(string(a.body), `"id"`) {
				t.Errorf("sessions after the end: %s", a.body)
			}
			p.signIn().want(200)
			do("DELETE", "").want(204)
			p.get("/session").refused(401, "not_signed_in")
			login(newBrowser(t), p.username, p.password).refused(401, "invalid_credentials")
			for _, path := range []string{"", "/sessions"} {
				do("GET", path).refused(404, "not_found")
				do("DELETE", path).refused(404, "not_found")
			}
			body := map[string]string{"username": p.username, "email": p.email, "firstName": "A", "lastName": "B", "role": "operator"}
			d.do(t, "POST", d.prefix+"/operators", body, nil).want(201) // the names are free
			notices := d.do(t, "GET", d.prefix+"/notices?operatorId="+p.id+"&limit=200", nil, nil).want(200)
			for _, must := range []string{"sessions.ended_by_administrator", "operator.deleted", "operator.created"} {
				if !strings.Contains(string(notices.body), must) {
					t.Errorf("no notice %s", must)
				}
			}
		})
	}
	me := alice(t)
	id := me.get("/session").want(200).text("operatorId")
	me.do("DELETE", "/manage/operators/"+id, nil).refused(409, "conflict")
	p := operator(t, "operator")
	p.do("DELETE", "/manage/operators/"+id, nil).refused(403, "forbidden")
	p.do("DELETE", "/manage/operators/"+id+"/sessions", nil).refused(403, "forbidden")
}

func TestOperatorCommands(t *testing.T) {
	name := unused("cli")
	run := func(want int, args ...string) (string, string) {
		t.Helper()
		out, errs, code := postern(t, nil, append([]string{"--endpoint", demo.URL, "operators"}, args...)...)
		if code != want {
			t.Fatalf("operators %v: exit %d, want %d\n%s%s", args, code, want, out, errs)
		}
		return out, errs
	}
	who := []string{"--account", demo.AccountID, "--operator", name}
	password, said := run(0, "create", "--account", demo.AccountID, "--username", name, "--email", name+"@x.example", "--first-name", "A", "--last-name", "B")
	if !strings.Contains(said, name) || login(newBrowser(t), name, strings.TrimSpace(password)).want(200).text("next") != "new_password" {
		t.Errorf("create: %q, %q", password, said)
	}
	if _, said := run(254, "create", "--account", demo.AccountID, "--username", name, "--email", "no address", "--first-name", "A", "--last-name", "B"); !strings.Contains(said, "email: ") {
		t.Errorf("a wrong address: %q", said)
	}
	if out, _ := run(0, append([]string{"get"}, who...)...); !strings.Contains(out, name+"@x.example") {
		t.Errorf("get: %q", out)
	}
	if out, _ := run(0, append([]string{"update", "--email", name + "@y.example", "--output", "json"}, who...)...); !strings.Contains(out, name+"@y.example") {
		t.Errorf("update: %q", out)
	}
	if out, _ := run(0, "get", "--account", demo.AccountID, "--operator", strings.ToUpper(name)+"@Y.example"); !strings.Contains(out, name) {
		t.Errorf("get by address: %q", out)
	}
	if out, _ := run(0, append([]string{"disable"}, who...)...); !strings.Contains(out, "disabled") {
		t.Errorf("disable: %q", out)
	}
	run(0, append([]string{"enable"}, who...)...)
	password, _ = run(0, append([]string{"reset-password"}, who...)...)
	b := newBrowser(t)
	login(b, name, strings.TrimSpace(password)).want(200)
	if out, _ := run(0, append([]string{"sessions"}, who...)...); !strings.Contains(out, "change_only") {
		t.Errorf("sessions: %q", out)
	}
	run(0, append([]string{"end-sessions"}, who...)...)
	b.get("/session").refused(401, "not_signed_in")
	run(254, append([]string{"remove-totp"}, who...)...)
	run(252, append([]string{"update"}, who...)...)
	if _, said := run(252, append([]string{"delete"}, who...)...); !strings.Contains(said, "--yes") {
		t.Errorf("delete without --yes: %q", said)
	}
	run(0, append([]string{"delete", "--yes"}, who...)...)
	run(254, append([]string{"get"}, who...)...)
	run(252, "get", "--account", demo.AccountID)
	run(252, "get", "--operator", name)
}
