package acceptance

import (
	"net/http"
	"strings"
	"testing"

	"postern/shared/web"
)

// administrative gives the routes for administrators: of /manage or of /admin.
func administrative(t *testing.T, who web.Who) (routes []web.Route) {
	t.Helper()
	for _, r := range web.Routes() {
		if r.Who == who {
			routes = append(routes, r)
		}
	}
	if len(routes) < 20 {
		t.Fatalf("%d routes for %s", len(routes), who)
	}
	return routes
}

// at fills the path of a route.
func at(r web.Route, account, operator, mail string) string {
	return strings.NewReplacer("{accountId}", account, "{operatorId}", operator, "{mailId}", mail, "{serial}", "1").Replace(r.Pattern)
}

// takes is a media type that a route takes: what is of another is refused before it is asked who sends it (details 40).
func takes(r web.Route) string {
	if r.Upload != nil {
		return r.Upload.Types[0]
	}
	return "application/json"
}

// tenant is another account, and its administrator, signed in.
type tenant struct {
	id string
	*person
}

func newTenant(t *testing.T) *tenant {
	t.Helper()
	id := unused("tenant")
	made := signed(t, "POST", "/admin/accounts", map[string]any{"accountId": id, "administrator": map[string]string{
		"username": "root", "email": "root@" + id + ".example", "firstName": "Root", "lastName": "Other",
	}}, nil, nil).want(201)
	p := &person{browser: newBrowser(t), username: "root", id: made.text("operator.operatorId"), password: made.text("temporaryPassword")}
	p.post("/login", map[string]string{"accountId": id, "login": "root", "password": p.password}).want(200)
	p.choose(passphrase + id)
	return &tenant{id, p}
}

// Every route for administrators, asked by everybody who is none, is refused, whatever is sent (security 26). The list is the server's own:
// a new route is in it.
func TestWhoReachesTheAdministratorsRoutes(t *testing.T) {
	victim := operator(t, "operator")
	single := func(role string) *person {
		p := operator(t, role)
		submit(p.browser, "/single-use-code", p.username)
		code := find(t, codeLine, newest(t, p.email, "single-use"))
		p.browser = newBrowser(t)
		if kind := login(p.browser, p.username, code).want(200).text("session.kind"); kind != "single_use" {
			t.Fatalf("a code opened a session of kind %s", kind)
		}
		return p
	}
	owes := func(role string) *person {
		p := newcomer(t, role)
		p.signIn().want(200)
		return p
	}
	half := operator(t, "administrator")
	half.enableTOTP(60)
	half.post("/logout", nil).want(204)
	if next := half.signIn().want(200).text("next"); next != "totp" {
		t.Fatalf("next is %s", next)
	}
	ended := operator(t, "administrator")
	ended.password = ended.cookie("__Host-session")
	ended.post("/logout", nil).want(204)
	ended.setCookie("__Host-session", ended.password)
	forged := newBrowser(t)
	forged.setCookie("__Host-session", "x.y.z")

	for _, c := range []struct {
		who     string
		browser *browser
		status  int
		code    string
	}{
		{"nobody", newBrowser(t), 401, "not_signed_in"}, {"a made-up cookie", forged, 401, "not_signed_in"},
		{"an administrator who has logged out", ended.browser, 401, "not_signed_in"},
		{"an administrator before the second step", half.browser, 401, "not_signed_in"},
		{"an operator", operator(t, "operator").browser, 403, "forbidden"},
		{"an operator by mailed code", single("operator").browser, 403, "forbidden"},
		{"an administrator by mailed code", single("administrator").browser, 403, "forbidden"},
		{"a new operator", owes("operator").browser, 403, "change_required"},
		{"a new administrator", owes("administrator").browser, 403, "change_required"},
	} {
		for _, r := range administrative(t, web.Administrator) {
			c.browser.send(r.Method, at(r, "", victim.id, "1"), takes(r), nil).refused(c.status, c.code)
		}
	}
	other := newTenant(t)
	for _, r := range administrative(t, web.IAM) {
		path := at(r, demo.AccountID, victim.id, "1")
		headers := map[string]string{"Content-Type": takes(r)}
		newBrowser(t).send(r.Method, path, takes(r), nil).refused(403, "forbidden")
		alice(t).send(r.Method, path, takes(r), nil).refused(403, "forbidden")
		signed(t, r.Method, path, nil, headers, func(r *http.Request) { r.Header.Del("Authorization") }).refused(403, "forbidden")
		if strings.Contains(r.Pattern, "{accountId}") {
			for _, account := range []string{"nowhere", strings.ToUpper(other.id), other.id + "x", strings.Repeat("a", 2000)} {
				signed(t, r.Method, at(r, account, victim.id, "1"), nil, headers, nil).refused(404, "not_found")
			}
			if !theirs { // sam local tidies paths up
				signed(t, r.Method, at(r, "%"+"64emo", victim.id, "1"), nil, headers, nil).refused(404, "not_found")
			}
		}
	}
}

// bodies are right ones for the routes that name something of an account, so that nothing but the account is wrong.
var bodies = map[string]any{
	"GET /operators/{operatorId}":                  nil,
	"PATCH /operators/{operatorId}":                map[string]string{"firstName": "Stolen", "email": "stolen@evil.example", "role": "administrator"},
	"DELETE /operators/{operatorId}":               nil,
	"GET /operators/{operatorId}/sessions":         nil,
	"DELETE /operators/{operatorId}/sessions":      nil,
	"POST /operators/{operatorId}/password-reset":  nil,
	"DELETE /operators/{operatorId}/totp":          map[string]string{"reason": "stolen"},
	"PUT /operators/{operatorId}/totp":             map[string]string{"serial": "1"},
	"POST /mail/{mailId}/retry":                    nil,
	"DELETE /tokens/{serial}":                      nil,
	"GET /operators/{operatorId}/password-reset":   nil, // pages
	"GET /operators/{operatorId}/totp/delete":      nil,
	"GET /operators/{operatorId}/delete":           nil,
	"POST /operators/{operatorId}":                 map[string]string{"firstName": "Stolen"}, // what forms send for PATCH, PUT and DELETE
	"POST /operators/{operatorId}/totp":            map[string]string{"serial": "1"},
	"POST /operators/{operatorId}/delete":          nil,
	"POST /operators/{operatorId}/sessions/delete": nil,
	"POST /operators/{operatorId}/totp/delete":     map[string]string{"reason": "stolen"},
	"POST /tokens/{serial}/delete":                 nil,
	"GET /tokens/{serial}/delete":                  nil,
	"GET /operators/{operatorId}/totp":             nil,
}

// What is another account's is not found, through either door, and nothing is written (security 26). A new route that names something needs
// a row in bodies.
func TestAnotherAccountsThingsAreNotFound(t *testing.T) {
	victim := operator(t, "operator")
	victim.enableTOTP(60)
	submit(victim.browser, "/single-use-code", victim.username)
	newest(t, victim.email, "single-use")
	admin, own := "/admin/accounts/"+demo.AccountID, alice(t)
	mails := func() (found []listed) {
		for _, m := range mailOf(t, doors(t)[1], victim.email, "") {
			m.SentAt = nil // a pointer
			found = append(found, m)
		}
		return found
	}
	mail := mails()[0].ID
	for _, serial := range []string{"1", "2"} { // what at asks for, and one more for the cursor
		if a := own.post("/manage/tokens", device{serial: serial}.body()); a.status != 409 {
			a.want(201)
		}
	}
	state := func() string {
		all := sprint(mails())
		for _, path := range []string{"/operators/" + victim.id, "/operators/" + victim.id + "/sessions", "/notices?operatorId=" + victim.id, "/policy", "/settings", "/tokens?limit=200"} {
			all += string(signed(t, "GET", admin+path, nil, nil, nil).want(200).body)
		}
		return all
	}
	other := newTenant(t)
	sealed(t) // else it is done in between, and seen as a change
	before := state()
	for _, r := range append(administrative(t, web.Administrator), administrative(t, web.IAM)...) {
		if !strings.ContainsAny(strings.Replace(r.Pattern, "{accountId}", "", 1), "{") {
			continue
		}
		row := r.Method + " " + strings.TrimPrefix(strings.TrimPrefix(r.Pattern, "/admin/accounts/{accountId}"), "/manage")
		body, ok := bodies[row]
		if !ok {
			t.Errorf("no row for %s: what of another account could it be asked for?", row)
			continue
		}
		ids := []string{victim.id, other.id, "x", strings.Repeat("a", 26), strings.ToUpper(victim.id)}
		if !theirs { // sam local tidies paths up
			ids = append(ids, "..", "%2e%2e", "%00")
		}
		for _, id := range ids {
			path := at(r, other.id, id, id)
			if id == victim.id {
				path = at(r, other.id, id, mail)
			}
			if r.Who == web.IAM {
				signed(t, r.Method, path, body, nil, nil).refused(404, "not_found")
			} else {
				other.do(r.Method, path, body).refused(404, "not_found")
			}
		}
	}
	if after := state(); after != before {
		t.Errorf("something was written:\n%s\n%s", before, after)
	}
	// Nor do lists show anything of it, or cursors open them.
	for _, list := range []string{"/operators", "/notices", "/mail", "/tokens"} {
		for _, body := range [][]byte{other.get("/manage" + list + "?limit=200").want(200).body, signed(t, "GET", "/admin/accounts/"+other.id+list+"?limit=200", nil, nil, nil).want(200).body} {
			if strings.Contains(string(body), victim.id) || strings.Contains(string(body), victim.email) {
				t.Errorf("%s shows another account's: %s", list, body)
			}
		}
		cursor, ok := own.get("/manage" + list + "?limit=1").want(200).field("next").(string)
		if !ok {
			t.Fatalf("%s has one page", list)
		}
		own.get("/manage" + list + "?limit=1&cursor=" + cursor).want(200)
		other.get("/manage"+list+"?limit=1&cursor="+cursor).refused(400, "invalid_request")
		signed(t, "GET", "/admin/accounts/"+other.id+list+"?limit=1&cursor="+cursor, nil, nil, nil).refused(400, "invalid_request")
		for _, next := range []string{"/operators", "/notices", "/mail", "/tokens"} {
			if next != list {
				own.get("/manage"+next+"?limit=1&cursor="+cursor).refused(400, "invalid_request")
			}
		}
	}
	if a := other.get("/manage/notices?operatorId=" + victim.id).want(200); strings.Contains(string(a.body), victim.id) {
		t.Errorf("notices about another account's operator: %s", a.body)
	}
}
