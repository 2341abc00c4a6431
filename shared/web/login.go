package web

import (
	"net/http"

	"postern/shared/access"
)

// Login is the two steps of logging in.
func Login() Function {
	return Function{"login", []Route{
		{Method: http.MethodGet, Pattern: "/login", Who: Anyone, Page: true, handle: showForm(loginForm),
			Query: append([]Field{{Name: "after", Type: Text, OneOf: afterLogin, Max: 32}}, continueQuery...)},
		{Method: http.MethodPost, Pattern: "/login", Who: Anyone, Page: true, handle: login, form: loginForm,
			Query: continueQuery,
			Body: []Field{
				accountIDField, loginField, {Name: "password", Type: Secret, Required: true, Max: maxPassword},
				captchaField, continueField,
			}},
		{Method: http.MethodGet, Pattern: "/login/totp", Who: PendingLogin, Page: true, handle: showForm(loginTOTPForm),
			Query: continueQuery},
		{Method: http.MethodPost, Pattern: "/login/totp", Who: PendingLogin, Page: true, handle: loginTOTP, form: loginTOTPForm,
			Query: continueQuery, Body: []Field{codeField, continueField}},
	}}
}

// afterLogin are the things that lead back to the login page, which says then what has happened.
var afterLogin = []string{"logout", "new_password", "reset"}

func loginForm(q *request) (page, error) {
	return page{name: "login", data: map[string]any{"After": q.query.text("after")}}, nil
}

func login(q *request) (reply, error) {
	l, err := q.s.Service.Login(q.Context(), access.Login{
		AccountID: q.account(), Login: q.body.text("login"), Password: q.body.secret("password"),
		Captcha: q.body.text("captcha"), Client: q.client(),
	})
	if err != nil {
		return reply{}, err
	}
	return q.step(l), nil
}

func loginTOTPForm(*request) (page, error) { return page{name: "login_totp"}, nil }

func loginTOTP(q *request) (reply, error) {
	l, err := q.s.Service.LoginTOTP(q.Context(), access.LoginTOTP{
		Pending: q.cookie(pendingCookie), Code: q.body.secret("code"), Client: q.client(),
	})
	if err != nil {
		return reply{}, err
	}
	return q.step(l), nil
}
