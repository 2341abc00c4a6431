package web

import (
	"net/http"

	"postern/shared/access"
)

// Session is what applications ask of a session, and its end.
func Session() Function {
	return Function{"session", []Route{
		{Method: http.MethodGet, Pattern: "/session", Who: SignedIn, Kinds: fullAndSingle, handle: session,
			Owed: []access.Next{access.NextNewPassword, access.NextTOTPSetup}}, // its one read (details 4)
		{Method: http.MethodPost, Pattern: "/logout", Who: Anyone, Page: true, handle: logout},
	}}
}

func session(q *request) (reply, error) { return reply{json: q.identity.View}, nil }

// logout ends whatever the browser holds. It never tells what that was (details 44).
func logout(q *request) (reply, error) {
	err := q.s.Service.Logout(q.Context(), access.Logout{
		Session: q.cookie(sessionCookie), Pending: q.cookie(pendingCookie), Replacement: q.cookie(resetCookie),
	})
	if err != nil {
		return reply{}, err
	}
	return loggedOut(), nil
}

func loggedOut() reply {
	return reply{status: http.StatusNoContent, next: "/login?after=logout", cookies: []*http.Cookie{
		clearCookie(sessionCookie), clearCookie(pendingCookie), clearCookie(resetCookie),
	}}
}
