// Package secret holds text that must not be seen: passwords, codes, tokens, keys.
//
// A [Text] reaches its destination through [Text.Reveal] alone. Every other way out of the program (each verb of
// fmt, encoding/json, encoding/xml, log/slog) shows "[redacted]", also when the Text is a field of a larger value,
// exported or not: the text stands behind a pointer, which fmt does not follow inside a struct.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a secret string. The zero Text is empty. It is immutable and safe for concurrent use. Compare with
// [Text.Equal]; == compares identity, not content.
type Text struct{ p *string }

// New makes s a secret.
func New(s string) Text { return Text{&s} }

// Reveal gives the secret as it is. Whoever calls it answers for where it goes.
func (t Text) Reveal() string {
	if t.p == nil {
		return ""
	}
	return *t.p
}

// Empty reports whether there is nothing to hide.
func (t Text) Empty() bool { return t.p == nil || *t.p == "" }

// Equal compares in time that depends on the lengths only.
func (t Text) Equal(u Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(u.Reveal())) == 1
}

// String gives "[redacted]".
func (t Text) String() string { return redacted }

// GoString gives "[redacted]".
func (t Text) GoString() string { return redacted }

// Format writes "[redacted]" for every verb and flag.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "[redacted]".
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "[redacted]", which is also what encoding/json and encoding/xml show.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }
