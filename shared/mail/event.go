package mail

// EventKind is what became of a mail that a provider had taken over.
type EventKind string

// The kinds of events that matter. What else a provider tells (deliveries, openings) is none.
const (
	Bounced      EventKind = "bounced"       // the address takes no mail, for good: no more goes there
	NotDelivered EventKind = "not_delivered" // given up by the provider, for now: a full mailbox, a server that is away
	Complained   EventKind = "complained"    // the person called it spam: no more goes there
	Rejected     EventKind = "rejected"      // the provider will not send it
	Delayed      EventKind = "delayed"       // the provider is still trying
)

// Event is news of one mail.
type Event struct {
	MessageID string // Message.ID of the mail
	Kind      EventKind
	Reason    string // in the provider's words; may be empty
}
