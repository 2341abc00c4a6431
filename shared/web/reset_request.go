package web

import "net/http"

// ResetRequest is "Request a new password".
func ResetRequest() Function {
	return Function{"resetrequest", []Route{
		{Method: http.MethodGet, Pattern: "/reset-request", Who: Anyone, Page: true, handle: showForm(resetRequestForm)},
		{Method: http.MethodPost, Pattern: "/reset-request", Who: Anyone, Page: true, handle: requestReset,
			form: resetRequestForm, Body: []Field{accountIDField, loginField, captchaField}},
	}}
}

func resetRequestForm(*request) (page, error) { return page{name: "reset_request"}, nil }

func requestReset(q *request) (reply, error) {
	if err := q.s.Service.RequestReset(q.Context(), q.requestCode()); err != nil {
		return reply{}, err
	}
	return submitted("reset_request_submitted"), nil
}
