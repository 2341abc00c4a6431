package web

import (
	"fmt"
	"slices"

	"postern/shared/access"
)

// authorize decides whether the caller may ask this route at all, and remembers who it is.
func (s *server) authorize(q *request) error {
	switch q.route.Who {
	case Anyone:
		return nil
	case PendingLogin:
		if q.cookie(pendingCookie).Empty() {
			return access.ErrNotSignedIn
		}
		return nil
	case NewPasswordOwed:
		if q.cookie(resetCookie).Empty() && q.cookie(sessionCookie).Empty() {
			return access.ErrNotSignedIn
		}
		var err error
		q.prompt, err = s.Service.NewPasswordPrompt(q.Context(), q.cookie(resetCookie), q.cookie(sessionCookie))
		return err
	case SignedIn, Administrator:
		return s.authenticate(q)
	case IAM:
		name, ok := s.Principal(q.Request)
		if !ok || name == "" {
			return access.ErrForbidden
		}
		q.actor, q.accountID = access.Actor{Name: name}, q.PathValue("accountId")
		if q.accountID == "" {
			return nil
		}
		_, err := s.Service.GetAccount(q.Context(), q.accountID)
		return err
	}
	return fmt.Errorf("route %s %s says nothing of who may ask", q.Method, q.route.Pattern)
}

func (s *server) authenticate(q *request) error {
	token := q.cookie(sessionCookie)
	if token.Empty() {
		return access.ErrNotSignedIn
	}
	id, err := s.Service.Authenticate(q.Context(), token)
	if err != nil {
		return err
	}
	q.identity, q.actor, q.accountID = id, id.Actor(), id.View.AccountID
	return admit(q.route, id.View)
}

// admit decides whether a session may ask a route (security 26).
func admit(r *Route, v access.SessionView) error {
	switch {
	case v.Kind == access.SessionChangeOnly:
		if r.Who != SignedIn || !slices.Contains(r.Owed, v.Next) {
			return &access.ChangeRequiredError{Next: v.Next}
		}
	case r.Who == Administrator:
		if v.Kind != access.SessionFull || v.Role != access.RoleAdministrator {
			return access.ErrForbidden
		}
	case !slices.Contains(r.Kinds, v.Kind):
		return access.ErrForbidden
	}
	return nil
}
