// Package sesevents reads what SES publishes of mails that it took over. It is apart from package ses, which sends: who hears what
// became of mails need not be able to send any.
package sesevents

import (
	"encoding/json"
	"errors"
	"strings"

	"postern/shared/mail"
)

// ErrForeign says that something is no event of SES.
var ErrForeign = errors.New("not an event of SES")

// MailTag is the tag that package ses gives each mail: Message.ID, by which an event says which mail it is about.
const MailTag = "postern-mail"

// event is what SES publishes of a mail, as EventBridge delivers it ("Examples of event data that Amazon SES publishes" in the
// SES Developer Guide). What is not read here is left alone.
type event struct {
	Source string `json:"source"`
	Detail struct {
		EventType string `json:"eventType"`
		Mail      struct {
			Tags map[string][]string `json:"tags"`
		} `json:"mail"`
		Bounce struct {
			Type       string      `json:"bounceType"` // Undetermined, Permanent, Transient
			SubType    string      `json:"bounceSubType"`
			Recipients []recipient `json:"bouncedRecipients"`
		} `json:"bounce"`
		Complaint struct {
			FeedbackType string `json:"complaintFeedbackType"`
			SubType      string `json:"complaintSubType"`
		} `json:"complaint"`
		Reject struct {
			Reason string `json:"reason"`
		} `json:"reject"`
		Failure struct {
			Message string `json:"errorMessage"`
		} `json:"failure"`
		Delay struct {
			Type       string      `json:"delayType"`
			Recipients []recipient `json:"delayedRecipients"`
		} `json:"deliveryDelay"`
	} `json:"detail"`
}

type recipient struct {
	Status     string `json:"status"`         // RFC 3463
	Diagnostic string `json:"diagnosticCode"` // what the server said
}

// Parse reads an event that SES published. ok is false for one that changes nothing: a delivery, or about a mail that is none
// of Postern's. What is no event of SES at all is [ErrForeign]; what it says is not repeated, for it may be anything.
func Parse(body string) (e mail.Event, ok bool, err error) {
	var in event
	if json.Unmarshal([]byte(body), &in) != nil || in.Source != "aws.ses" || in.Detail.EventType == "" {
		return mail.Event{}, false, ErrForeign
	}
	d := in.Detail
	if ids := d.Mail.Tags[MailTag]; len(ids) == 1 {
		e.MessageID = ids[0]
	}
	switch d.EventType {
	case "Bounce":
		e.Kind, e.Reason = mail.NotDelivered, reason(d.Bounce.Recipients, d.Bounce.Type, d.Bounce.SubType)
		if d.Bounce.Type == "Permanent" {
			e.Kind = mail.Bounced
		}
	case "Complaint":
		e.Kind, e.Reason = mail.Complained, reason(nil, d.Complaint.FeedbackType, d.Complaint.SubType)
	case "Reject":
		e.Kind, e.Reason = mail.Rejected, d.Reject.Reason
	case "Rendering Failure":
		e.Kind, e.Reason = mail.Rejected, d.Failure.Message
	case "DeliveryDelay":
		e.Kind, e.Reason = mail.Delayed, reason(d.Delay.Recipients, d.Delay.Type)
	}
	return e, e.Kind != "" && e.MessageID != "", nil
}

// reason is what the server said, or else what SES calls it.
func reason(of []recipient, names ...string) string {
	for _, r := range of {
		if text := strings.TrimSpace(r.Status + " " + r.Diagnostic); text != "" {
			return text
		}
	}
	return strings.TrimSpace(strings.Join(names, " "))
}
