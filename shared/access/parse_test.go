package access

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/shared/keys/file"
	"postern/shared/secret"
)

// Whatever a cookie or a link holds, it is read as somebody's or as nobody's, never as something that no key may be made of.
func FuzzTokens(f *testing.F) {
	id := strings.Repeat("a", 26)
	f.Add("acme." + id + "." + id + "." + strings.Repeat("A", 43))
	f.Add("acme." + id + "." + strings.Repeat("A", 43))
	f.Add("....")
	f.Fuzz(func(t *testing.T, s string) {
		if b, value, ok := parseBearer(bearerSession, secret.New(s)); ok {
			if again := strings.Join([]string{b.AccountID, b.OperatorID, b.ID, value.Reveal()}, "."); again != s {
				t.Errorf("%q is read as %q", s, again)
			}
			if strings.ContainsAny(b.AccountID+b.OperatorID+b.ID, "/# ") {
				t.Errorf("%q is read as a key of another form", s)
			}
		}
		if account, operator, ok := parseLink(secret.New(s)); ok && !strings.HasPrefix(s, account+"."+operator+".") {
			t.Errorf("%q is read as a link of %s, %s", s, account, operator)
		}
	})
}

func FuzzCursor(f *testing.F) {
	k, err := file.Open(filepath.Join(f.TempDir(), "keys"), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	s := New(Config{Keys: k})
	sealed, err := s.sealCursor(f.Context(), "u#alice", "operators", "acme")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		position, err := s.openCursor(t.Context(), cursor, "operators", "acme")
		input := (*InputError)(nil)
		if err != nil && !errors.As(err, &input) {
			t.Errorf("%q: %v", cursor, err)
		}
		if err == nil && position != "" && position != "u#alice" {
			t.Errorf("%q opens as %q", cursor, position)
		}
		if cursor != "" {
			if _, err := s.openCursor(t.Context(), cursor, "operators", "other"); err == nil {
				t.Errorf("%q opens for another account", cursor)
			}
		}
	})
}

// Names are canonical once and for all: what is canonical stays so, and no name of one kind is found as another (security.md 10).
func TestCanonicalNamesAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.String().Draw(t, "typed")
		name, ok := canonicalName(typed)
		if !ok {
			return
		}
		if again, ok := canonicalName(name); !ok || again != name {
			t.Fatalf("%q is %q, and that is %q, %t", typed, name, again, ok)
		}
		if id, ok := canonicalAccountID(typed); ok {
			if again, ok := canonicalAccountID(id); !ok || again != id {
				t.Fatalf("account %q is %q, and that is %q, %t", typed, id, again, ok)
			}
		}
	})
	for _, twins := range [][2]string{{"alice", "аlice"}, {"paypal", "pаypal"}, {"bob", "b0b"}, {"straße", "strase"}} {
		a, _ := canonicalName(twins[0])
		b, _ := canonicalName(twins[1])
		if a == b {
			t.Errorf("%q and %q are one name", twins[0], twins[1])
		}
	}
}

func TestPolicyRanges(t *testing.T) {
	for name, p := range PolicyPresets() {
		if bad := p.check(); len(bad) > 0 {
			t.Errorf("preset %s is out of range: %v", name, bad)
		}
	}
	p := DefaultPolicy()
	p.SessionHours, p.SessionIdleMinutes = 1, 61
	if bad := p.check(); len(bad) != 1 || bad[0].Field != "sessionIdleMinutes" {
		t.Errorf("idle above the absolute lifetime: %v", bad)
	}
}
