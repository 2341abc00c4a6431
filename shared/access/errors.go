package access

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"postern/shared/password"
)

// The kinds of refusal. Callers compare with errors.Is; what people see of them is decided in web/problem.go alone.
var (
	// ErrInvalidCredentials: unknown account, unknown name, wrong password, disabled operator: never told which (behaviour 1.3).
	ErrInvalidCredentials = errors.New("invalid credentials")
	// ErrInvalidCode: a code or link that is wrong, used, expired or another operator's: never told which.
	ErrInvalidCode = errors.New("invalid code")
	// ErrTOTPRequired: nothing was used up; the same request may be sent again with a TOTP code.
	ErrTOTPRequired = errors.New("TOTP code required")
	// ErrNotSignedIn: no session, pending login or replacement prompt, or one that has ended.
	ErrNotSignedIn = errors.New("not signed in")
	// ErrTOTPBlocked: ten wrong TOTP codes in a row; an administrator must disable the factor (behaviour 6.3).
	ErrTOTPBlocked = errors.New("TOTP blocked")
	// ErrForbidden: signed in, but not allowed this.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound: no such thing in this account.
	ErrNotFound = errors.New("not found")
	// ErrImportTooLong: a file of more than MaxImportRows rows. None of them was looked at.
	ErrImportTooLong = errors.New("import too long")
	// ErrUnavailable: something Postern depends on could not do its part, or races were lost too often; nothing was done,
	// or the repeat finds it done. Worth trying again in a second.
	ErrUnavailable = errors.New("unavailable")
)

// ChangeRequiredError refuses a change_only session whatever it does not owe (behaviour 1.5).
type ChangeRequiredError struct{ Next Next }

func (e *ChangeRequiredError) Error() string { return "change required: " + string(e.Next) }

// TooManyAttemptsError says that a budget is spent.
type TooManyAttemptsError struct{ RetryAfter time.Duration }

func (e *TooManyAttemptsError) Error() string {
	return fmt.Sprintf("too many attempts, retry after %s", e.RetryAfter)
}

// CaptchaRequiredError asks for a solved challenge of [Service.NewCaptcha].
type CaptchaRequiredError struct {
	Purpose   CaptchaPurpose
	AccountID string // as typed
}

func (e *CaptchaRequiredError) Error() string { return "captcha required for " + string(e.Purpose) }

// PolicyError lists every rule of the password policy that a new password breaks.
type PolicyError struct {
	Broken []password.Rule
	Policy Policy    // which the messages take their numbers from
	Until  time.Time // with rule min_age: when the password may be changed
}

func (e *PolicyError) Error() string {
	names := make([]string, len(e.Broken))
	for i, r := range e.Broken {
		names[i] = string(r)
	}
	return "password policy: " + strings.Join(names, ", ")
}

// FieldError is one bad field of a request. Code is a key of languages (without its prefix), such as "missing",
// "too_long", "invalid_email", "out_of_range"; Params fill its message.
type FieldError struct {
	Field  string
	Code   string
	Params map[string]string
}

// InputError lists the bad fields of a request. Nothing was done.
type InputError struct{ Fields []FieldError }

func (e *InputError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Code
	}
	return "invalid input: " + strings.Join(parts, ", ")
}

// ConflictError says that the state of things forbids it. Reason is a key of languages: "username_taken", "email_taken",
// "oneself", "last_administrator", "stale", "no_totp", "nothing_pending", "account_exists", "token_exists", "token_assigned",
// "token_waits", "totp_enabled".
type ConflictError struct {
	Reason string
	Field  string // the field that the conflict is about; may be empty
}

func (e *ConflictError) Error() string { return "conflict: " + e.Reason }
