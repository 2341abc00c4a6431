package password

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// cheap makes tests fast; nothing but time and memory differs.
var cheap = Params{MemoryKiB: 8, Passes: 1, Lanes: 1}

func TestNormalize(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{" two  spaces\u00a0and\ttab ", " two  spaces\u00a0and\ttab "},
		{"re\u0301sume\u0301", "résumé"},
		{"Å\u212b", "ÅÅ"}, // the Ångström sign is canonically the letter
		{"ﬁx ｗｉｄｅ Ⅷ", "ﬁx ｗｉｄｅ Ⅷ"},
	} {
		got, err := Normalize(c.in)
		if err != nil || got != c.want {
			t.Errorf("Normalize(%q): got %q, %v, want %q", c.in, got, err, c.want)
		}
	}
	if _, err := Normalize("caf\xe9"); !errors.Is(err, ErrInvalidText) {
		t.Errorf("Normalize of Latin-1: got %v, want %v", err, ErrInvalidText)
	}
}

func TestNormalizeProperties(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("ae\u0301\u0323\u0308\u1100\u1161\u11a8\u034f"))))
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "text")
		once, err := Normalize(s)
		if err != nil {
			t.Fatalf("Normalize: %v", err)
		}
		if twice, err := Normalize(once); err != nil || twice != once {
			t.Fatalf("Normalize twice: got %q, %v, want %q", twice, err, once)
		}
		if decomposed, err := Normalize(norm.NFD.String(s)); err != nil || decomposed != once {
			t.Fatalf("Normalize of the decomposed text: got %q, %v, want %q", decomposed, err, once)
		}
	})
}

// Hashes made elsewhere: the vectors of the reference implementation (phc-winner-argon2, src/test.c).
func TestVerifyKnown(t *testing.T) {
	for _, c := range []struct{ pw, encoded string }{
		{"password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
		{"differentpassword", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"},
		{"password", "$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw"},
	} {
		ok, weak, err := Verify(c.encoded, c.pw, DefaultParams)
		if !ok || !weak || err != nil { // weak: the salt has 8 bytes only
			t.Errorf("Verify(%q, %q): got %v, %v, %v, want true, true, nil", c.encoded, c.pw, ok, weak, err)
		}
		ok, _, err = Verify(c.encoded, c.pw+" ", DefaultParams)
		if ok || err != nil {
			t.Errorf("Verify(%q) of another password: got %v, %v, want false, nil", c.encoded, ok, err)
		}
	}
}

func TestHashIsVerified(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pw, other := rapid.String().Draw(t, "password"), rapid.String().Draw(t, "other")
		encoded, err := Hash(pw, cheap, rand.Reader)
		if err != nil {
			t.Fatalf("Hash: %v", err)
		}
		for _, tried := range []string{pw, other} {
			ok, weak, err := Verify(encoded, tried, cheap)
			if ok != (tried == pw) || weak || err != nil {
				t.Fatalf("Verify(%q) against the hash of %q: got %v, %v, %v", tried, pw, ok, weak, err)
			}
		}
	})
}

// Nothing is truncated, unlike with bcrypt, which stops at 72 bytes, or at a NUL.
func TestHashTakesEveryByte(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, c := range [][2]string{{long + "a", long + "b"}, {long, long + "x"}, {"a\x00b", "a\x00c"}, {"a", "a\x00"}} {
		encoded, err := Hash(c[0], cheap, rand.Reader)
		if err != nil {
			t.Fatalf("Hash: %v", err)
		}
		if ok, _, err := Verify(encoded, c[1], cheap); ok || err != nil {
			t.Errorf("Verify of a twin of %d bytes: got %v, %v, want false, nil", len(c[1]), ok, err)
		}
	}
}

func TestHashIsSalted(t *testing.T) {
	a, errA := Hash("same", cheap, rand.Reader)
	b, errB := Hash("same", cheap, rand.Reader)
	if errA != nil || errB != nil || a == b {
		t.Errorf("Hash twice: got %q, %v and %q, %v, want two different ones", a, errA, b, errB)
	}
	_, err := Hash("same", cheap, io.LimitReader(rand.Reader, saltSize-1))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Hash without enough randomness: got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func TestWeak(t *testing.T) {
	today := Params{MemoryKiB: 32, Passes: 2, Lanes: 2}
	for _, c := range []struct {
		p    Params
		want bool
	}{
		{today, false},
		{Params{MemoryKiB: 31, Passes: 2, Lanes: 2}, true},
		{Params{MemoryKiB: 64, Passes: 1, Lanes: 2}, true},
		{Params{MemoryKiB: 64, Passes: 3, Lanes: 1}, false}, // stronger: stays, so that two generations do not rehash in turn
	} {
		encoded, err := Hash("x", c.p, rand.Reader)
		if err != nil {
			t.Fatalf("Hash under %v: %v", c.p, err)
		}
		if _, weak, err := Verify(encoded, "x", today); weak != c.want || err != nil {
			t.Errorf("Verify of a hash under %v: got weak %v, %v, want %v", c.p, weak, err, c.want)
		}
	}
}

// OWASP's Password Storage Cheat Sheet: argon2id with m=19456, t=2, p=1 at least.
func TestDefaultParams(t *testing.T) {
	p := DefaultParams
	if p.MemoryKiB < 19456 || p.Passes < 2 || p.Lanes < 1 || p.Check() != nil {
		t.Errorf("DefaultParams: got %+v, want at least 19456 KiB, 2 passes, 1 lane, and within the limits", p)
	}
}

func TestVerifyRefuses(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHApl8ArZWb2GRPPc"
	params := func(s string) string { return "$argon2id$v=19$" + s + "$" + salt + "$" + key }
	for _, c := range []struct {
		encoded string
		want    error
	}{
		{"", ErrMalformed},
		{"$", ErrMalformed},
		{"plain", ErrMalformed},
		{"argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + key, ErrMalformed},
		{"$argon2d$v=19$m=8,t=1,p=1$" + salt + "$" + key, ErrMalformed},
		{"$argon2id$v=16$m=8,t=1,p=1$" + salt + "$" + key, ErrMalformed},
		{"$argon2id$m=8,t=1,p=1$" + salt + "$" + key, ErrMalformed},
		{params("m=8,t=1,p=1") + "$", ErrMalformed},
		{params("m=8,t=1,p=1") + "\n", ErrMalformed},
		{params("m=8,t=1,p=1") + "=", ErrMalformed},
		{params("m=8,t=1,p=1,data=x"), ErrMalformed},
		{params("t=1,m=8,p=1"), ErrMalformed},
		{params("m=08,t=1,p=1"), ErrMalformed},
		{params("m=+8,t=1,p=1"), ErrMalformed},
		{params("m=8, t=1,p=1"), ErrMalformed},
		{params("m=8,t=1,p=256"), ErrMalformed},
		{params("m=4294967304,t=1,p=1"), ErrMalformed},
		{params("m=8,t=0,p=1"), ErrMalformed},
		{params("m=8,t=1,p=0"), ErrMalformed},
		{params("m=15,t=1,p=2"), ErrMalformed},
		{params("m=8,t=1,p=1")[:len(params("m=8,t=1,p=1"))-1] + "d", ErrMalformed}, // trailing bits
		{"$argon2id$v=19$m=8,t=1,p=1$c29tZXN$" + key, ErrMalformed},                // 5 bytes of salt
		{"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$AAAA", ErrMalformed},             // 3 bytes of key
		{"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + strings.Repeat("AAAA", 22), ErrMalformed},
		{"$argon2id$v=19$m=8,t=1,p=1$" + strings.Repeat("A", 1<<20) + "$" + key, ErrMalformed},

		{params("m=4294967295,t=1,p=1"), ErrTooCostly},
		{params("m=131073,t=1,p=1"), ErrTooCostly},
		{params("m=8,t=4294967295,p=1"), ErrTooCostly},
		{params("m=131072,t=5,p=1"), ErrTooCostly},
		{params("m=256,t=1,p=17"), ErrTooCostly},
	} {
		ok, _, err := Verify(c.encoded, "password", DefaultParams)
		if ok || !errors.Is(err, c.want) {
			t.Errorf("Verify(%.120q): got %v, %v, want %v", c.encoded, ok, err, c.want)
		}
		if err != nil && len(c.encoded) > 8 && strings.Contains(err.Error(), c.encoded[8:]) {
			t.Errorf("Verify(%.120q): the error holds the hash: %v", c.encoded, err)
		}
	}
	if _, err := Hash("x", Params{MemoryKiB: 1 << 30, Passes: 1, Lanes: 1}, rand.Reader); !errors.Is(err, ErrTooCostly) {
		t.Errorf("Hash with 1 TiB: got %v, want %v", err, ErrTooCostly)
	}
}

// What is read is within the limits, and reads the same when it is written again: a hash has one spelling.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHApl8ArZWb2GRPPc",
		"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5Q", "$argon2id$$$$", "$argon2id$v=19$m=,t=,p=$$",
	} {
		f.Add(s)
	}
	for _, c := range imported {
		f.Add(c.encoded)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		h, err := parse(encoded)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooCostly) {
				t.Fatalf("parse: unexpected error %v", err)
			}
			return
		}
		if got := fmt.Sprint(h); got != encoded {
			t.Fatalf("parse: got %q, want %q", got, encoded)
		}
		if a, is := h.(argon2Hash); is && (a.params.Check() != nil || len(a.salt) > maxSalt || len(a.key) > maxKey) {
			t.Fatalf("parse(%q): beyond the limits: %+v", encoded, a.params)
		}
	})
}

// The dummy hash is read and costs like any other.
func TestDummyIsAHash(t *testing.T) {
	h, err := New(cheap, 1, 0, bytes.NewReader(make([]byte, saltSize+keySize)))
	if err != nil {
		t.Fatal(err)
	}
	d, err := parse(h.dummy)
	if err != nil || d.weakerThan(cheap) || d.(argon2Hash).params != cheap {
		t.Errorf("dummy %q: got %v, want a hash under %v", h.dummy, err, cheap)
	}
}
