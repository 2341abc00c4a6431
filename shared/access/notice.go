package access

import (
	"io"
	"strings"
	"time"

	"postern/shared/chain"
	"postern/shared/store"
)

// NoticeType says what a notice is about.
type NoticeType string

// The types of notices.
const (
	NoticeAccountCreated       NoticeType = "account.created"
	NoticeAccountSuspended     NoticeType = "account.suspended"
	NoticeAccountResumed       NoticeType = "account.resumed"
	NoticeOperatorCreated      NoticeType = "operator.created"
	NoticeOperatorImported     NoticeType = "operator.imported"
	NoticeOperatorUpdated      NoticeType = "operator.updated"
	NoticeOperatorDisabled     NoticeType = "operator.disabled"
	NoticeOperatorEnabled      NoticeType = "operator.enabled"
	NoticeOperatorDeleted      NoticeType = "operator.deleted"
	NoticePasswordChanged      NoticeType = "password.changed"
	NoticeResetRequested       NoticeType = "password.reset_requested"
	NoticePasswordReset        NoticeType = "password.reset"
	NoticePasswordResetByAdmin NoticeType = "password.reset_by_administrator"
	NoticePasswordExpired      NoticeType = "password.expired"
	NoticeTOTPEnabled          NoticeType = "totp.enabled"
	NoticeTOTPRemoved          NoticeType = "totp.removed"
	NoticeTOTPDisabledByAdmin  NoticeType = "totp.disabled_by_administrator"
	NoticeTOTPBlocked          NoticeType = "totp.blocked"
	NoticeTokenImported        NoticeType = "token.imported"
	NoticeTokenAssigned        NoticeType = "token.assigned"
	NoticeTokenDeleted         NoticeType = "token.deleted"
	NoticePolicyChanged        NoticeType = "policy.changed"
	NoticeSettingsChanged      NoticeType = "settings.changed"
	NoticeSessionsEndedByAdmin NoticeType = "sessions.ended_by_administrator"
	NoticeMailBounced          NoticeType = "mail.bounced"
	NoticeMailComplained       NoticeType = "mail.complained"
	NoticeMailFailed           NoticeType = "mail.failed"
	NoticeLoginLimited         NoticeType = "login.limited"
)

// NoticeTypes lists all types of notices.
func NoticeTypes() []NoticeType {
	return []NoticeType{
		NoticeAccountCreated, NoticeAccountSuspended, NoticeAccountResumed, NoticeOperatorCreated, NoticeOperatorImported,
		NoticeOperatorUpdated, NoticeOperatorDisabled, NoticeOperatorEnabled, NoticeOperatorDeleted, NoticePasswordChanged,
		NoticeResetRequested, NoticePasswordReset, NoticePasswordResetByAdmin, NoticePasswordExpired, NoticeTOTPEnabled,
		NoticeTOTPRemoved, NoticeTOTPDisabledByAdmin, NoticeTOTPBlocked, NoticeTokenImported, NoticeTokenAssigned,
		NoticeTokenDeleted, NoticePolicyChanged, NoticeSettingsChanged, NoticeSessionsEndedByAdmin, NoticeMailBounced,
		NoticeMailComplained, NoticeMailFailed, NoticeLoginLimited,
	}
}

// notice is one entry of the permanent System Notifications log. It is written in the commit of what it tells, and never
// changed but to be sealed.
type notice struct {
	stored
	AccountID  string
	ID         string // orders by time: see timeKey
	At         time.Time
	Type       NoticeType
	Actor      string
	OperatorID string // whom it is about; may be empty
	Detail     []detail

	// What the sealer adds (package chain).
	Seq         int64 // number in the chain; 0 until sealed
	SealVersion int
	Prev, Hash  []byte
}

// detail is one fact of a notice. Names are of ASCII letters; values never hold a secret.
type detail struct{ Name, Value string }

func (n *notice) key() store.Key {
	return store.Key{Table: store.Notices, Partition: n.AccountID, Sort: n.ID}
}

func (n *notice) fields(c *codec) {
	c.time("at", &n.At)
	text(c, "type", &n.Type)
	text(c, "actor", &n.Actor)
	text(c, "operatorId", &n.OperatorID)
	list(c, "detail", &n.Detail, func(prefix string, d *detail) {
		text(c, prefix+"name", &d.Name)
		text(c, prefix+"value", &d.Value)
	})
	number(c, "seq", &n.Seq)
	number(c, "sealVersion", &n.SealVersion)
	c.bytes("prev", &n.Prev)
	c.bytes("hash", &n.Hash)
}

// noticesOf asks for all notices of an account, without the chain's head. IDs begin with a digit of the time.
func noticesOf(accountID string) store.Query {
	return store.Query{Table: store.Notices, Partition: accountID, From: "0", To: ":"}
}

// entry is what is sealed of the notice: everything that anybody is shown of it. A field that is added to it later needs a new
// version of package chain's encoding.
func (n *notice) entry() chain.Entry {
	return chain.Entry{
		Account: n.AccountID, ID: n.ID, At: n.At, Type: string(n.Type), Actor: n.Actor, OperatorID: n.OperatorID, Detail: n.details(),
	}
}

// sealed is the notice in its place in the chain.
func (n *notice) sealed() chain.Sealed {
	s := chain.Sealed{Entry: n.entry(), Version: n.SealVersion, Seq: n.Seq}
	if copy(s.Prev[:], n.Prev) != len(n.Prev) || copy(s.Hash[:], n.Hash) != len(n.Hash) {
		s.Version = 0 // longer than any hash: it fits none
	}
	return s
}

// newNotice makes an entry. It stands in the due index until it is sealed.
func newNotice(t NoticeType, by Actor, accountID, operatorID string, now time.Time, random io.Reader, details ...detail) (*notice, error) {
	id, err := newID(random)
	if err != nil {
		return nil, err
	}
	return &notice{
		stored: stored{due: now}, AccountID: accountID, ID: timeKey(now, id), At: now, Type: t, Actor: by.Name,
		OperatorID: operatorID, Detail: details,
	}, nil
}

// NoticeView is a notice as the API shows it.
type NoticeView struct {
	Seq        *int64            `json:"seq"` // null until sealed
	At         time.Time         `json:"at"`
	Type       NoticeType        `json:"type"`
	Actor      string            `json:"actor"`
	OperatorID string            `json:"operatorId,omitempty"`
	Detail     map[string]string `json:"detail"`
}

func (n *notice) view() NoticeView {
	v := NoticeView{At: n.At, Type: n.Type, Actor: n.Actor, OperatorID: n.OperatorID, Detail: n.details()}
	if n.Seq > 0 {
		v.Seq = &n.Seq
	}
	return v
}

func (n *notice) details() map[string]string {
	all := make(map[string]string, len(n.Detail))
	for _, d := range n.Detail {
		all[d.Name] = d.Value
	}
	return all
}

// matches reports whether text stands somewhere in the notice, case aside.
func (n *notice) matches(text string) bool {
	text = strings.ToLower(text)
	if strings.Contains(string(n.Type), text) || strings.Contains(strings.ToLower(n.Actor), text) || strings.Contains(n.OperatorID, text) {
		return true
	}
	for _, d := range n.Detail {
		if strings.Contains(strings.ToLower(d.Value), text) {
			return true
		}
	}
	return false
}
