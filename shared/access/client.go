package access

import (
	"net/netip"

	"postern/shared/secret"
)

// Client is the browser or program that a request comes from.
type Client struct {
	Address   netip.Addr  // whose budget failures are charged to; from the connection or the gateway, never from a header
	UserAgent string      // as sent; kept shortened, shown to the operator only
	Browser   secret.Text // the cookie __Host-device; empty when there was none
}

// Next is what a caller has to do next. The values are those of the API.
type Next string

// The next steps.
const (
	NextDone        Next = "done"
	NextTOTP        Next = "totp"
	NextNewPassword Next = "new_password"
	NextTOTPSetup   Next = "totp_setup"
	NextLogin       Next = "login"
)

// ChangeReason says why a new password is owed. If several hold, the first in this order is told (details 18).
type ChangeReason string

// The reasons.
const (
	ReasonNewOperator ChangeReason = "new_operator"
	ReasonTemporary   ChangeReason = "temporary"
	ReasonPolicy      ChangeReason = "policy"
	ReasonExpired     ChangeReason = "expired"
)

// LoggedIn is what a step of a login, or of a forced change, leads to. The tokens that are not empty are to be set as
// cookies; a step that returns a session token replaces the one before.
type LoggedIn struct {
	Next    Next
	Reason  ChangeReason // with NextNewPassword
	Session *SessionView // with NextDone

	SessionToken secret.Text // __Host-session
	PendingToken secret.Text // __Host-pending, with NextTOTP
	BrowserToken secret.Text // __Host-device
}

// Actor is who does something to an account, as notices name it.
type Actor struct {
	// Name is "operator:{operatorId}", "iam:{ARN}", "system" or "anonymous".
	Name string
	// OperatorID is set when the actor is an operator of the account itself: "oneself" is then protected (details 27).
	OperatorID string
}

// System is Postern itself as an actor.
var System = Actor{Name: "system"}
