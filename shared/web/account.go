package web

import (
	"net/http"

	"postern/shared/access"
)

// Account is an operator's own page, password and sessions.
func Account() Function {
	return Function{"account", []Route{
		{Method: http.MethodGet, Pattern: "/account", Who: SignedIn, Kinds: fullAndSingle, Page: true, handle: account,
			Query: []Field{{Name: "after", Type: Text, OneOf: afterAccount, Max: 32}}},
		{Method: http.MethodGet, Pattern: "/account/password", Who: SignedIn, Kinds: onlyFull, Page: true,
			handle: showForm(passwordForm)},
		{Method: http.MethodPost, Pattern: "/account/password", Who: SignedIn, Kinds: onlyFull, Page: true,
			handle: changePassword, form: passwordForm,
			Body: []Field{
				{Name: "currentPassword", Type: Secret, Required: true, Max: maxPassword},
				{Name: "newPassword", Type: NewPassword, Required: true, Max: maxPassword},
			}},
		{Method: http.MethodGet, Pattern: "/account/sessions", Who: SignedIn, Kinds: fullAndSingle, Page: true,
			handle: listSessions, Query: pageQuery},
		{Method: http.MethodDelete, Pattern: "/account/sessions", Who: SignedIn, Kinds: fullAndSingle, Page: true,
			handle: endOtherSessions},
		{Method: http.MethodPost, Pattern: "/account/sessions/delete", Who: SignedIn, Kinds: fullAndSingle, Page: true,
			handle: endOtherSessions},
		{Method: http.MethodDelete, Pattern: "/account/sessions/{id}", Who: SignedIn, Kinds: fullAndSingle, Page: true,
			handle: endSession},
		{Method: http.MethodPost, Pattern: "/account/sessions/{id}/delete", Who: SignedIn, Kinds: fullAndSingle, Page: true,
			handle: endSession},
	}}
}

// afterAccount are the changes that lead back to the account page, which says then what has happened.
var afterAccount = []string{"password", "totp_enabled", "totp_removed"}

func account(q *request) (reply, error) {
	a, err := q.s.Service.Account(q.Context(), q.identity)
	if err != nil {
		return reply{}, err
	}
	return reply{json: a, page: page{name: "account", data: map[string]any{
		"Account": a, "After": q.query.text("after"),
	}}}, nil
}

func passwordForm(q *request) (page, error) {
	a, err := q.s.Service.Account(q.Context(), q.identity)
	if err != nil {
		return page{}, err
	}
	return page{name: "account_password", data: map[string]any{"Account": a, "Rules": rulesOf(q.text, a.Policy)}}, nil
}

func changePassword(q *request) (reply, error) {
	token, err := q.s.Service.ChangePassword(q.Context(), q.identity, access.ChangePassword{
		Current: q.body.secret("currentPassword"), New: q.body.secret("newPassword"),
	}, q.client())
	if err != nil {
		return reply{}, err
	}
	return reply{
		status: http.StatusNoContent, next: "/account?after=password",
		cookies: []*http.Cookie{setCookie(sessionCookie, token)},
	}, nil
}

func listSessions(q *request) (reply, error) {
	items, next, err := q.s.Service.ListSessions(q.Context(), q.identity, q.query.int("limit"), q.query.text("cursor"))
	if err != nil {
		return reply{}, err
	}
	var cursor *string
	if next != "" {
		cursor = &next
	}
	l := list[access.SessionInfo]{Items: items, Next: cursor}
	return reply{json: l.orEmpty(), page: page{name: "account_sessions", data: l}}, nil
}

func endSession(q *request) (reply, error) {
	id := q.PathValue("id")
	if err := q.s.Service.EndSession(q.Context(), q.identity, id); err != nil {
		return reply{}, err
	}
	if id == q.identity.SessionID {
		return loggedOut(), nil // the same as logging out (details 44)
	}
	return reply{status: http.StatusNoContent, next: "/account/sessions"}, nil
}

func endOtherSessions(q *request) (reply, error) {
	if err := q.s.Service.EndOtherSessions(q.Context(), q.identity); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent, next: "/account/sessions"}, nil
}

// list is a page of a list (api.md, conventions).
type list[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// orEmpty makes sure that no items are [] in JSON, not null.
func (l list[T]) orEmpty() list[T] {
	if l.Items == nil {
		l.Items = []T{}
	}
	return l
}
