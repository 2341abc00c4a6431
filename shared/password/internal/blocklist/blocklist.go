// Package blocklist knows the passwords that everybody tries first. README.md says where the list comes from.
package blocklist

import (
	"bytes"
	_ "embed"
	"hash/fnv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/FastFilter/xorfilter"
	"golang.org/x/text/unicode/norm"
)

//go:generate go run ./build

//go:embed passwords.fuse16
var serialized []byte

// filter is read at first use (one copy of 100 KB), so that a function which checks no new password pays nothing.
var filter = sync.OnceValue(load)

func load() *xorfilter.BinaryFuse[uint16] {
	f, err := xorfilter.LoadBinaryFuse[uint16](bytes.NewReader(serialized))
	if err != nil {
		panic("embedded blocklist: " + err.Error()) // it is part of the program, and a test reads it
	}
	return f
}

// Has reports whether pw is common. Case is ignored, and so are digits and symbols at the end; so "Password2026!" is as
// common as "password". Besides the list itself these are common, because the list holds little that is as long as a
// password must be, while people make such out of it:
//   - a common password, or anything of up to three characters, over and over: "passwordpassword", "abcabcabcabcabc";
//   - runs of at least three characters along the alphabet, the digits, a keyboard or the spot, one after another:
//     "123456789012345", "qwertyuiopasdfgh", "1qaz2wsx3edc4rfv", "aaaaaaaabbbbbbbb".
//
// Two different common words in a row are not: that is how passphrases begin.
func Has(pw string) bool {
	folded := Fold(pw)
	if listed(folded) {
		return true
	}
	for _, s := range []string{folded, trimSymbols(folded), trimToLetter(folded)} {
		if utf8.RuneCountInString(s) >= minStem && (repeats(s) || runs(s)) {
			return true
		}
	}
	return false
}

// listed reports whether s, which is folded, is on the list.
func listed(s string) bool { return filter().Contains(Key(s)) }

// Key gives the key of the filter for s, which is folded: of its canonical form.
func Key(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(canonical(s))) // never fails
	return h.Sum64()
}

// Fold gives s in lower case and Unicode normalisation form KC, so that wide or ligated letters are letters.
func Fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }

// minStem is how many characters are left at least of a password whose end is ignored. With fewer, "a" and "red", which
// the list holds with digits behind them, would make everything common that begins so and goes on in digits.
const minStem = 4

// canonical ignores what stands behind the last letter; if too little stands before it, only symbols behind the last digit
// ("abc123!" is "abc123", and digits alone are themselves); if there is still too little, nothing.
func canonical(s string) string {
	for _, stem := range []string{trimToLetter(s), trimSymbols(s)} {
		if utf8.RuneCountInString(stem) >= minStem {
			return stem
		}
	}
	return s
}

func trimToLetter(s string) string {
	return strings.TrimRightFunc(s, func(c rune) bool { return !unicode.In(c, unicode.L, unicode.M) })
}

func trimSymbols(s string) string {
	return strings.TrimRightFunc(s, func(c rune) bool { return !unicode.In(c, unicode.L, unicode.M, unicode.Nd) })
}
