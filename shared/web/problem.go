package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/shared/access"
	"postern/shared/languages"
)

// The refusals that the HTTP side makes itself.
var (
	errCrossOrigin = errors.New("cross-origin request")
	errTooLarge    = errors.New("body too large")
	errMediaType   = errors.New("unsupported media type")
	errInternal    = errors.New("internal error")
)

// methodError: the path is known, the method is not.
type methodError struct{ allow string }

func (e *methodError) Error() string { return "method not allowed, but " + e.allow }

// Problem is a refusal as clients see it (RFC 9457).
type Problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail"`
	Code      string         `json:"code"`
	RequestID string         `json:"requestId"`
	Errors    []ProblemField `json:"errors,omitempty"`
	Captcha   any            `json:"captcha,omitempty"` // with captcha_required: a challenge

	retryAfter time.Duration
	allow      string
	next       access.Next // with change_required: what is owed
}

// ProblemField says what is wrong with one field of the request.
type ProblemField struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// kind is a row of the table between kinds of refusal and what clients see.
type kind struct {
	is     func(error) bool
	status int
	code   string
}

func sentinel(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func typed[E error](err error) bool { _, ok := errors.AsType[E](err); return ok }

// kinds is that table. The first row that fits counts; what fits none is errInternal.
var kinds = []kind{
	{typed[*methodError], http.StatusMethodNotAllowed, "method_not_allowed"},
	{sentinel(errCrossOrigin), http.StatusForbidden, "cross_origin"},
	{sentinel(access.ErrImportTooLong), http.StatusRequestEntityTooLarge, "payload_too_large"},
	{sentinel(errTooLarge), http.StatusRequestEntityTooLarge, "payload_too_large"},
	{sentinel(errMediaType), http.StatusUnsupportedMediaType, "unsupported_media_type"},
	{typed[*access.InputError], http.StatusBadRequest, "invalid_request"},
	{sentinel(access.ErrInvalidCredentials), http.StatusUnauthorized, "invalid_credentials"},
	{sentinel(access.ErrInvalidCode), http.StatusUnauthorized, "invalid_code"},
	{sentinel(access.ErrTOTPRequired), http.StatusUnauthorized, "totp_required"},
	{sentinel(access.ErrNotSignedIn), http.StatusUnauthorized, "not_signed_in"},
	{sentinel(access.ErrTOTPBlocked), http.StatusForbidden, "totp_blocked"},
	{sentinel(access.ErrForbidden), http.StatusForbidden, "forbidden"},
	{typed[*access.ChangeRequiredError], http.StatusForbidden, "change_required"},
	{typed[*access.CaptchaRequiredError], http.StatusForbidden, "captcha_required"},
	{sentinel(access.ErrNotFound), http.StatusNotFound, "not_found"},
	{typed[*access.ConflictError], http.StatusConflict, "conflict"},
	{typed[*access.PolicyError], http.StatusUnprocessableEntity, "password_policy"},
	{typed[*access.TooManyAttemptsError], http.StatusTooManyRequests, "too_many_attempts"},
	{sentinel(access.ErrUnavailable), http.StatusServiceUnavailable, "unavailable"},
	{isUnavailable, http.StatusServiceUnavailable, "unavailable"},
}

// isUnavailable reports whether a request ended because its time or its client did.
func isUnavailable(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// kindOf finds the row of an error.
func kindOf(err error) (kind, bool) {
	for _, k := range kinds {
		if k.is(err) {
			return k, true
		}
	}
	return kind{status: http.StatusInternalServerError, code: "internal"}, false
}

// problem puts an error into words. newPassword names the field that a password policy is about.
func problem(err error, t *languages.Catalogue, requestID, newPassword string) *Problem {
	k, _ := kindOf(err)
	p := &Problem{
		Type: "urn:postern:problem:" + k.code, Status: k.status, Code: k.code, RequestID: requestID,
		Title: t.Text("problem."+k.code+".title", nil), Detail: t.Text("problem."+k.code+".detail", nil),
	}
	if e, ok := errors.AsType[*methodError](err); ok {
		p.allow = e.allow
	}
	if e, ok := errors.AsType[*fileTypeError](err); ok {
		p.Detail = t.Text("problem.unsupported_media_type.file", map[string]string{"types": strings.Join(e.types, ", ")})
	}
	if e, ok := errors.AsType[*access.InputError](err); ok {
		for _, f := range e.Fields {
			p.Errors = append(p.Errors, ProblemField{f.Field, f.Code, t.Text("field."+f.Code, f.Params)})
		}
	}
	if e, ok := errors.AsType[*access.ConflictError](err); ok {
		p.Detail = t.Text("problem.conflict."+e.Reason, nil)
		if e.Field != "" {
			p.Errors = []ProblemField{{e.Field, e.Reason, p.Detail}}
		}
	}
	if e, ok := errors.AsType[*access.PolicyError](err); ok {
		params := map[string]string{
			"min": strconv.Itoa(e.Policy.MinLength), "max": strconv.Itoa(e.Policy.MaxLength),
			"history": strconv.Itoa(e.Policy.History), "days": strconv.Itoa(e.Policy.HistoryDays),
			"hours": strconv.Itoa(e.Policy.MinAgeHours), "until": e.Until.UTC().Format(timeForPeople),
		}
		for _, r := range e.Broken {
			p.Errors = append(p.Errors, ProblemField{newPassword, string(r), t.Text("rule."+string(r), params)})
		}
	}
	if e, ok := errors.AsType[*access.TooManyAttemptsError](err); ok {
		p.retryAfter = max(e.RetryAfter, time.Second)
		p.Detail = t.Text("problem.too_many_attempts.detail", map[string]string{
			"seconds": strconv.Itoa(seconds(p.retryAfter)),
		})
	}
	if e, ok := errors.AsType[*access.ChangeRequiredError](err); ok {
		p.next = e.Next
	}
	if p.Status == http.StatusServiceUnavailable {
		p.retryAfter = time.Second // a constant, whatever was busy (details 41)
	}
	return p
}

// refuse answers with a problem: as JSON, as the page it belongs to, or by sending the browser where it has to go.
func (s *server) refuse(q *request, err error) answer {
	if _, known := kindOf(err); !known || isUnavailable(err) || errors.Is(err, access.ErrUnavailable) {
		if !errors.Is(err, errInternal) { // that one has been logged with its stack
			s.Log.ErrorContext(q.Context(), "refused", "requestId", q.id, "error", err)
		}
	}
	p := problem(err, q.text, q.id, q.newPasswordField())
	if e, ok := errors.AsType[*access.CaptchaRequiredError](err); ok {
		challenge, err := s.Service.NewCaptcha(q.Context(), e.Purpose, e.AccountID)
		if err != nil {
			return s.refuse(q, err)
		}
		p.Captcha = challenge
	}
	if q.html {
		return s.refusePage(q, p)
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = nil // unreachable: a Problem is plain text and a challenge
	}
	return answer{p.Status, p.header("application/problem+json"), body}
}

// header gives the headers that belong to a problem.
func (p *Problem) header(contentType string) http.Header {
	h := http.Header{"Content-Type": {contentType}}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(p.retryAfter)))
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	return h
}

// refusePage shows a problem to a person (details 39).
func (s *server) refusePage(q *request, p *Problem) answer {
	see := func(path string) answer {
		h := p.header("text/html; charset=utf-8")
		h.Del("Content-Type")
		h.Set("Location", s.location(path))
		return answer{http.StatusSeeOther, h, nil}
	}
	switch p.Code {
	case "not_signed_in":
		path := "/login"
		if back := q.comeBack(); back != "" {
			path += "?continue=" + url.QueryEscape(s.base+back)
		}
		return see(path)
	case "change_required":
		return see(pathOf[p.next])
	}
	shown := page{name: "error"}
	if q.authorized && q.route.form != nil && p.Status != http.StatusNotFound {
		if form, err := q.route.form(q); err == nil {
			shown = form
		}
	}
	body, err := s.render(q, shown, p)
	if err != nil {
		s.Log.ErrorContext(q.Context(), "render", "requestId", q.id, "page", shown.name, "error", err)
		body, _ = json.Marshal(p)
		return answer{p.Status, p.header("application/problem+json"), body}
	}
	h := p.header("text/html; charset=utf-8")
	h.Set("Content-Language", q.text.Tag())
	return answer{p.Status, h, body}
}

// comeBack gives the page to return to after signing in: the one asked for, or the one whose form was sent.
func (q *request) comeBack() string {
	switch {
	case q.route == nil || q.route.Who == PendingLogin || q.route.Who == NewPasswordOwed:
		return "" // a flow that has ended cannot be gone on with
	case !q.s.pages[q.route.Pattern]:
		return ""
	case q.Method == http.MethodGet && q.URL.RawQuery != "":
		return q.URL.EscapedPath() + "?" + q.URL.RawQuery
	}
	return q.URL.EscapedPath()
}

// newPasswordField names the field of the route's body that the password policy is about.
func (q *request) newPasswordField() string {
	if q.route != nil {
		for _, f := range q.route.Body {
			if f.Type == NewPassword {
				return f.Name
			}
		}
	}
	return ""
}

// seconds rounds up: whoever waits so long has waited long enough.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
