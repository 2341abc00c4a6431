package limit

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// table holds every budget: how many at once, and the time in which one more is earned (api.md "Budgets", details 5,
// behaviour 9). No other number of this kind stands anywhere else. README.md beside this file says the same to those
// who run Postern; a test compares the two.
var table = map[string]struct {
	burst int
	every time.Duration
}{
	// Wrong secrets: passwords, mailed codes, TOTP codes.
	"name":            {10, time.Minute},                       // for a name, from browsers not used before
	"browser":         {10, time.Minute},                       // for an operator, from one browser that is known
	"network":         {100, 2 * time.Second},                  // from a network
	"account":         {1000, 200 * time.Millisecond},          // in an account
	"failures-in-row": {FailuresInRowMax, 30 * 24 * time.Hour}, // see FailuresInRow

	// Requests for single-use codes and resets.
	"request-name":    {5, 12 * time.Minute},  // for a name
	"request-network": {30, 10 * time.Second}, // from a network

	// Mails that somebody asked for, so that nobody can be mail-bombed.
	"mail-hour":       {5, 12 * time.Minute},            // to an address: 5, and 5 more in an hour
	"mail-day":        {10, 144 * time.Minute},          // to an address: 10, and 10 more in a day
	"mail-account":    {1000, 2 * time.Second},          // of an account
	"mail-deployment": {10_000, 100 * time.Millisecond}, // of all accounts together

	// Mails that Postern sends of itself. Security notices have no budget: they are never dropped.
	"new-browser-mail": {5, 288 * time.Minute}, // to an operator, about new browsers; more are put together in one
}

// Thresholds that are plain counts.
const (
	CaptchaNameFailures    = 3                // failures for a name within CaptchaWindow after which a CAPTCHA is asked for
	CaptchaNetworkFailures = 10               // the same, from a network
	CaptchaWindow          = 15 * time.Minute // what "recent" means for them (api.md "CAPTCHA")

	TOTPWrongInRow   = 10  // wrong TOTP codes in a row that block the factor (behaviour 6.3)
	CodeTries        = 5   // wrong tries that end a mailed code (behaviour 2.2)
	PendingTOTPTries = 5   // wrong codes that end a TOTP secret being set up (details 42)
	FailuresInRowMax = 100 // failures in a row after which unknown browsers cannot log in (details 14)
)

// Name is for wrong secrets for a name, from browsers that this operator has not used before. subject is the
// operatorId, so that all names of an operator share one budget; or the name, canonical, where there is no such
// operator.
func Name(accountID, subject string) Budget { return of("name", accountID, subject) }

// Browser is for wrong secrets for a name from one browser that this operator has used before; what others guess does
// not touch it (behaviour 1.8). subject is as in Name; browser names the browser and is not its cookie.
func Browser(accountID, subject, browser string) Budget {
	return of("browser", accountID, subject, browser)
}

// Network is for wrong secrets from a network: see NetworkKey.
func Network(a netip.Addr) Budget { return of("network", NetworkKey(a)) }

// Account is for wrong secrets in an account.
func Account(accountID string) Budget { return of("account", accountID) }

// FailuresInRow counts what fails for a name from unknown browsers until something succeeds, which gives the whole
// budget back: NIST SP 800-63B-4's limit of consecutive failures (section 3.2.2), without a lock in strangers' hands.
// One is earned back in 30 days, which is as good as never; but an unknown name that somebody tried once is forgotten
// after that. subject is as in Name.
func FailuresInRow(accountID, subject string) Budget {
	return of("failures-in-row", accountID, subject)
}

// RequestName is for requests for a mailed code, single-use or reset, for a name as it was typed, canonical: whether it
// is anybody's is not known then.
func RequestName(accountID, login string) Budget { return of("request-name", accountID, login) }

// RequestNetwork is for requests for a mailed code from a network: see NetworkKey.
func RequestNetwork(a netip.Addr) Budget { return of("request-network", NetworkKey(a)) }

// MailHour is for mails to an address that somebody asked for; each takes from MailDay, AccountMail and DeploymentMail
// as well.
func MailHour(accountID, address string) Budget { return of("mail-hour", accountID, address) }

// MailDay is MailHour's other half: slower, and deeper.
func MailDay(accountID, address string) Budget { return of("mail-day", accountID, address) }

// AccountMail is for mails that somebody asked for in an account: nobody can send one to each of its operators over and
// over.
func AccountMail(accountID string) Budget { return of("mail-account", accountID) }

// DeploymentMail is for mails that somebody asked for in any account: it protects the sender's reputation and quota.
func DeploymentMail() Budget { return of("mail-deployment") }

// NewBrowserMail is for mails to an operator about browsers not seen before (details 5).
func NewBrowserMail(accountID, operatorID string) Budget {
	return of("new-browser-mail", accountID, operatorID)
}

// of makes the budget of a row for the one whom parts name. Each part stands after its length, so that no two lists of
// parts make the same key, whatever people type. The key is as long as the parts are, which callers bound (a canonical
// name, an identifier, an address).
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

// NetworkKey names the network that an address belongs to: an IPv4 address by itself, also when it is written in IPv6;
// else the /64, which is what one customer gets at least. Zones do not count. All invalid addresses share the name
// "unknown".
func NetworkKey(a netip.Addr) string {
	a = a.Unmap()
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64) // without the zone
	if err != nil || !a.IsValid() {
		return "unknown"
	}
	return p.String()
}
