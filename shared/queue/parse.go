package queue

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// ErrForeign says that the body of a message is none of ours.
var ErrForeign = errors.New("not a message of Postern's")

// maxPart is how long an Account ID or the id of an outbox item in a message may be, in bytes.
const maxPart = 256

// Parse reads the body of a message. Whatever is not exactly one of ours is ErrForeign; what it says is not repeated, for it
// may be anything.
func Parse(body string) (Message, error) {
	var m Message
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if d.Decode(&m) != nil {
		return Message{}, ErrForeign
	}
	if _, err := d.Token(); err != io.EOF {
		return Message{}, ErrForeign
	}
	if m.AccountID == "" || m.ID == "" || len(m.AccountID) > maxPart || len(m.ID) > maxPart {
		return Message{}, ErrForeign
	}
	return m, nil
}
