package access

import (
	"crypto/sha256"
	"encoding/hex"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postern/shared/secret"
	"postern/shared/store"
	"postern/shared/totp"
)

// Role says what an operator may do.
type Role string

// The roles.
const (
	RoleOperator      Role = "operator"
	RoleAdministrator Role = "administrator"
)

// OperatorState says whether an operator may get in.
type OperatorState string

// The states of an operator.
const (
	StateActive   OperatorState = "active"
	StateDisabled OperatorState = "disabled"
)

// PasswordKind says where an operator's password came from.
type PasswordKind string

// The kinds of password.
const (
	PasswordPermanent PasswordKind = "permanent" // chosen by the operator
	PasswordTemporary PasswordKind = "temporary" // generated; to be replaced at the next login
	PasswordNone      PasswordKind = "none"
)

// operator is one person's login in one account. It carries everything that a login decides on.
type operator struct {
	stored
	AccountID, ID string
	Username      string // as given; names point to it in canonical form
	Email         string // byte for byte where mail goes
	FirstName     string
	LastName      string
	Role          Role
	State         OperatorState
	CreatedAt     time.Time

	// CredentialVersion is copied into every session, code and pending login and compared at every use: raising it ends
	// them all (security.md 6).
	CredentialVersion int64

	Password ownPassword
	History  []pastPassword // earlier permanent passwords, the newest first
	TOTP     ownTOTP
	Pending  pendingTOTP

	// Warned is the smallest of the policy's warnDays that the present password's expiry was announced for; -1 once the
	// expiry itself was. 0: nothing was.
	Warned int
	// LimitedToldAt is when the operator was told that the password works from known browsers only (details 14).
	LimitedToldAt time.Time
	MailStatus    MailStatus // "" (ok), MailBounced or MailComplained
	// ImportedBy names the import that made the operator: see [ImportOperators.Key]. Empty for whoever came otherwise.
	ImportedBy string
}

// ownPassword is an operator's present password, permanent or temporary.
type ownPassword struct {
	Kind      PasswordKind
	Hash      secret.Text // PHC string; empty with PasswordNone
	ChangedAt time.Time   // when it was set
	ExpiresAt time.Time   // zero: never
	FromReset bool        // mailed by a reset: dies at its first login (details 10)
	// EverPermanent is false for a new operator, who has never set a permanent password (behaviour 1.6).
	EverPermanent bool
}

// pastPassword is a permanent password that was replaced.
type pastPassword struct {
	Hash  secret.Text
	Until time.Time // when it was replaced
}

// ownTOTP is an operator's TOTP credential.
type ownTOTP struct {
	Enabled    bool
	Secret     secret.Text // raw bytes
	Period     int         // seconds
	Digits     int
	Algorithm  totp.Algorithm
	Source     string        // "app" or "hardware"
	Serial     string        // of the hardware token; with it but not Enabled the token waits for its first code (token.go)
	LastStep   int64         // last accepted
	Drift      time.Duration // of the hardware token's clock: see totp.Credential
	WrongInRow int           // TOTPWrongInRow block it
}

// pendingTOTP is a set-up that waits for its confirmation.
type pendingTOTP struct {
	Secret  secret.Text
	Expires time.Time
	Wrong   int
}

func operatorKey(accountID, operatorID string) store.Key {
	return store.Key{Table: store.Operators, Partition: partition(accountID, operatorID), Sort: "operator"}
}

func (o *operator) key() store.Key { return operatorKey(o.AccountID, o.ID) }

func (o *operator) fields(c *codec) {
	text(c, "accountId", &o.AccountID)
	text(c, "operatorId", &o.ID)
	text(c, "username", &o.Username)
	text(c, "email", &o.Email)
	text(c, "firstName", &o.FirstName)
	text(c, "lastName", &o.LastName)
	text(c, "role", &o.Role)
	text(c, "state", &o.State)
	c.time("createdAt", &o.CreatedAt)
	number(c, "credentialVersion", &o.CredentialVersion)

	text(c, "password.kind", &o.Password.Kind)
	c.secret("password.hash", &o.Password.Hash)
	c.time("password.changedAt", &o.Password.ChangedAt)
	c.time("password.expiresAt", &o.Password.ExpiresAt)
	c.bool("password.fromReset", &o.Password.FromReset)
	c.bool("password.everPermanent", &o.Password.EverPermanent)
	list(c, "history", &o.History, func(prefix string, p *pastPassword) {
		c.secret(prefix+"hash", &p.Hash)
		c.time(prefix+"until", &p.Until)
	})

	c.bool("totp.enabled", &o.TOTP.Enabled)
	c.secret("totp.secret", &o.TOTP.Secret)
	number(c, "totp.period", &o.TOTP.Period)
	number(c, "totp.digits", &o.TOTP.Digits)
	text(c, "totp.algorithm", &o.TOTP.Algorithm)
	text(c, "totp.source", &o.TOTP.Source)
	text(c, "totp.serial", &o.TOTP.Serial)
	number(c, "totp.drift", &o.TOTP.Drift) // nanoseconds
	number(c, "totp.lastStep", &o.TOTP.LastStep)
	number(c, "totp.wrongInRow", &o.TOTP.WrongInRow)
	c.secret("pendingTotp.secret", &o.Pending.Secret)
	c.time("pendingTotp.expires", &o.Pending.Expires)
	number(c, "pendingTotp.wrong", &o.Pending.Wrong)

	number(c, "warned", &o.Warned)
	c.time("limitedToldAt", &o.LimitedToldAt)
	text(c, "mailStatus", &o.MailStatus)
	text(c, "importedBy", &o.ImportedBy)
}

// activity is what many logins of one operator would fight over. It is written without a version: of two at the same
// moment one may be lost, which costs a second "new browser" mail at the worst.
type activity struct {
	stored
	AccountID, OperatorID string
	LastLoginAt           time.Time
	Browsers              []knownBrowser // those used last first, at most maxBrowsers
	NewBrowserTAT         time.Time      // counter of limit.NewBrowserMail
}

// knownBrowser is a browser in which the operator has logged in.
type knownBrowser struct {
	Hash     string // of the browser's token, bound to this operator
	LastUsed time.Time
}

// maxBrowsers bounds how many browsers of one operator have a budget of their own.
const maxBrowsers = 20

func (a *activity) key() store.Key {
	return store.Key{Table: store.Operators, Partition: partition(a.AccountID, a.OperatorID), Sort: "activity"}
}

func (a *activity) fields(c *codec) {
	c.time("lastLoginAt", &a.LastLoginAt)
	c.time("newBrowserTat", &a.NewBrowserTAT)
	list(c, "browsers", &a.Browsers, func(prefix string, b *knownBrowser) {
		text(c, prefix+"hash", &b.Hash)
		c.time(prefix+"lastUsed", &b.LastUsed)
	})
}

// browserHash is how a browser's token is kept for an operator: unlike for another operator in the same browser.
func browserHash(accountID, operatorID string, browser secret.Text) string {
	sum := sha256.Sum256([]byte(accountID + "\x00" + operatorID + "\x00" + browser.Reveal()))
	return hex.EncodeToString(sum[:16])
}

// knows reports whether the browser of that hash was used within BrowserLifetime.
func (a *activity) knows(hash string, now time.Time) bool {
	return slices.ContainsFunc(a.Browsers, func(b knownBrowser) bool {
		return b.Hash == hash && now.Before(b.LastUsed.Add(BrowserLifetime))
	})
}

// used records a login in the browser of that hash.
func (a *activity) used(hash string, now time.Time) {
	a.Browsers = slices.DeleteFunc(slices.Clone(a.Browsers), func(b knownBrowser) bool {
		return b.Hash == hash || !now.Before(b.LastUsed.Add(BrowserLifetime))
	})
	a.Browsers = slices.Insert(a.Browsers, 0, knownBrowser{hash, now})
	a.Browsers = a.Browsers[:min(len(a.Browsers), maxBrowsers)]
	a.LastLoginAt = now
}

// name points from one of an operator's names in an account to the operator. Names of kind nameUsername and nameEmail are
// unique, each by being absent before; nameWord serves the search by first and last name.
type name struct {
	stored
	AccountID  string
	Kind       nameKind
	Canonical  string // for nameWord: the word, then a space, then the canonical username
	OperatorID string
}

type nameKind string

const (
	nameUsername nameKind = "u#"
	nameEmail    nameKind = "e#"
	nameWord     nameKind = "n#"
)

func (n *name) key() store.Key {
	return store.Key{Table: store.Operators, Partition: n.AccountID, Sort: string(n.Kind) + n.Canonical}
}
func (n *name) fields(c *codec) { text(c, "operatorId", &n.OperatorID) }

// names lists the names that point to o: username, email, and the first and last name for the search.
func (o *operator) names() []*name {
	username, _ := canonicalName(o.Username)
	email, _ := canonicalName(o.Email)
	all := []*name{
		{AccountID: o.AccountID, Kind: nameUsername, Canonical: username, OperatorID: o.ID},
		{AccountID: o.AccountID, Kind: nameEmail, Canonical: email, OperatorID: o.ID},
	}
	words := []string{searchWord(o.FirstName), searchWord(o.LastName)}
	for _, w := range slices.Compact(words) {
		if w != "" {
			all = append(all, &name{AccountID: o.AccountID, Kind: nameWord, Canonical: w + " " + username, OperatorID: o.ID})
		}
	}
	return all
}

// searchWord is the form in which first and last names are searched: lower case, without space around, composed however it was typed
// (NFC), and as much of it as a key has room for: composing makes some texts three times as long.
func searchWord(s string) string {
	word := norm.NFC.String(strings.ToLower(strings.TrimSpace(s)))
	return strings.ToValidUTF8(word[:min(len(word), maxSearchWord)], "")
}

// maxSearchWord is how much of a name is searched, in bytes. A key has a username behind it.
const maxSearchWord = 4 * MaxName

// loginName says where a typed login name is looked up: emails contain an @, usernames do not (behaviour 1.1). What can be
// no name is looked up all the same, under a name that nobody can have, so that it costs the same.
func loginName(accountID, typed string) *name {
	canonical, ok := canonicalName(typed)
	if !ok {
		sum := sha256.Sum256([]byte(typed))
		canonical = "?" + hex.EncodeToString(sum[:])
	}
	kind := nameUsername
	if strings.Contains(canonical, "@") {
		kind = nameEmail
	}
	return &name{AccountID: accountID, Kind: kind, Canonical: canonical}
}

// words are the operator's and account's own words, which a password must not consist of (behaviour 5, "personal").
func (o *operator) words(a *account) []string {
	return []string{o.Username, o.Email, o.FirstName, o.LastName, a.ID, a.Settings.Name}
}

// newOperator reports whether o has never set a permanent password.
func (o *operator) isNew() bool { return !o.Password.EverPermanent }

// active reports whether o is there and may get in.
func (o *operator) active() bool { return o.exists() && o.State == StateActive }

// setPermanent makes hash the operator's password, chosen at now, and ends everything that the one before had opened.
func (o *operator) setPermanent(hash string, p Policy, now time.Time) {
	o.keepHistory(p, now)
	o.Password = ownPassword{Kind: PasswordPermanent, Hash: secret.New(hash), ChangedAt: now, EverPermanent: true}
	if p.MaxAgeDays > 0 {
		o.Password.ExpiresAt = now.AddDate(0, 0, p.MaxAgeDays)
	}
	o.Warned = 0
	o.CredentialVersion++
	o.plan(p)
}

// setTemporary makes hash the operator's temporary password until expires, and ends everything that was open.
func (o *operator) setTemporary(hash string, fromReset bool, expires time.Time, p Policy, now time.Time) {
	o.keepHistory(p, now)
	o.Password = ownPassword{
		Kind: PasswordTemporary, Hash: secret.New(hash), ChangedAt: now, ExpiresAt: expires, FromReset: fromReset,
		EverPermanent: o.Password.EverPermanent,
	}
	o.CredentialVersion++
	o.plan(p)
}

// clearPassword leaves the operator without one, and ends everything that was open.
func (o *operator) clearPassword(p Policy, now time.Time) {
	o.keepHistory(p, now)
	o.Password = ownPassword{Kind: PasswordNone, ChangedAt: now, EverPermanent: o.Password.EverPermanent}
	o.CredentialVersion++
	o.plan(p)
}

// maxHistory bounds how many past passwords are kept for historyDays.
const maxHistory = 50

// keepHistory moves a permanent password into the history as far as the largest policy could ask for it: how long an
// account remembers may be raised later, and what was forgotten cannot come back.
func (o *operator) keepHistory(p Policy, now time.Time) {
	if o.Password.Kind == PasswordPermanent {
		o.History = slices.Insert(slices.Clone(o.History), 0, pastPassword{o.Password.Hash, now})
	}
	keep := 24
	if p.HistoryDays > 0 {
		keep = maxHistory
	}
	o.History = o.History[:min(len(o.History), keep)]
}

// remembered lists the hashes that a new password must not match (details 26): the current permanent one and the N-1
// before it, and every one that was current at some time in the last historyDays days.
func (o *operator) remembered(p Policy, now time.Time) []string {
	var hashes []string
	since := now.AddDate(0, 0, -p.HistoryDays)
	n := 0
	if o.Password.Kind == PasswordPermanent {
		if p.History > 0 || p.HistoryDays > 0 {
			hashes = append(hashes, o.Password.Hash.Reveal())
		}
		n = 1
	}
	for _, h := range o.History {
		if n < p.History || p.HistoryDays > 0 && h.Until.After(since) {
			hashes = append(hashes, h.Hash.Reveal())
		}
		n++
	}
	return hashes
}

// plan puts o into the due index at the next moment at which the expiry sweep has something to do for it (behaviour 8.1).
func (o *operator) plan(p Policy) {
	o.due = time.Time{}
	if o.Password.Kind != PasswordPermanent || o.Password.ExpiresAt.IsZero() || o.Warned < 0 {
		return
	}
	o.due = o.Password.ExpiresAt
	for _, days := range p.WarnDays { // falling
		if o.Warned == 0 || days < o.Warned {
			o.due = o.Password.ExpiresAt.AddDate(0, 0, -days)
			return
		}
	}
}

// expiresAt is when the permanent password expires under the account's present policy (details 8): the date that was stored
// when it was set, but if maxAgeDays was changed since, then the age counts anew, from the change of policy on at the
// earliest. Zero: never.
func (o *operator) expiresAt(a *account) time.Time {
	if o.Password.Kind != PasswordPermanent || !a.MaxAgeChangedAt.After(o.Password.ChangedAt) {
		return o.Password.ExpiresAt
	}
	if a.Policy.MaxAgeDays == 0 {
		return time.Time{}
	}
	return a.MaxAgeChangedAt.AddDate(0, 0, a.Policy.MaxAgeDays)
}

// owed says what the operator must do before anything else, and why (behaviour 1.5, 1.6, 5; order: details 18).
func (o *operator) owed(a *account, now time.Time) (Next, ChangeReason) {
	switch {
	case o.isNew():
		return NextNewPassword, ReasonNewOperator
	case o.Password.Kind == PasswordTemporary:
		return NextNewPassword, ReasonTemporary
	case o.Password.Kind == PasswordPermanent && a.EnforcedAt.After(o.Password.ChangedAt):
		return NextNewPassword, ReasonPolicy
	}
	if e := o.expiresAt(a); o.Password.Kind == PasswordPermanent && !e.IsZero() && !now.Before(e) {
		return NextNewPassword, ReasonExpired
	}
	if a.Policy.requiresTOTP(o.Role) && !o.TOTP.Enabled {
		return NextTOTPSetup, ""
	}
	return NextDone, ""
}

// checkName, checkUsername and checkEmail say what is wrong with a new value, if anything.
func checkName(field, s string, max int, required bool) []FieldError {
	switch n := utf8.RuneCountInString(s); {
	case strings.TrimSpace(s) == "" && required:
		return []FieldError{{Field: field, Code: "missing"}}
	case n > max:
		return []FieldError{tooLong(field, max)}
	case !utf8.ValidString(s) || strings.ContainsFunc(s, breaksLine):
		return []FieldError{{Field: field, Code: "control_characters"}}
	}
	return nil
}

// breaksLine finds what has no place in one line: control characters and Unicode's own line breaks.
func breaksLine(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

func tooLong(field string, max int) FieldError {
	return FieldError{field, "too_long", map[string]string{"max": strconv.Itoa(max)}}
}

func checkUsername(s string) []FieldError {
	const field = "username"
	if bad := checkName(field, s, MaxUsername, true); bad != nil {
		return bad
	}
	canonical, ok := canonicalName(s)
	if !ok || strings.ContainsFunc(s, unicode.IsSpace) || strings.Contains(canonical, "@") ||
		utf8.RuneCountInString(canonical) > MaxUsername {
		return []FieldError{{Field: field, Code: "invalid_username"}}
	}
	return nil
}

func checkEmail(s string) []FieldError {
	const field = "email"
	if bad := checkName(field, s, MaxEmail, true); bad != nil {
		return bad
	}
	a, err := mail.ParseAddress(s)
	_, ok := canonicalName(s)
	at := strings.LastIndexByte(s, '@')
	if err != nil || !ok || a.Address != s || a.Name != "" || len(s) > MaxEmail || at > 64 ||
		strings.ContainsFunc(s, unicode.IsSpace) {
		return []FieldError{{Field: field, Code: "invalid_email"}}
	}
	return nil
}
