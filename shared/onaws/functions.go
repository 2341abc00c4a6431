package onaws

import (
	"slices"

	"postern/shared/queue"
	"postern/shared/store"
)

// Needs says what a function works with. It gets this and no more: the variables for it must be set, its role in template.yaml
// allows it, and a test compares the three.
type Needs struct {
	Tables   []store.Table
	Keys     bool          // decrypts and derives
	NewKeys  bool          // may make the keys of a new deployment
	Hashing  bool          // hashes passwords
	Queues   []queue.Queue // sends to
	Sends    bool          // sends mail
	Signs    bool          // signs the notice log
	Verifies bool          // reads the public key of the notice log
	Admin    bool          // serves /admin: asks who signed
}

// Functions is the table of what each function needs, by the name of its folder under functions/.
func Functions() map[string]Needs {
	mail, codes := queue.Mail, queue.Codes
	state := []store.Table{store.Accounts, store.Operators, store.Codes, store.Sessions, store.Limits, store.Notices, store.Outbox}
	without := func(t store.Table) []store.Table {
		return slices.DeleteFunc(slices.Clone(state), func(have store.Table) bool { return have == t })
	}
	withTokens := func(tables []store.Table) []store.Table { return append(slices.Clone(tables), store.Tokens) }
	return map[string]Needs{
		"login":         {Tables: state, Keys: true, Hashing: true, Queues: []queue.Queue{mail}},
		"singleusecode": {Tables: []store.Table{store.Accounts, store.Codes, store.Limits, store.Outbox}, Keys: true, Queues: []queue.Queue{codes}},
		"resetrequest":  {Tables: []store.Table{store.Accounts, store.Codes, store.Limits, store.Outbox}, Keys: true, Queues: []queue.Queue{codes}},
		"resetconfirm":  {Tables: state, Keys: true, Hashing: true, Queues: []queue.Queue{mail}},
		"session":       {Tables: []store.Table{store.Accounts, store.Operators, store.Sessions}, Keys: true},
		"account":       {Tables: without(store.Codes), Keys: true, Hashing: true, Queues: []queue.Queue{mail}},
		"totpsetup":     {Tables: withTokens(without(store.Codes)), Keys: true, Hashing: true, Queues: []queue.Queue{mail}},
		"manage":        {Tables: withTokens(state), Keys: true, Queues: []queue.Queue{mail}, Verifies: true},
		"admin":         {Tables: withTokens(state), Keys: true, NewKeys: true, Queues: []queue.Queue{mail}, Verifies: true, Admin: true},
		"site":          {Tables: []store.Table{store.Accounts}, Keys: true},

		"issuecodes": {Tables: []store.Table{store.Accounts, store.Operators, store.Codes, store.Limits, store.Notices, store.Outbox}, Keys: true, Queues: []queue.Queue{mail}},
		"sendmail":   {Tables: []store.Table{store.Accounts, store.Operators, store.Codes, store.Notices, store.Outbox}, Keys: true, Sends: true},

		"mailevents": {Tables: []store.Table{store.Accounts, store.Operators, store.Notices, store.Outbox}, Keys: true},

		"expirepasswords": {Tables: []store.Table{store.Accounts, store.Operators, store.Notices, store.Outbox}, Keys: true, Queues: []queue.Queue{mail}},
		"sweepoutbox":     {Tables: []store.Table{store.Outbox}, Queues: []queue.Queue{mail, codes}},
		"sealnotices":     {Tables: []store.Table{store.Notices}, Signs: true},
	}
}
