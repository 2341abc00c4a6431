package acceptance

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// asked is one row of what administrators may ask, the same at both doors.
type asked struct {
	what, method, path string
	body               any
	status             int
	code               string // of the problem
	field              string // that it names
}

// What is wrong is refused at both doors alike, naming the field, and changes nothing (issue "Bad input").
func TestBothDoorsRefuseAlike(t *testing.T) {
	o, taken := operator(t, "operator"), operator(t, "operator")
	at := "/operators/" + o.id
	rows := []asked{
		{"unknown field", "PATCH", at, map[string]any{"operatorId": "x"}, 400, "invalid_request", "operatorId"},
		{"another account", "PATCH", at, map[string]any{"accountId": "x"}, 400, "invalid_request", "accountId"},
		{"the credential version", "PATCH", at, map[string]any{"credentialVersion": 1}, 400, "invalid_request", "credentialVersion"},
		{"a password", "PATCH", at, map[string]any{"password": "x"}, 400, "invalid_request", "password"},
		{"a nested password", "PATCH", at, map[string]any{"password": map[string]string{"kind": "permanent"}}, 400, "invalid_request", "password"},
		{"two-factor authentication", "PATCH", at, map[string]any{"totp": map[string]bool{"enabled": false}}, 400, "invalid_request", "totp"},
		{"mail status", "PATCH", at, map[string]any{"mail": map[string]string{"status": "ok"}}, 400, "invalid_request", "mail"},
		{"when made", "PATCH", at, map[string]any{"createdAt": "2020-01-01T00:00:00Z"}, 400, "invalid_request", "createdAt"},
		{"a prototype", "PATCH", at, map[string]any{"__proto__": map[string]string{"role": "administrator"}}, 400, "invalid_request", "__proto__"},
		{"another case", "PATCH", at, map[string]any{"Role": "administrator"}, 400, "invalid_request", "Role"},
		{"a role that is none", "PATCH", at, map[string]any{"role": "root"}, 400, "invalid_request", "role"},
		{"no role", "PATCH", at, map[string]any{"role": ""}, 400, "invalid_request", "role"},
		{"no state", "PATCH", at, map[string]any{"state": ""}, 400, "invalid_request", "state"},
		{"no username", "PATCH", at, map[string]any{"username": ""}, 400, "invalid_request", "username"},
		{"an address as username", "PATCH", at, map[string]any{"username": "a@b"}, 400, "invalid_request", "username"},
		{"fullwidth @", "PATCH", at, map[string]any{"username": "a＠b"}, 400, "invalid_request", "username"},
		{"a space", "PATCH", at, map[string]any{"username": "a b"}, 400, "invalid_request", "username"},
		{"a space of another kind", "PATCH", at, map[string]any{"username": "a\u3000b"}, 400, "invalid_request", "username"},
		{"a name that cannot be seen", "PATCH", at, map[string]any{"username": "\u200b"}, 400, "invalid_request", "username"},
		{"two addresses", "PATCH", at, map[string]any{"email": "a@x.example, b@x.example"}, 400, "invalid_request", "email"},
		{"an address with a name", "PATCH", at, map[string]any{"email": "A <a@x.example>"}, 400, "invalid_request", "email"},
		{"a long name", "PATCH", at, map[string]any{"firstName": strings.Repeat("x", 101)}, 400, "invalid_request", "firstName"},
		{"a taken username", "PATCH", at, map[string]any{"username": strings.ToUpper(taken.username)}, 409, "conflict", "username"},
		{"a taken username in other letters", "PATCH", at, map[string]any{"username": "ｏ" + taken.username[1:]}, 409, "conflict", "username"},
		{"a taken address", "PATCH", at, map[string]any{"email": strings.ToUpper(taken.email)}, 409, "conflict", "email"},
		{"page size 0", "GET", "/operators?limit=0", nil, 400, "invalid_request", "limit"},
		{"page size 201", "GET", "/notices?limit=201", nil, 400, "invalid_request", "limit"},
		{"page size -1", "GET", "/mail?limit=-1", nil, 400, "invalid_request", "limit"},
		{"page size 1e9", "GET", "/operators?limit=1e9", nil, 400, "invalid_request", "limit"},
		{"a filter's value", "GET", "/operators?state=asleep", nil, 400, "invalid_request", "state"},
		{"a filter", "GET", "/operators?status=active", nil, 400, "invalid_request", "status"},
		{"a filter twice", "GET", "/operators?state=active&state=disabled", nil, 400, "invalid_request", "state"},
		{"a long query", "GET", "/operators?query=" + strings.Repeat("a", 300), nil, 400, "invalid_request", "query"},
		{"a long query of notices", "GET", "/notices?query=" + strings.Repeat("a", 101), nil, 400, "invalid_request", "query"},
		{"no time", "GET", "/notices?from=yesterday", nil, 400, "invalid_request", "from"},
		{"no day", "GET", "/notices?to=2026-13-01", nil, 400, "invalid_request", "to"},
		{"a year beyond", "GET", "/notices?to=10000-01-01T00:00:00Z", nil, 400, "invalid_request", "to"},
		{"a type that is none", "GET", "/notices?type=operator.promoted", nil, 400, "invalid_request", "type"},
		{"an operator that is none", "GET", "/notices?operatorId=alice", nil, 400, "invalid_request", "operatorId"},
		{"a status that is none", "GET", "/mail?status=lost", nil, 400, "invalid_request", "status"},
		{"a forged cursor", "GET", "/operators?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAA", nil, 400, "invalid_request", "cursor"},
		{"a forged cursor of sessions", "GET", at + "/sessions?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAA", nil, 400, "invalid_request", "cursor"},
		{"notices are not deleted", "DELETE", "/notices", nil, 405, "method_not_allowed", ""},
		{"nor one of them", "DELETE", "/notices/1", nil, 404, "not_found", ""},
		{"nor changed", "PATCH", "/notices/1", map[string]any{"actor": "x"}, 404, "not_found", ""},
	}
	if !theirs { // sam local tidies paths up, and what is no text
		rows = append(rows, asked{"a query that is no text", "GET", "/operators?query=%ff", nil, 400, "invalid_request", "query"},
			asked{"another spelling of the path", "GET", "//operators", nil, 404, "not_found", ""},
			asked{"a letter encoded", "GET", "/%6fperators", nil, 404, "not_found", ""})
	}
	before := map[string]string{}
	for _, d := range doors(t) {
		for _, r := range rows {
			a := d.do(t, r.method, d.prefix+r.path, r.body, nil)
			if a.status != r.status {
				t.Errorf("%s, %s: %d, want %d\n%.300s", d.name, r.what, a.status, r.status, a.body)
				continue
			}
			p := a.refused(r.status, r.code)
			if r.field != "" && (len(p.Errors) != 1 || p.Errors[0].Field != r.field || p.Errors[0].Message == "") {
				t.Errorf("%s, %s: %+v, want %s named", d.name, r.what, p.Errors, r.field)
			}
		}
		now := string(d.do(t, "GET", d.prefix+at, nil, nil).want(200).body) + string(d.do(t, "GET", d.prefix+"/notices?limit=1&operatorId="+o.id+"&type=operator.updated", nil, nil).want(200).body)
		if before["state"] == "" {
			before["state"] = now
		}
		if now != before["state"] || strings.Contains(now, "operator.updated") {
			t.Errorf("%s: what was refused changed something: %s", d.name, now)
		}
	}
}

// A new username or address holds everywhere at once, at both doors; so does another role (behaviour 7.3).
func TestBothDoorsChangeNamesAtOnce(t *testing.T) {
	for _, d := range doors(t) {
		t.Run(strings.Trim(d.name, "/"), func(t *testing.T) {
			p := operator(t, "administrator")
			patch := func(body map[string]string) *answer {
				t.Helper()
				return d.do(t, "PATCH", d.prefix+"/operators/"+p.id, body, nil)
			}
			was, wasEmail := p.username, p.email
			p.username, p.email = unused("renamed"), unused("renamed")+"@new.example"
			patch(map[string]string{"username": p.username, "email": p.email}).want(200)
			if got := p.get("/session").want(200).text("username"); got != p.username {
				t.Errorf("the session says %s", got)
			}
			newest(t, wasEmail, "Your username was changed")
			newest(t, wasEmail, "Your address was changed")
			for _, name := range []string{was, wasEmail} {
				login(newBrowser(t), name, p.password).refused(401, "invalid_credentials")
				if got := d.do(t, "GET", d.prefix+"/operators?query="+name, nil, nil).want(200); strings.Contains(string(got.body), p.id) {
					t.Errorf("found as %s: %s", name, got.body)
				}
			}
			for _, name := range []string{strings.ToUpper(p.username), p.email} {
				login(newBrowser(t), name, p.password).want(200)
				if got := d.do(t, "GET", d.prefix+"/operators?query="+name, nil, nil).want(200); strings.Count(string(got.body), p.id) != 1 {
					t.Errorf("not found as %s: %s", name, got.body)
				}
			}
			patch(map[string]string{"username": strings.ToUpper(p.username)}).want(200)
			if got := p.get("/session").want(200).text("username"); got != strings.ToUpper(p.username) {
				t.Errorf("after a change of case the session says %s", got)
			}
			// Whoever is demoted is no administrator in the next request.
			p.get("/manage/operators?limit=1").want(200)
			patch(map[string]string{"role": "operator"}).want(200)
			p.get("/manage/operators").refused(401, "not_signed_in")
			p.signIn().want(200)
			p.get("/manage/operators").refused(403, "forbidden")
		})
	}
}

// The last active administrator of an account stays, also for who runs the deployment.
func TestTheLastAdministratorStays(t *testing.T) {
	other := newTenant(t)
	at := "/admin/accounts/" + other.id + "/operators/" + other.person.id
	for _, body := range []any{map[string]string{"role": "operator"}, map[string]string{"state": "disabled"}} {
		signed(t, "PATCH", at, body, nil, nil).refused(409, "conflict")
	}
	signed(t, "DELETE", at, nil, nil, nil).refused(409, "conflict")
	signed(t, "PATCH", at, map[string]string{"username": "still-root"}, nil, nil).want(200)
	if got := other.get("/session").want(200); got.text("username") != "still-root" || got.text("role") != "administrator" {
		t.Errorf("session: %s", got.body)
	}
	// A suspended account is closed in the next request, and its sessions do not come back.
	signed(t, "PATCH", "/admin/accounts/"+other.id, map[string]string{"state": "suspended"}, nil, nil).want(200)
	other.get("/session").refused(401, "not_signed_in")
	other.get("/manage/operators").refused(401, "not_signed_in")
	signed(t, "PATCH", "/admin/accounts/"+other.id, map[string]string{"state": "active"}, nil, nil).want(200)
	other.get("/manage/operators").refused(401, "not_signed_in")
	other.post("/login", map[string]string{"accountId": other.id, "login": "still-root", "password": other.password}).want(200)
	other.get("/manage/operators").want(200)
}

// Filters of the log find what they name, times far off included.
func TestNoticesAreFiltered(t *testing.T) {
	p := operator(t, "operator")
	for _, d := range doors(t) {
		count := func(query string) int {
			t.Helper()
			return strings.Count(string(d.do(t, "GET", d.prefix+"/notices?limit=200&operatorId="+p.id+query, nil, nil).want(200).body), `"type"`)
		}
		all := count("")
		today := now(t, demo.URL).UTC().Format(time.DateOnly)
		for query, want := range map[string]int{
			"&type=operator.created": 1, "&type=operator.deleted": 0, "&query=" + p.username: 1, "&query=" + strings.ToUpper(p.username): 1, "&query=nothing-like-it": 0,
			"&from=2300-01-01": 0, "&from=9999-12-31T23:59:59Z": 0, "&to=9999-12-31": all, "&to=2300-01-01T00:00:00Z": all, "&from=0001-01-01&to=9999-12-31": all,
			"&to=0001-01-01T00:00:00Z": 0, "&to=1969-12-31": 0, "&from=1970-01-01": all, "&from=" + today + "&to=" + today: all, "&from=2300-01-01&to=2200-01-01": 0,
			"&from=2026-01-01T00:00:00%2B14:00": all, "&type=operator.created&query=" + p.username + "&from=2020-01-01": 1,
		} {
			if got := count(query); got != want {
				t.Errorf("%s: %s: %d notices, want %d", d.name, query, got, want)
			}
		}
	}
}

// Further ways in which a signature is not one (details 2 and 3).
func TestSignaturesAsAWSTakesThem(t *testing.T) {
	const path = "/admin/accounts/demo/operators"
	for what, spoil := range map[string]func(*http.Request){
		"a security token": func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "token") },
		"another region": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/local/", "/us-east-1/", 1))
		},
		"a header that AWS defines, unsigned": func(r *http.Request) { r.Header.Set("X-Amz-Target", "x") },
		"another media type":                  func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") },
		"a parameter more":                    func(r *http.Request) { r.URL.RawQuery = "limit=1" },
		"in the query": func(r *http.Request) {
			_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Del("Authorization")
			r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Date=" + r.Header.Get("X-Amz-Date") + "&X-Amz-Signature=" + signature
		},
		"another method": func(r *http.Request) { r.Method = "POST" },
	} {
		t.Run(what, func(t *testing.T) { signed(t, "GET", path, nil, nil, spoil).refused(403, "forbidden") })
	}
	signed(t, "POST", path, map[string]string{"username": strings.Repeat("x", 10<<10)}, nil, nil).refused(413, "payload_too_large")
	for _, query := range []string{"?query=%C3%A9%20%2B%25%26%3D", "?query=", "?state=active&limit=1&role=operator", "?query=a%2Bb&limit=1", "?limit=1&query=%E6%97%A5"} {
		signed(t, "GET", path+query, nil, nil, nil).want(200)
	}
	// The principal is whom the log names, whatever else a request says.
	name := unused("by")
	made := signed(t, "POST", path, map[string]string{"username": name, "email": name + "@x.example", "firstName": "A", "lastName": "B", "role": "operator"},
		map[string]string{"X-Amzn-Iam-Arn": "arn:evil", "X-Forwarded-For": "203.0.113.1"}, nil).want(201)
	if log := signed(t, "GET", "/admin/accounts/demo/notices?operatorId="+made.text("operator.operatorId"), nil, nil, nil).want(200); !strings.Contains(string(log.body), `"actor":"iam:arn:`) || strings.Contains(string(log.body), "evil") {
		t.Errorf("log: %s", log.body)
	}
}
