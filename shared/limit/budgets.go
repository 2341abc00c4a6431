package limit

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The table of all budgets (api.md "Budgets", details 5, behaviour 9). Every number stands here and nowhere else.
var table = map[string]struct {
	burst int
	every time.Duration
}{
	"name":             {10, time.Minute},                                                // wrong secrets for a name, from browsers not used before
	"browser":          {10, time.Minute},                                                // wrong secrets from one known browser
	"network":          {100, 2 * time.Second},                                           // wrong secrets from a network
	"account":          {1000, 200 * time.Millisecond},                                   // wrong secrets in an account
	"request-name":     {5, 12 * time.Minute},                                            // requests for a code, for a name
	"request-network":  {30, 10 * time.Second},                                           // requests for a code, from a network
	"mail-hour":        {5, 12 * time.Minute},                                            // requested mails to an address, by the hour
	"mail-day":         {10, 144 * time.Minute},                                          // requested mails to an address, by the day
	"mail-account":     {1000, 2 * time.Second},                                          // requested mails of an account
	"mail-deployment":  {10000, 100 * time.Millisecond},                                  // requested mails of all accounts
	"new-browser-mail": {5, 288 * time.Minute},                                           // mails about new browsers to an operator; more are put together
	"failures-in-row":  {FailuresInRowMax, 10 * 365 * 24 * time.Hour / FailuresInRowMax}, // earned back in years: in practice never
}

// Thresholds that are counts.
const (
	CaptchaNameFailures    = 3                // failures of a name within CaptchaWindow after which a CAPTCHA is asked for
	CaptchaNetworkFailures = 10               // of a network
	CaptchaWindow          = 15 * time.Minute //
	TOTPWrongInRow         = 10               // wrong TOTP codes that block the factor (behaviour 6.3)
	CodeTries              = 5                // wrong short codes that end a code (behaviour 2.2)
	PendingTOTPTries       = 5                // wrong codes that end a pending TOTP secret (details 42)
	FailuresInRowMax       = 100              // failures in a row after which strangers' browsers cannot log in (api.md "Budgets")
)

func of(kind string, parts ...string) Budget {
	row, ok := table[kind]
	if !ok {
		panic("limit: no budget " + kind)
	}
	var key strings.Builder
	key.WriteString(kind)
	for _, p := range parts {
		key.WriteString("/" + strconv.Itoa(len(p)) + ":" + p)
	}
	return Budget{Key: key.String(), Burst: row.burst, Every: row.every}
}

// Name is for wrong secrets of a name, from browsers that were not used before. subject is the operatorId, so that all names
// of an operator share it, or the name where there is no operator.
func Name(accountID, subject string) Budget { return of("name", accountID, subject) }

// Browser is for wrong secrets of an operator from one known browser.
func Browser(accountID, subject, browser string) Budget {
	return of("browser", accountID, subject, browser)
}

// Network is for wrong secrets from a network.
func Network(a netip.Addr) Budget { return of("network", NetworkKey(a)) }

// Account is for wrong secrets in an account.
func Account(accountID string) Budget { return of("account", accountID) }

// RequestName is for requested codes of a name, as it was typed, in canonical form.
func RequestName(accountID, login string) Budget { return of("request-name", accountID, login) }

// RequestNetwork is for requested codes from a network.
func RequestNetwork(a netip.Addr) Budget { return of("request-network", NetworkKey(a)) }

// MailHour and MailDay are for requested mails to an address.
func MailHour(accountID, address string) Budget { return of("mail-hour", accountID, address) }

// MailDay is the day's.
func MailDay(accountID, address string) Budget { return of("mail-day", accountID, address) }

// AccountMail is for requested mails of an account.
func AccountMail(accountID string) Budget { return of("mail-account", accountID) }

// DeploymentMail is for requested mails of all accounts.
func DeploymentMail() Budget { return of("mail-deployment") }

// NewBrowserMail is for mails to an operator about browsers not seen before.
func NewBrowserMail(accountID, operatorID string) Budget {
	return of("new-browser-mail", accountID, operatorID)
}

// FailuresInRow counts failures in a row from unknown browsers.
func FailuresInRow(accountID, subject string) Budget {
	return of("failures-in-row", accountID, subject)
}

// NetworkKey names the network of an address: an IPv4 address, or the /64 of an IPv6 one. All that have none share one.
func NetworkKey(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return "unknown"
	case a.Is4():
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
