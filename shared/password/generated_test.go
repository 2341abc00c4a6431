package password

import (
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestHashGenerated(t *testing.T) {
	const pw = "ABCD-EFGH-JKMN-PQRS"
	encoded, err := HashGenerated(pw, rand.Reader)
	if err != nil || !strings.HasPrefix(encoded, "$sha256$") || strings.Contains(encoded, "ABCD") {
		t.Fatalf("HashGenerated: got %q, %v", encoded, err)
	}
	for _, c := range []struct {
		pw   string
		want bool
	}{{pw, true}, {"ABCD-EFGH-JKMN-PQRT", false}, {"", false}} {
		if ok, weak, err := Verify(encoded, c.pw, cheap); ok != c.want || weak || err != nil {
			t.Errorf("Verify(%q): got %v, %v, %v, want %v, false, nil", c.pw, ok, weak, err, c.want)
		}
	}
	if chosen, err := Hash(pw, cheap, rand.Reader); err != nil || IsGenerated(chosen, pw) || IsGenerated(encoded, "x") || IsGenerated("", "") || !IsGenerated(encoded, pw) {
		t.Errorf("IsGenerated: %v", err)
	}
	again, err := HashGenerated(pw, rand.Reader)
	if err != nil || again == encoded {
		t.Errorf("HashGenerated twice: got %q, %v, want another", again, err)
	}
	if _, err := HashGenerated(pw, io.LimitReader(rand.Reader, saltSize-1)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("HashGenerated without randomness: got %v", err)
	}
	for _, bad := range []string{encoded + "$", encoded + "A", encoded[:len(encoded)-2], strings.Replace(encoded, "$sha256$", "$sha256$v=1$", 1), "$sha256$$"} {
		if _, _, err := Verify(bad, pw, cheap); !errors.Is(err, ErrMalformed) {
			t.Errorf("Verify(%q): got %v, want %v", bad, err, ErrMalformed)
		}
	}
}

// Right or wrong, a generated password takes as long as any other: time tells nobody who has one. Both are measured in turn, and the
// fastest of each counts, so that a busy machine does not matter.
func TestGeneratedTakesAsLong(t *testing.T) {
	generated, errA := HashGenerated("ABCD-EFGH-JKMN-PQRS", rand.Reader)
	slow, errB := Hash("ABCD-EFGH-JKMN-PQRS", DefaultParams, rand.Reader)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	fastest := map[string]time.Duration{}
	for range 8 {
		for _, encoded := range []string{generated, slow} {
			for _, pw := range []string{"ABCD-EFGH-JKMN-PQRS", "wrong"} {
				began := time.Now()
				if _, _, err := Verify(encoded, pw, DefaultParams); err != nil {
					t.Fatal(err)
				}
				name, took := encoded[:8]+pw, time.Since(began)
				if f, ok := fastest[name]; !ok || took < f {
					fastest[name] = took
				}
			}
		}
	}
	want := fastest[slow[:8]+"wrong"]
	for name, took := range fastest {
		if took < want*3/4 || took > want*4/3 {
			t.Errorf("%s: %s, the hash of a chosen password %s", name, took, want)
		}
	}
}
