package acceptance

import (
	"encoding/json"
	"strings"
	"testing"
)

// Who runs the deployment makes an account with its first administrator, closes it and opens it again; what is in other accounts
// stays theirs (behaviour 7.9).
func TestAccounts(t *testing.T) {
	do := func(method, path string, body any) *answer {
		t.Helper()
		return signed(t, method, "/admin/accounts"+path, body, nil, nil)
	}
	id := unused("tenant")
	first := map[string]string{"username": "alice", "email": "alice@" + id + ".example", "firstName": "Ada", "lastName": "First"}
	made := do("POST", "", map[string]any{"accountId": id, "name": "Tenant " + id, "administrator": first}).want(201)
	if made.text("account.accountId") != id || made.text("account.state") != "active" || made.text("operator.role") != "administrator" || made.text("temporaryPassword") == "" {
		t.Fatalf("made: %s", made.body)
	}
	do("POST", "", map[string]any{"accountId": strings.ToUpper(id), "name": "Again"}).refused(409, "conflict")
	do("POST", "", map[string]any{"accountId": "a b"}).refused(400, "invalid_request")
	half := do("POST", "", map[string]any{"accountId": unused("half"), "administrator": map[string]string{"username": "x"}}).refused(400, "invalid_request")
	if len(half.Errors) != 3 || !strings.HasPrefix(half.Errors[0].Field, "administrator.") {
		t.Errorf("half an administrator: %+v", half.Errors)
	}
	if got := do("GET", "/"+id, nil).want(200); got.text("name") != "Tenant "+id {
		t.Errorf("account: %s", got.body)
	}
	do("GET", "/"+unused("nobody"), nil).refused(404, "not_found")
	do("PATCH", "/"+unused("nobody"), map[string]string{"state": "suspended"}).refused(404, "not_found")
	do("PATCH", "/"+id, map[string]string{"state": "asleep"}).refused(400, "invalid_request")

	seen := 0
	for cursor := ""; ; {
		var page struct {
			Items []struct{ AccountID string }
			Next  *string
		}
		if err := json.Unmarshal(do("GET", "?limit=1"+cursor, nil).want(200).body, &page); err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Items {
			if a.AccountID == id || a.AccountID == demo.AccountID {
				seen++
			}
		}
		if page.Next == nil {
			break
		}
		cursor = "&cursor=" + *page.Next
	}
	if seen != 2 {
		t.Errorf("the list shows %d of the two accounts", seen)
	}

	signIn := func() *answer {
		return newBrowser(t).post("/login", map[string]string{"accountId": id, "login": "alice", "password": made.text("temporaryPassword")})
	}
	if got := signIn().want(200).text("next"); got != "new_password" {
		t.Errorf("the first administrator owes %q", got)
	}
	if got := do("PATCH", "/"+id, map[string]string{"state": "suspended", "name": "Closed"}).want(200); got.text("state") != "suspended" || got.text("name") != "Closed" {
		t.Errorf("suspended: %s", got.body)
	}
	signIn().refused(401, "invalid_credentials")
	do("GET", "/"+id+"/operators", nil).want(200)
	do("PATCH", "/"+id, map[string]string{"state": "active"}).want(200)
	signIn().want(200)
	log := string(do("GET", "/"+id+"/notices", nil).want(200).body)
	for _, kind := range []string{"account.created", "account.suspended", "account.resumed", "settings.changed", "operator.created"} {
		if !strings.Contains(log, `"`+kind+`"`) {
			t.Errorf("no notice %s: %s", kind, log)
		}
	}
}
