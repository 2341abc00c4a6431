package web

import (
	"errors"
	"net/http"

	"postern/shared/access"
)

// ResetConfirm is the second half of a reset: showing the secret of the mail, and choosing the new password.
func ResetConfirm() Function {
	optionalAccount, optionalLogin := accountIDField, loginField
	optionalAccount.Required, optionalLogin.Required = false, false
	return Function{"resetconfirm", []Route{
		{Method: http.MethodGet, Pattern: "/reset-confirm", Who: Anyone, Page: true, handle: showForm(resetConfirmForm)},
		{Method: http.MethodPost, Pattern: "/reset-confirm", Who: Anyone, Page: true, handle: confirmReset, form: resetConfirmForm,
			Body: []Field{
				optionalAccount, optionalLogin, {Name: "code", Type: Secret, Max: maxCode},
				{Name: "token", Type: Secret, Max: maxToken}, {Name: "totp", Type: Secret, Max: maxCode},
			}},
		{Method: http.MethodGet, Pattern: "/new-password", Who: NewPasswordOwed, Page: true, handle: showForm(newPasswordForm),
			Query: continueQuery},
		{Method: http.MethodPost, Pattern: "/new-password", Who: NewPasswordOwed, Page: true, handle: newPassword,
			form: newPasswordForm, Query: continueQuery,
			Body: []Field{{Name: "password", Type: NewPassword, Required: true, Max: maxPassword}}},
	}}
}

// resetConfirmForm shows the two forms. When the secret was not refused for good, it is kept in the page for the next
// try: it came in a fragment, which the browser no longer has, or was typed from a mail. A TOTP code asked for or wrong
// uses nothing up (api.md, POST /reset-confirm).
func resetConfirmForm(q *request) (page, error) {
	keep := q.Method == http.MethodPost && (q.keepReset || !q.body.secret("totp").Empty())
	data := map[string]any{"Keep": keep, "Token": "", "Code": ""}
	if keep {
		data["Token"], data["Code"] = q.body.secret("token").Reveal(), q.body.secret("code").Reveal()
	}
	return page{name: "reset_confirm", data: data}, nil
}

func confirmReset(q *request) (reply, error) {
	c := access.ConfirmReset{
		AccountID: q.body.text("accountId"), Login: q.body.text("login"), Code: q.body.secret("code"),
		Token: q.body.secret("token"), TOTP: q.body.secret("totp"), Client: q.client(),
	}
	var bad []access.FieldError
	if !c.Token.Empty() {
		for _, name := range []string{"accountId", "login", "code"} {
			if q.body.text(name) != "" || !q.body.secret(name).Empty() {
				bad = append(bad, fieldError(name, "not_with_token"))
			}
		}
	} else {
		c.AccountID = q.account()
		for _, f := range []struct {
			name  string
			empty bool
		}{{"accountId", c.AccountID == ""}, {"login", c.Login == ""}, {"code", c.Code.Empty()}} {
			if f.empty {
				bad = append(bad, fieldError(f.name, "missing"))
			}
		}
	}
	if len(bad) > 0 {
		return reply{}, inputError(bad...)
	}
	done, err := q.s.Service.ConfirmReset(q.Context(), c)
	if err != nil {
		q.keepReset = errors.Is(err, access.ErrTOTPRequired)
		return reply{}, err
	}
	r := reply{json: map[string]any{"next": done.Next}, next: pathOf[done.Next]}
	if done.Next == access.NextLogin {
		r.next = "/login?after=reset"
	}
	if !done.Replacement.Empty() {
		r.cookies = append(r.cookies, setCookie(resetCookie, done.Replacement))
	}
	return r, nil
}

func newPasswordForm(q *request) (page, error) {
	return page{name: "new_password", data: map[string]any{
		"Prompt": q.prompt, "Rules": rulesOf(q.text, rulePolicy(q.prompt.Policy)),
	}}, nil
}

func newPassword(q *request) (reply, error) {
	l, err := q.s.Service.NewPassword(q.Context(), access.NewPassword{
		Replacement: q.cookie(resetCookie), Session: q.cookie(sessionCookie), Password: q.body.secret("password"),
		Client: q.client(),
	})
	if err != nil {
		return reply{}, err
	}
	r := q.step(l)
	r.cookies = append(r.cookies, clearCookie(resetCookie))
	if l.Next == access.NextLogin {
		r.next = "/login?after=new_password"
	}
	return r, nil
}
