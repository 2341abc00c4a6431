package access

import (
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"postern/shared/store"
)

// AccountState says whether an account's operators may get in.
type AccountState string

// The states of an account.
const (
	AccountActive    AccountState = "active"
	AccountSuspended AccountState = "suspended"
)

// Settings are what an account says of itself, edited by administrators.
type Settings struct {
	Name           string `json:"name"`           // shown on pages and in mails; 1 to 100 characters
	SupportContact string `json:"supportContact"` // whom operators turn to; up to 200 characters, may be empty
	Language       string `json:"language"`       // BCP 47 tag of one of the languages that Postern speaks
	MailFromName   string `json:"mailFromName"`   // display name of the sender; up to 100 characters, may be empty
}

// account is one tenant: its settings and its policy.
type account struct {
	stored
	ID        string
	State     AccountState
	CreatedAt time.Time
	Settings  Settings
	Policy    Policy
	// PolicyVersion counts the changes of the policy, from 1; it is the ETag.
	PolicyVersion int64
	// MaxAgeChangedAt is when maxAgeDays last changed: older passwords get that much grace (details 8).
	MaxAgeChangedAt time.Time
	// EnforcedAt is when an administrator last enforced the policy: passwords chosen before must be changed at the next
	// login (behaviour 5).
	EnforcedAt time.Time
	// ResumedAt is when the account was last suspended no more: sessions made before are over.
	ResumedAt time.Time
}

func accountKey(accountID string) store.Key {
	return store.Key{Table: store.Accounts, Partition: accountID, Sort: "account"}
}

func (a *account) key() store.Key { return accountKey(a.ID) }

func (a *account) fields(c *codec) {
	text(c, "state", &a.State)
	c.time("createdAt", &a.CreatedAt)
	text(c, "name", &a.Settings.Name)
	text(c, "supportContact", &a.Settings.SupportContact)
	text(c, "language", &a.Settings.Language)
	text(c, "mailFromName", &a.Settings.MailFromName)

	p := &a.Policy
	number(c, "policy.minLength", &p.MinLength)
	number(c, "policy.maxLength", &p.MaxLength)
	c.bool("policy.requireLower", &p.RequireLower)
	c.bool("policy.requireUpper", &p.RequireUpper)
	c.bool("policy.requireDigit", &p.RequireDigit)
	c.bool("policy.requireSymbol", &p.RequireSymbol)
	number(c, "policy.history", &p.History)
	number(c, "policy.historyDays", &p.HistoryDays)
	number(c, "policy.maxAgeDays", &p.MaxAgeDays)
	list(c, "policy.warnDays", &p.WarnDays, func(prefix string, d *int) { number(c, prefix+"days", d) })
	number(c, "policy.minAgeHours", &p.MinAgeHours)
	c.bool("policy.blocklist", &p.Blocklist)
	text(c, "policy.captcha", &p.Captcha)
	text(c, "policy.totp", &p.TOTP)
	c.bool("policy.singleUseCode", &p.SingleUseCode)
	text(c, "policy.reset.delivery", &p.Reset.Delivery)
	number(c, "policy.reset.minutes", &p.Reset.Minutes)
	c.bool("policy.newBrowserMail", &p.NewBrowserMail)
	number(c, "policy.temporaryPasswordHours", &p.TemporaryPasswordHours)
	number(c, "policy.sessionIdleMinutes", &p.SessionIdleMinutes)
	number(c, "policy.sessionHours", &p.SessionHours)
	number(c, "policyVersion", &a.PolicyVersion)
	c.time("maxAgeChangedAt", &a.MaxAgeChangedAt)
	c.time("enforcedAt", &a.EnforcedAt)
	c.time("resumedAt", &a.ResumedAt)
}

// active reports whether the account is there and not suspended.
func (a *account) active() bool { return a.exists() && a.State == AccountActive }

// policy is the account's policy; the default one for an account that does not exist (details 13).
func (a *account) policy() Policy {
	if !a.exists() {
		return DefaultPolicy()
	}
	return a.Policy
}

// accountDirectory is the partition that lists the accounts.
const accountDirectory = "#accounts"

// accountEntry lists an account in the directory of all accounts.
type accountEntry struct {
	stored
	ID string
}

func (e *accountEntry) key() store.Key {
	return store.Key{Table: store.Accounts, Partition: accountDirectory, Sort: e.ID}
}
func (e *accountEntry) fields(*codec) {}

// administrators counts the active administrators of an account. It is written, under its version, by whatever makes or
// unmakes one: so of two who demote each other at the same time one loses the race and sees that he is the last.
type administrators struct {
	stored
	AccountID string
	Active    int
}

func (a *administrators) key() store.Key {
	return store.Key{Table: store.Accounts, Partition: a.AccountID, Sort: "administrators"}
}
func (a *administrators) fields(c *codec) { number(c, "active", &a.Active) }

// Longest names, in characters.
const (
	MaxAccountID = 64
	MaxUsername  = 64
	MaxName      = 100
	MaxEmail     = 254 // RFC 5321, section 4.5.3.1.3, less the angle brackets
)

// canonicalAccountID reads an Account ID as typed: normalised and case-folded. ok is false for what no account can be
// called: an Account ID is 1 to 64 of a-z, 0-9, '-' and '_', and begins with a letter or digit.
func canonicalAccountID(typed string) (id string, ok bool) {
	id, ok = canonicalName(typed)
	if !ok || len(id) > MaxAccountID || id[0] == '-' || id[0] == '_' {
		return id, false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return id, false
		}
	}
	return id, true
}

// canonicalName is the form under which usernames and addresses are found and unique: PRECIS UsernameCaseMapped (RFC 8265,
// section 3.3), applied until it changes nothing more, since the profile is not idempotent for every input. ok is false
// for what can be no name: empty, too long, spaces, control characters and whatever else the profile disallows.
func canonicalName(typed string) (name string, ok bool) {
	if len(typed) > 4*MaxEmail || !utf8.ValidString(typed) {
		return "", false
	}
	name = strings.TrimSpace(typed)
	for range 4 {
		next, err := precis.UsernameCaseMapped.String(name)
		if err != nil || next == "" || utf8.RuneCountInString(next) > MaxEmail {
			return "", false
		}
		if next == name {
			return name, true
		}
		name = next
	}
	return "", false
}
