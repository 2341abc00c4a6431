package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"postern/shared/access"
)

func TestTableOfRoutes(t *testing.T) {
	all := Routes()
	has := func(method, pattern string) bool {
		return slices.ContainsFunc(all, func(r Route) bool { return r.Method == method && r.Pattern == pattern })
	}
	seen := map[string]bool{}
	for _, r := range all {
		name := r.Method + " " + r.Pattern
		if seen[name] {
			t.Errorf("%s stands twice", name)
		}
		seen[name] = true
		if r.Function == "" || r.handle == nil {
			t.Errorf("%s has no function or no handler", name)
		}
		switch r.Who {
		case Anyone, PendingLogin, NewPasswordOwed, Administrator, IAM:
			if r.Kinds != nil || r.Owed != nil {
				t.Errorf("%s: kinds of session mean nothing for %s", name, r.Who)
			}
		case SignedIn:
			if len(r.Kinds) == 0 || slices.Contains(r.Kinds, access.SessionChangeOnly) {
				t.Errorf("%s: kinds %v", name, r.Kinds)
			}
		default:
			t.Errorf("%s: who may ask is %q", name, r.Who)
		}
		if (r.Who == IAM) != strings.HasPrefix(r.Pattern, "/admin/") || (r.Who == Administrator) != strings.HasPrefix(r.Pattern, "/manage") {
			t.Errorf("%s is open to %s", name, r.Who)
		}
		if r.Who == IAM && r.Page {
			t.Errorf("%s has pages", name)
		}
		if r.Method == http.MethodGet && (len(r.Body) > 0 || r.form != nil) {
			t.Errorf("%s has a body or a form", name)
		}
		for _, f := range append(slices.Clone(r.Body), r.Query...) {
			if (f.Type == Text || f.Type == Secret || f.Type == NewPassword) && f.Max == 0 {
				t.Errorf("%s: field %s may be of any length", name, f.Name)
			}
		}
		// A form that can be refused for its fields has a page to say so on.
		if r.Page && r.Method == http.MethodPost && len(r.Body) > 0 && r.form == nil {
			t.Errorf("%s has no page for refusals", name)
		}
		// HTML forms cannot send these (api.md): POST stands for them.
		if r.Page && (r.Method == http.MethodPut || r.Method == http.MethodPatch) && !has(http.MethodPost, r.Pattern) {
			t.Errorf("%s has no POST on the same path", name)
		}
		if r.Page && r.Method == http.MethodDelete && !has(http.MethodPost, r.Pattern+"/delete") {
			t.Errorf("%s has no POST .../delete", name)
		}
	}
	for _, f := range Functions() {
		Handler(config(), f) // each works alone
	}
	Handler(config(), Functions()...)
}

// What is said of sessions in security 26, over the whole table.
func TestWhichSessionsReachWhichRoutes(t *testing.T) {
	session := func(kind access.SessionKind, next access.Next, role access.Role) access.SessionView {
		return access.SessionView{Kind: kind, Next: next, Role: role}
	}
	reached := func(v access.SessionView) []string {
		var list []string
		for _, r := range Routes() {
			if (r.Who == SignedIn || r.Who == Administrator) && admit(&r, v) == nil {
				list = append(list, r.Method+" "+r.Pattern)
			}
		}
		slices.Sort(list)
		return list
	}
	for _, role := range []access.Role{access.RoleOperator, access.RoleAdministrator} {
		if got := reached(session(access.SessionChangeOnly, access.NextNewPassword, role)); !slices.Equal(got, []string{"GET /session"}) {
			t.Errorf("a %s who owes a new password reaches %v", role, got)
		}
		want := []string{
			"GET /account/totp", "GET /account/totp/confirm", "GET /session", "POST /account/totp", "POST /account/totp/confirm",
		}
		if got := reached(session(access.SessionChangeOnly, access.NextTOTPSetup, role)); !slices.Equal(got, want) {
			t.Errorf("a %s who owes TOTP reaches %v", role, got)
		}
		want = []string{
			"DELETE /account/sessions", "DELETE /account/sessions/{id}", "GET /account", "GET /account/sessions", "GET /session",
			"POST /account/sessions/delete", "POST /account/sessions/{id}/delete",
		}
		if got := reached(session(access.SessionSingleUse, "", role)); !slices.Equal(got, want) {
			t.Errorf("a %s's single_use session reaches %v", role, got)
		}
	}
	for _, path := range reached(session(access.SessionFull, "", access.RoleOperator)) {
		if strings.Contains(path, "/manage") {
			t.Errorf("an operator reaches %s", path)
		}
	}
	if got := reached(session(access.SessionFull, "", access.RoleAdministrator)); !slices.Contains(got, "GET /manage/operators") {
		t.Errorf("an administrator reaches %v", got)
	}
}
