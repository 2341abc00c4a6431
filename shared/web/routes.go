package web

import (
	"postern/shared/access"
)

// Who says who may ask a route. It is checked before anything of the request but its size and media type is looked at
// (details 40).
type Who string

// The values of Who.
const (
	// Anyone: no session is looked at.
	Anyone Who = "anyone"
	// PendingLogin: a login that waits for its second step (cookie __Host-pending). Only its presence is checked here; what
	// it holds is for the use case.
	PendingLogin Who = "pending_login"
	// NewPasswordOwed: a replacement prompt (cookie __Host-reset) or a change_only session that owes a new password.
	NewPasswordOwed Who = "new_password_owed"
	// SignedIn: a live session of one of Route.Kinds, or a change_only one that owes one of Route.Owed.
	SignedIn Who = "signed_in"
	// Administrator: a full session of role administrator. What is asked for is of that operator's own account.
	Administrator Who = "administrator"
	// IAM: a caller that Config.Principal names. Closed without one.
	IAM Who = "iam"
)

// Function is the part of the routes that one AWS function serves. Each is made by a func of its own, so that a binary
// links only the handlers of the functions that it names.
type Function struct {
	Name   string // as the folder under functions/
	Routes []Route
}

// Route is one row of the table of everything that is asked over HTTP: who may ask, and what may be sent. The server
// decides by these fields and the tests walk over them, so they cannot disagree.
type Route struct {
	Function string // filled in by Routes and Handler
	Method   string // GET serves HEAD too
	Pattern  string // of http.ServeMux, without method: "/account/sessions/{id}"
	Who      Who
	Kinds    []access.SessionKind // with SignedIn: the kinds let in
	Owed     []access.Next        // with SignedIn: change_only sessions that owe one of these are let in as well
	Query    []Field              // the query parameters that are read
	Body     []Field              // the fields of a JSON or form body
	Upload   *Upload              // the body is a file
	// Page: a browser gets a page or a redirect. Without it every answer is JSON, whatever Accept says.
	Page bool

	handle handler
	// form gives the page that a refusal is shown on; without it refusals get the page "error".
	form func(*request) (page, error)
}

// handler does what a route is for. By then it is decided that the caller may, and query and body are decoded.
type handler func(*request) (reply, error)

// Functions gives all functions. A program that serves only some of them names those instead, so as not to link the rest.
func Functions() []Function {
	return []Function{
		Login(), SingleUseCode(), ResetRequest(), ResetConfirm(), Session(), Account(), TOTPSetup(), Manage(), Admin(), Site(),
	}
}

// Routes gives the whole table, for tests and for checks of the deployment's template.
func Routes() []Route { return routesOf(Functions()) }

func routesOf(fs []Function) []Route {
	var all []Route
	for _, f := range fs {
		for _, r := range f.Routes {
			r.Function = f.Name
			all = append(all, r)
		}
	}
	return all
}

// Session kinds that routes name.
var (
	onlyFull      = []access.SessionKind{access.SessionFull}
	fullAndSingle = []access.SessionKind{access.SessionFull, access.SessionSingleUse}
)
