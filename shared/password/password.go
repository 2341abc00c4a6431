// Package password knows all there is to know about one password and nothing about whose it is: how it is normalised,
// hashed and compared ([Hasher]), and which rules it breaks ([Rules]).
//
// Every password that comes in goes through [Normalize] once, at the door; everything else here takes normalised text.
package password

import (
	"errors"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrInvalidText means that a password is not valid UTF-8.
var ErrInvalidText = errors.New("password is not valid UTF-8")

// Normalize gives pw in Unicode normalisation form C and changes nothing else: no trimming, no case, no mapping of
// spaces (RFC 8265, section 4.2, OpaqueString without its mapping of spaces; details 7). So a password typed on two
// keyboards, one of which composes accents, is the same password. Normalising twice changes nothing.
//
// The one addition is that of Unicode's Stream-Safe Text Format (UAX 15, section 13): after 30 combining marks in a row
// U+034F is inserted, always in the same place.
//
// The error is [ErrInvalidText].
func Normalize(pw string) (string, error) {
	if !utf8.ValidString(pw) {
		return "", ErrInvalidText
	}
	return norm.NFC.String(pw), nil
}
