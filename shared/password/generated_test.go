package password

import (
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
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

// Right or wrong, a generated password costs what any other costs: time tells nobody who has one. What argon2id costs is memory, and the
// passes over it; so much is taken for the one as for the other.
func TestGeneratedTakesAsMuch(t *testing.T) {
	p := Params{MemoryKiB: 8 << 10, Passes: 1, Lanes: 1}
	generated, errA := HashGenerated("ABCD-EFGH-JKMN-PQRS", rand.Reader)
	slow, errB := Hash("ABCD-EFGH-JKMN-PQRS", p, rand.Reader)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	taken := func(encoded, pw string) uint64 { // bytes
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, _, err := Verify(encoded, pw, p); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	want := taken(slow, "wrong")
	for _, encoded := range []string{generated, slow} {
		for _, pw := range []string{"ABCD-EFGH-JKMN-PQRS", "wrong"} {
			if got := taken(encoded, pw); want < uint64(p.MemoryKiB)<<10 || got < want*9/10 || got > want*11/10 {
				t.Errorf("%.8s with %q takes %d bytes, a chosen password %d", encoded, pw, got, want)
			}
		}
	}
}
