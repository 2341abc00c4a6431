package web

import (
	"net/http"

	"postern/shared/access"
)

// TOTPSetup is an operator's own second factor. A change_only session that owes the set-up reaches the set-up and its
// confirmation, and may not remove anything.
func TOTPSetup() Function {
	owed := []access.Next{access.NextTOTPSetup}
	password := Field{Name: "password", Type: Secret, Max: maxPassword}
	code := Field{Name: "code", Type: Secret, Max: maxCode}
	requiredPassword := password
	requiredPassword.Required = true
	return Function{"totpsetup", []Route{
		{Method: http.MethodGet, Pattern: "/account/totp", Who: SignedIn, Kinds: onlyFull, Owed: owed, Page: true,
			handle: showForm(totpForm), Query: continueQuery},
		{Method: http.MethodPost, Pattern: "/account/totp", Who: SignedIn, Kinds: onlyFull, Owed: owed, Page: true,
			handle: setUpTOTP, form: totpForm, Query: continueQuery, Body: []Field{password, code}},
		{Method: http.MethodDelete, Pattern: "/account/totp", Who: SignedIn, Kinds: onlyFull, Page: true,
			handle: removeTOTP, Body: []Field{requiredPassword, codeField}},
		{Method: http.MethodGet, Pattern: "/account/totp/confirm", Who: SignedIn, Kinds: onlyFull, Owed: owed, Page: true,
			handle: showForm(confirmTOTPForm), Query: continueQuery},
		{Method: http.MethodPost, Pattern: "/account/totp/confirm", Who: SignedIn, Kinds: onlyFull, Owed: owed, Page: true,
			handle: confirmTOTP, form: confirmTOTPForm, Query: continueQuery, Body: []Field{codeField}},
		{Method: http.MethodGet, Pattern: "/account/totp/delete", Who: SignedIn, Kinds: onlyFull, Page: true,
			handle: showForm(removeTOTPForm)},
		{Method: http.MethodPost, Pattern: "/account/totp/delete", Who: SignedIn, Kinds: onlyFull, Page: true,
			handle: removeTOTP, form: removeTOTPForm, Body: []Field{requiredPassword, codeField}},
	}}
}

func totpForm(q *request) (page, error) {
	data := map[string]any{"Owed": q.identity.View.Kind == access.SessionChangeOnly, "TOTP": access.TOTPView{}, "Pending": false}
	pending, err := q.s.Service.PendingTOTP(q.Context(), q.identity)
	if err != nil {
		return page{}, err
	}
	data["Pending"] = pending
	if q.identity.View.Kind == access.SessionFull {
		a, err := q.s.Service.Account(q.Context(), q.identity)
		if err != nil {
			return page{}, err
		}
		data["TOTP"] = a.TOTP
	}
	return page{name: "account_totp", data: data}, nil
}

func setUpTOTP(q *request) (reply, error) {
	if q.identity.View.Kind == access.SessionFull && q.body.secret("password").Empty() {
		return reply{}, inputError(fieldError("password", "missing"))
	}
	t, err := q.s.Service.SetUpTOTP(q.Context(), q.identity, access.SetUpTOTP{
		Password: q.body.secret("password"), Code: q.body.secret("code"),
	}, q.client())
	if err != nil {
		return reply{}, err
	}
	// This is the one place where the secret is shown (behaviour 6.1).
	return reply{status: http.StatusCreated,
		json: map[string]any{
			"secret": t.Secret.Reveal(), "otpauthUri": t.URI.Reveal(), "qrSvg": t.QR.Reveal(), "expiresAt": t.ExpiresAt.UTC(),
		},
		page: page{name: "account_totp_secret", data: map[string]any{
			"Secret": inFours(t.Secret.Reveal()), "URI": otpauth(t.URI.Reveal()), "QR": svg(t.QR.Reveal()),
			"ExpiresAt": t.ExpiresAt,
		}},
	}, nil
}

func confirmTOTPForm(q *request) (page, error) {
	pending, err := q.s.Service.PendingTOTP(q.Context(), q.identity)
	return page{name: "account_totp_confirm", data: map[string]any{"Pending": pending}}, err
}

func confirmTOTP(q *request) (reply, error) {
	t, err := q.s.Service.ConfirmTOTP(q.Context(), q.identity, q.body.secret("code"), q.client())
	if err != nil {
		return reply{}, err
	}
	next := q.onward()
	if next == "/account" {
		next = "/account?after=totp_enabled"
	}
	return reply{
		json: map[string]any{"period": t.Period, "session": t.Session}, next: next,
		cookies: []*http.Cookie{setCookie(sessionCookie, t.SessionToken)},
	}, nil
}

func removeTOTPForm(*request) (page, error) { return page{name: "account_totp_delete"}, nil }

func removeTOTP(q *request) (reply, error) {
	token, err := q.s.Service.RemoveTOTP(q.Context(), q.identity, access.SetUpTOTP{
		Password: q.body.secret("password"), Code: q.body.secret("code"),
	}, q.client())
	if err != nil {
		return reply{}, err
	}
	return reply{
		status: http.StatusNoContent, next: "/account?after=totp_removed",
		cookies: []*http.Cookie{setCookie(sessionCookie, token)},
	}, nil
}
