package web

import (
	"net/http"

	"postern/shared/access"
)

// SingleUseCode is "Email me a single-use code".
func SingleUseCode() Function {
	return Function{"singleusecode", []Route{
		{Method: http.MethodGet, Pattern: "/single-use-code", Who: Anyone, Page: true, handle: showForm(singleUseCodeForm)},
		{Method: http.MethodPost, Pattern: "/single-use-code", Who: Anyone, Page: true, handle: requestSingleUseCode,
			form: singleUseCodeForm, Body: []Field{accountIDField, loginField, captchaField}},
	}}
}

func singleUseCodeForm(*request) (page, error) { return page{name: "single_use_code"}, nil }

func requestSingleUseCode(q *request) (reply, error) {
	if err := q.s.Service.RequestSingleUseCode(q.Context(), q.requestCode()); err != nil {
		return reply{}, err
	}
	return submitted("single_use_code_submitted"), nil
}

// requestCode is what either request for a mail holds.
func (q *request) requestCode() access.RequestCode {
	return access.RequestCode{
		AccountID: q.account(), Login: q.body.text("login"), Captcha: q.body.text("captcha"), Client: q.client(),
	}
}

// submitted is the one answer to either, whoever asks for whomever (behaviour 2.1, 3.1).
func submitted(name string) reply {
	return reply{status: http.StatusAccepted, json: map[string]string{"status": "submitted"}, page: page{name: name}}
}
