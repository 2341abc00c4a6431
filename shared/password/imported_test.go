package password

import (
	"errors"
	"strings"
	"testing"
)

// imported are hashes made by other programs.
var imported = []struct{ from, pw, encoded string }{
	{"phc-winner-argon2", "password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"},
	{"crypt_blowfish", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"libxcrypt", "pässword", "$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC"},
	{"libxcrypt", "password", "$2b$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu"},
	{"passlib", "password", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"},
	{"OpenSSL", "pässword", "$scrypt$ln=10,r=8,p=2$MDEyMzQ1Njc4OWFiY2RlZg$ivs5nNdxGkJPayUBffQND3P8nXeG602LlVx4Uwe7oYw"},
	{"passlib", "password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"},
	{"OpenSSL", "pässword", "$pbkdf2-sha256$1000$+/++MDEyMzQ1Njc4OWFiYw$M+O1Uecq+mscLDJuLmH2O6qq0U7xdb6RkSW4GzI8w5c"},
	{"OpenSSL", "pässword", "$pbkdf2-sha512$1000$+/++MDEyMzQ1Njc4OWFiYw$3tfWBLcocQUsNxJ0ewRRMhgqF73Tl0y3lM5DrfvbTl+dnqiveloHoiZlgCcxDWhY1BmFZSs3+rhQYaLQV3JWSw"},
}

func TestVerifyImported(t *testing.T) {
	for _, c := range imported {
		if err := CheckHash(c.encoded); err != nil {
			t.Errorf("CheckHash(%q) from %s: %v", c.encoded, c.from, err)
		}
		ok, weak, err := Verify(c.encoded, c.pw, cheap)
		if !ok || !weak || err != nil {
			t.Errorf("Verify(%q, %q) from %s: got %v, %v, %v, want true, true, nil", c.encoded, c.pw, c.from, ok, weak, err)
		}
		for _, wrong := range []string{"", c.pw + "x", strings.ToUpper(c.pw) + "x"} {
			if ok, _, err := Verify(c.encoded, wrong, cheap); ok || err != nil {
				t.Errorf("Verify(%q, %q): got %v, %v, want false, nil", c.encoded, wrong, ok, err)
			}
		}
	}
}

func TestCheckHashRefuses(t *testing.T) {
	const salt, key = "MDEyMzQ1Njc4OWFiY2RlZg", "ivs5nNdxGkJPayUBffQND3P8nXeG602LlVx4Uwe7oYw"
	bcrypt := func(prefix string) string { return prefix + "abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC" }
	scrypt := func(params string) string { return "$scrypt$" + params + "$" + salt + "$" + key }
	pbkdf2 := func(n string) string { return "$pbkdf2-sha256$" + n + "$" + salt + "$" + key }
	for _, c := range []struct {
		encoded string
		want    error
	}{
		{bcrypt("$2a$14$"), nil},
		{bcrypt("$2a$15$"), ErrTooCostly},
		{bcrypt("$2b$31$"), ErrTooCostly},
		{bcrypt("$2b$03$"), ErrMalformed},
		{bcrypt("$2b$32$"), ErrMalformed},
		{bcrypt("$2b$5$"), ErrMalformed},
		{bcrypt("$2x$05$"), ErrMalformed},
		{bcrypt("$2$05$"), ErrMalformed},
		{bcrypt("$2b$05$") + "x", ErrMalformed},
		{bcrypt("$2b$05$") + "\n", ErrMalformed},

		{scrypt("ln=17,r=8,p=1"), nil}, // OWASP's first choice, and its last
		{scrypt("ln=13,r=8,p=10"), nil},
		{scrypt("ln=18,r=8,p=1"), ErrTooCostly},
		{scrypt("ln=17,r=8,p=2"), ErrTooCostly},
		{scrypt("ln=1,r=8,p=17"), ErrTooCostly},
		{scrypt("ln=1,r=9223372036854775807,p=1"), ErrTooCostly},
		{scrypt("ln=9223372036854775807,r=1,p=1"), ErrTooCostly},
		{scrypt("ln=0,r=8,p=1"), ErrMalformed},
		{scrypt("ln=-1,r=8,p=1"), ErrMalformed},
		{scrypt("ln=10,r=0,p=1"), ErrMalformed},
		{scrypt("ln=10,r=8,p=0"), ErrMalformed},
		{scrypt("ln=010,r=8,p=1"), ErrMalformed},
		{scrypt("ln=10,r=8"), ErrMalformed},
		{scrypt("ln=10,r=8,p=1") + "$", ErrMalformed},

		{pbkdf2("2000000"), nil},
		{pbkdf2("2000001"), ErrTooCostly},
		{pbkdf2("0"), ErrMalformed},
		{pbkdf2("-1"), ErrMalformed},
		{pbkdf2("01000"), ErrMalformed},
		{pbkdf2("99999999999999999999"), ErrMalformed},
		{pbkdf2("1000") + "AAAA", ErrMalformed}, // longer than SHA-256
		{"$pbkdf2-sha256$1000$" + salt + "$+./" + key[3:], ErrMalformed},
		{"$pbkdf2-sha1$1000$" + salt + "$" + key, ErrMalformed},
		{"$pbkdf2$1000$" + salt + "$" + key, ErrMalformed},
		{"$sha256$" + salt + "$" + key, ErrMalformed}, // ours, but for generated passwords alone
		{"$6$saltsalt$" + strings.Repeat("x", 86), ErrMalformed},
		{"{SSHA}c2FsdA", ErrMalformed},
		{"", ErrMalformed},
	} {
		if err := CheckHash(c.encoded); !errors.Is(err, c.want) {
			t.Errorf("CheckHash(%q): got %v, want %v", c.encoded, err, c.want)
		}
	}
}
