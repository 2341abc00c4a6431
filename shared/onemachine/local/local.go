// Package local serves what there is under /_local (api.md "On one machine"): the inbox where mail goes nowhere else, and the
// demo's clock and jobs. None of it exists in any function on AWS.
package local

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"postern/shared/mail/inbox"
	"postern/shared/web"
)

// Routes are the routes under /_local. Each is there if what it needs is.
type Routes struct {
	Inbox *inbox.Inbox
	Clock *Clock
	// Jobs run a scheduled job now, by name, and return when it, and what it put into the queues, is done.
	Jobs map[string]func(context.Context) error
	Log  *slog.Logger
}

// Handle puts the routes into mux.
func (s *Routes) Handle(mux *http.ServeMux) {
	if s.Inbox != nil {
		mux.HandleFunc("GET /_local/inbox", s.local(s.showInbox))
	}
	if s.Clock != nil {
		mux.HandleFunc("POST /_local/clock", s.local(s.advanceClock))
	}
	if s.Jobs != nil {
		mux.HandleFunc("POST /_local/run/{job}", s.local(s.runJob))
	}
}

// localError is a refusal of a local route.
type localError struct {
	status       int
	code, detail string
}

func (e *localError) Error() string { return e.detail }

// local gives a local route the headers, the protection against other origins and the problems of every other route.
func (s *Routes) local(handle func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	headers := web.SecurityHeaders(nil)
	cross := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request) {
		for k, v := range headers {
			w.Header()[k] = v
		}
		var answer any
		err := error(nil)
		if cross.Check(r) != nil {
			err = &localError{http.StatusForbidden, "cross_origin", "The request comes from another site."}
		} else {
			answer, err = handle(w, r)
		}
		if answer == nil && err == nil {
			return // a page
		}
		status, kind := http.StatusOK, "application/json"
		if err != nil {
			local := &localError{http.StatusInternalServerError, "unavailable", "Something went wrong; the log says what."}
			if !errors.As(err, &local) {
				s.Log.ErrorContext(r.Context(), "local route", "error", err)
			}
			status, kind = local.status, "application/problem+json"
			answer = map[string]any{
				"type": "about:blank", "title": http.StatusText(local.status), "status": local.status, "code": local.code, "detail": local.detail,
			}
		}
		raw, err := json.Marshal(answer)
		if err != nil {
			s.Log.ErrorContext(r.Context(), "local route", "error", err)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write(append(raw, '\n')) // the client is gone: nobody is left to tell
	}
}

//go:embed inbox.html
var inboxHTML string

var inboxPage = template.Must(template.New("inbox").Parse(inboxHTML))

// shownMail is a mail as the page shows it: by lines, of which one is a link or not.
type shownMail struct {
	inbox.Entry
	Lines []string
}

// IsLink reports whether a line is an address to follow, and nothing else.
func (shownMail) IsLink(line string) bool {
	return strings.HasPrefix(line, "http") && !strings.ContainsAny(line, " \t")
}

// showInbox lists the mails, the newest first.
func (s *Routes) showInbox(w http.ResponseWriter, r *http.Request) (any, error) {
	all, err := s.Inbox.List(r.Context())
	if err != nil {
		return nil, err
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		var shown []shownMail
		for _, m := range all {
			shown = append(shown, shownMail{m, strings.Split(strings.TrimSpace(m.Text), "\n")})
		}
		return nil, inboxPage.Execute(w, map[string]any{"Mails": shown, "Stylesheet": web.Stylesheet(), "Icon": web.Icon()})
	}
	return map[string]any{"items": all}, nil
}

// maxLocalBody is the longest body of a local route.
const maxLocalBody = 1 << 10

// advanceClock moves the demo's clock forward.
func (s *Routes) advanceClock(_ http.ResponseWriter, r *http.Request) (any, error) {
	invalid := &localError{http.StatusBadRequest, "invalid_request", `Send {"advance": "72h"}: a duration from 0s on, in Go's notation.`}
	var body struct {
		Advance *string `json:"advance"`
	}
	d := json.NewDecoder(io.LimitReader(r.Body, maxLocalBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil || body.Advance == nil {
		return nil, invalid
	}
	by, err := time.ParseDuration(*body.Advance)
	if err != nil || by < 0 {
		return nil, invalid
	}
	if by > maxAdvance {
		return nil, &localError{http.StatusBadRequest, "invalid_request", "That is further than the demo clock goes."}
	}
	now, err := s.Clock.Advance(by)
	if err != nil {
		return nil, err
	}
	return map[string]string{"now": now.UTC().Format(time.RFC3339Nano)}, nil
}

// runJob runs a scheduled job now.
func (s *Routes) runJob(_ http.ResponseWriter, r *http.Request) (any, error) {
	job, ok := s.Jobs[r.PathValue("job")]
	if !ok {
		return nil, &localError{http.StatusNotFound, "not_found", "There is no such job."}
	}
	if err := job(r.Context()); err != nil {
		return nil, err
	}
	return map[string]string{"status": "done"}, nil
}
