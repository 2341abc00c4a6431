package blocklist

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"
)

func TestHas(t *testing.T) {
	for _, pw := range []string{
		"password", "Password123!", "PASSWORD2026 !", "ｐａｓｓｗｏｒｄ", "p@ssw0rd", "abc123!!!", "123456", "123456!!!!",
		"qwertyuiop1234567", "Trustno1???????",
		// over and over
		"passwordpassword", "password password", "Password1!Password1!", "iloveyouiloveyoui", "1234567123456712345",
		"aaaaaaaaaaaaaaaa", "abababababababab", "xyqxyqxyqxyqxyq", "ääääääääääääääää", "!!!!!!!!!!!!!!!!", "aaaaaaaaaaaaaaa1",
		// runs
		"123456789012345", "987654321098765", "qwertyuiopasdfgh", "abcdefghijklmnop", "zyxwvutsrqponmlk", "1qaz2wsx3edc4rfv",
		"zaq12wsxcde34rfv", "qazwsxedcrfvtgb", "1q2w3e4r5t6y7u8i", "aaaaaaaabbbbbbbb", "!@#$%^&*()!@#$%^&*", "azertyuiopqsdfghjklm",
		"qwertyuiopasdfgh2026!", "abc123456789012",
	} {
		if !Has(pw) {
			t.Errorf("Has(%q): got false, want true", pw)
		}
	}
	for _, pw := range []string{
		"", "x", "correct horse battery staple", "correcthorsebatterystaple", "monkeydragonfootball", "Tr0ub4dor and three more",
		"730145829664017", "4815162342 4815", "a73014582966401", "red730145829664", "zrkvzrkvzrkvzrkv", "onions and garlic", "edged-83746",
		"wir gehen im Regen spazieren", "ひらがなのながいあいことば", "passwordless login is nice", "123456 bottles of beer",
	} {
		if Has(pw) {
			t.Errorf("Has(%q): got true, want false", pw)
		}
	}
}

// The filter errs once in 65,536 lookups, and a password costs a few of them.
func TestHasRarelyErrs(t *testing.T) {
	const n = 20_000
	wrong := 0
	for i := range n {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		if Has("x" + hex.EncodeToString(sum[:10]) + "x") {
			wrong++
		}
	}
	if wrong > 5 { // 0.3 expected
		t.Errorf("%d of %d random passwords are common", wrong, n)
	}
}

// Bodies are bounded at 8 KiB, so a password of that length must be cheap, whatever is in it.
func TestPeriodOfLongText(t *testing.T) {
	for _, c := range []struct {
		s    string
		want int
	}{
		{"a", 1}, {"ab", 2}, {"aab", 3}, {"abcabcab", 3}, {"aabaaab", 4},
		{strings.Repeat("a", 8191) + "b", 8192}, {strings.Repeat("abc", 2700) + "a", 3},
	} {
		if got := period([]rune(c.s)); got != c.want {
			t.Errorf("period(%.20q, %d characters): got %d, want %d", c.s, len(c.s), got, c.want)
		}
	}
}

func BenchmarkHas(b *testing.B) {
	for b.Loop() {
		Has("correct horse battery staple")
	}
}

// What the first new password after a start pays.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load()
	}
}
