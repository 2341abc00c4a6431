// Package keystest is the contract of package keys in executable form: every adapter passes it.
package keystest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"testing"

	"postern/shared/keys"
)

// Run runs the suite.
func Run(t *testing.T, open func(t *testing.T) keys.Keys) {
	for name, test := range map[string]func(*testing.T, keys.Keys){
		"RoundTrip": testRoundTrip, "Context": testContext, "Altered": testAltered, "Derive": testDerive, "Parallel": testParallel,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var here = keys.Context{"purpose", "acme", "alice"}

func seal(t *testing.T, k keys.Keys, plain []byte, c keys.Context) []byte {
	t.Helper()
	sealed, err := k.Encrypt(t.Context(), plain, c)
	if err != nil {
		t.Fatalf("Encrypt: %v", err)
	}
	return sealed
}

func testRoundTrip(t *testing.T, k keys.Keys) {
	for _, plain := range [][]byte{[]byte("secret"), {}, {0}, bytes.Repeat([]byte("x"), 100<<10)} {
		sealed := seal(t, k, plain, here)
		if len(plain) > 3 && bytes.Contains(sealed, plain[:4]) {
			t.Error("the ciphertext shows the plaintext")
		}
		got, err := k.Decrypt(t.Context(), sealed, here)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes came back as %d, %v", len(plain), len(got), err)
		}
	}
	if bytes.Equal(seal(t, k, []byte("x"), here), seal(t, k, []byte("x"), here)) {
		t.Error("the same text is encrypted the same way twice")
	}
}

func testContext(t *testing.T, k keys.Keys) {
	sealed := seal(t, k, []byte("secret"), here)
	for _, c := range []keys.Context{
		nil, {}, {"purpose", "acme", "bob"}, {"purpose", "acmealice"}, {"purpose", "acme", "alice", ""}, {"purpose", "acm", "ealice"}, {"", "purpose", "acme", "alice"},
	} {
		if _, err := k.Decrypt(t.Context(), sealed, c); !errors.Is(err, keys.ErrWrong) {
			t.Errorf("Decrypt under %q: got %v, want %v", c, err, keys.ErrWrong)
		}
	}
}

func testAltered(t *testing.T, k keys.Keys) {
	sealed := seal(t, k, []byte("secret"), here)
	wrong := func(what string, b []byte) {
		t.Helper()
		if _, err := k.Decrypt(t.Context(), b, here); !errors.Is(err, keys.ErrWrong) {
			t.Errorf("%s: got %v, want %v", what, err, keys.ErrWrong)
		}
	}
	for i := range sealed {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		wrong(fmt.Sprint("byte ", i, " altered"), b)
		wrong(fmt.Sprint("cut after ", i), sealed[:i])
	}
	wrong("longer", append(bytes.Clone(sealed), 0))
	wrong("nothing", nil)
}

func testDerive(t *testing.T, k keys.Keys) {
	seen := map[string]keys.Context{}
	for _, c := range []keys.Context{{"a"}, {"b"}, {"a", "b"}, {"ab"}, {"a", ""}, {"", "a"}, {"a", "bc"}, {"ab", "c"}, here} {
		d, err := k.Derive(t.Context(), c)
		if err != nil || len(d) != 32 {
			t.Fatalf("Derive %q: %d bytes, %v", c, len(d), err)
		}
		if other, ok := seen[string(d)]; ok {
			t.Errorf("%q and %q derive the same", c, other)
		}
		seen[string(d)] = c
		if again, err := k.Derive(t.Context(), c); err != nil || !bytes.Equal(again, d) {
			t.Errorf("Derive %q twice differs (%v)", c, err)
		}
	}
}

func testParallel(t *testing.T, k keys.Keys) {
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			plain := []byte(fmt.Sprint("secret ", i))
			sealed, err := k.Encrypt(t.Context(), plain, here)
			if err == nil {
				var got []byte
				if got, err = k.Decrypt(t.Context(), sealed, here); err == nil && !bytes.Equal(got, plain) {
					err = errors.New("another text came back")
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
