// Package shortcode is about what people type off a mail or a screen: single-use codes, reset codes and temporary
// passwords. Their alphabet is Crockford's base32, which leaves out I, L, O and U
// (https://www.crockford.com/base32.html); reading is forgiving (api.md "Login names and codes"). It knows the form
// only: whether a code is right is for others to say.
package shortcode

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

const (
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

	// Length is how many characters a code has: 50 bits (behaviour 2.2).
	Length = 10

	// temporaryLength is how many a temporary password has, its hyphens aside: 80 bits (details 20).
	temporaryLength = 16
)

// FromBytes makes a code of the first 50 bits of b, Length characters without a hyphen. If the bits are random, all
// codes are equally likely. b has at least 7 bytes; FromBytes panics if it has fewer, for there is no weaker code to
// fall back to.
func FromBytes(b []byte) string { return encode(b, Length) }

// encode writes the first n*5 bits of b, the highest bit first, 5 bits to a character: 32 characters, so that none is
// likelier than another.
func encode(b []byte, n int) string {
	out := make([]byte, n)
	for i := range n {
		bit := i * 5
		window := uint16(b[bit/8]) << 8 // the 5 bits stand in one byte or in two
		if bit%8 > 3 {
			window |= uint16(b[bit/8+1])
		}
		out[i] = alphabet[window>>(11-bit%8)&31]
	}
	return string(out)
}

// Format writes a code, as FromBytes and Parse give it, the way people see it: ABCDE-FGHJK. Whatever is not Length
// bytes long comes back as it is.
func Format(code string) string {
	if len(code) != Length {
		return code
	}
	return code[:Length/2] + "-" + code[Length/2:]
}

// Parse reads a code as typed. Case does not matter, nor do white space and hyphens, wherever they stand, also those of
// Unicode that mail programs put in their place; O is read as 0, I and L as 1. code is in the form of FromBytes. ok is
// false, and code empty, unless exactly Length characters of the alphabet remain. It is safe for concurrent use, as all
// of the package.
func Parse(typed string) (code string, ok bool) { return read(typed, Length) }

func read(typed string, n int) (string, bool) {
	out := make([]byte, 0, n)
	for _, r := range typed {
		if separates(r) {
			continue
		}
		c, ok := symbol(r)
		if !ok {
			return "", false
		}
		out = append(out, c)
	}
	if len(out) != n {
		return "", false
	}
	return string(out), true
}

// separates reports whether r is white space or a kind of hyphen: a dash, the minus sign, or the soft hyphen.
func separates(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '\u2212' || r == '\u00ad'
}

// symbol gives the character of the alphabet that r stands for. Only ASCII letters and digits stand for any: full-width
// and other look-alikes are nothing that our mails hold.
func symbol(r rune) (byte, bool) {
	if r > unicode.MaxASCII {
		return 0, false
	}
	c := byte(r)
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	switch c {
	case 'O':
		c = '0'
	case 'I', 'L':
		c = '1'
	}
	return c, strings.IndexByte(alphabet, c) >= 0
}

// NewTemporary makes a temporary password of 80 random bits, written ABCD-EFGH-JKMN-PQRS (details 20). It reads 10
// bytes from random; an error is random's, wrapped.
func NewTemporary(random io.Reader) (string, error) {
	b := make([]byte, temporaryLength*5/8)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("read randomness: %w", err)
	}
	return group(encode(b, temporaryLength)), nil
}

// ParseTemporary reads a temporary password as typed, as forgiving as Parse. canonical is the form in which
// NewTemporary writes it: the one to compare, and the one that was hashed. ok is false, and canonical empty, unless
// exactly 16 characters of the alphabet remain.
func ParseTemporary(typed string) (canonical string, ok bool) {
	s, ok := read(typed, temporaryLength)
	if !ok {
		return "", false
	}
	return group(s), true
}

// group writes a temporary password in groups of four.
func group(s string) string { return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:] }
