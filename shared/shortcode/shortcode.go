// Package shortcode is about the codes that people type: single-use codes, reset codes and temporary passwords. Their alphabet is
// Crockford's base32, which leaves out I, L, O and U; reading is forgiving (behaviour 2.2, details 20).
package shortcode

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

const (
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	// Length is how many characters a code has: 50 bits.
	Length = 10
	// temporaryLength is how many a temporary password has, its hyphens aside: 80 bits.
	temporaryLength = 16
)

// FromBytes makes a code of the first 50 bits of b, which must be 7 bytes and more.
func FromBytes(b []byte) string { return encode(b, Length) }

// encode takes 5 bits a character, so every character is equally likely.
func encode(b []byte, n int) string {
	out := make([]byte, n)
	for i := range n {
		bit := i * 5
		window := uint16(b[bit/8]) << 8
		if bit/8+1 < len(b) {
			window |= uint16(b[bit/8+1])
		}
		out[i] = alphabet[window>>(11-bit%8)&31]
	}
	return string(out)
}

// Format writes a code as people see it: ABCDE-FGHJK.
func Format(code string) string {
	if len(code) != Length {
		return code
	}
	return code[:Length/2] + "-" + code[Length/2:]
}

// Parse reads a code as typed: case, spaces and hyphens do not matter, O is 0, I and L are 1. ok is false for whatever does not
// have exactly ten characters of the alphabet.
func Parse(typed string) (code string, ok bool) { return read(typed, Length) }

func read(typed string, n int) (string, bool) {
	var b strings.Builder
	for _, r := range typed {
		if unicode.IsSpace(r) || r == '-' {
			continue
		}
		switch r {
		case 'o', 'O':
			r = '0'
		case 'i', 'I', 'l', 'L':
			r = '1'
		}
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		if r > unicode.MaxASCII || strings.IndexByte(alphabet, byte(r)) < 0 || b.Len() == n {
			return "", false
		}
		b.WriteByte(byte(r))
	}
	return b.String(), b.Len() == n
}

// NewTemporary makes a temporary password of 80 random bits: ABCD-EFGH-JKMN-PQRS.
func NewTemporary(random io.Reader) (string, error) {
	b := make([]byte, temporaryLength*5/8)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return group(encode(b, temporaryLength)), nil
}

// ParseTemporary reads a temporary password as typed, as Parse does, and gives it as NewTemporary writes it.
func ParseTemporary(typed string) (canonical string, ok bool) {
	s, ok := read(typed, temporaryLength)
	if !ok {
		return "", false
	}
	return group(s), true
}

func group(s string) string { return strings.Join([]string{s[:4], s[4:8], s[8:12], s[12:]}, "-") }
