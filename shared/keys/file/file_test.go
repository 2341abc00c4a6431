package file_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"postern/shared/keys"
	"postern/shared/keys/file"
	"postern/shared/keys/keystest"
)

func open(t *testing.T, path string) *keys.Ring {
	t.Helper()
	k, err := file.Open(path, rand.Reader)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return k
}

func TestKeys(t *testing.T) {
	keystest.Run(t, func(t *testing.T) keys.Keys { return open(t, filepath.Join(t.TempDir(), "keys")) })
}

var here = keys.Context{"test"}

// The file is made once, for its owner alone, and read again.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "keys")
	var wg sync.WaitGroup
	all := make([]*keys.Ring, 8)
	for i := range all {
		wg.Go(func() { all[i], _ = file.Open(path, rand.Reader) })
	}
	wg.Wait()
	sealed, err := all[0].Encrypt(t.Context(), []byte("x"), here)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range append(all, open(t, path)) {
		if _, err := k.Decrypt(t.Context(), sealed, here); err != nil {
			t.Errorf("opened as number %d, it holds other keys: %v", i, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Open(path, rand.Reader); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("a file that others can read: %v", err)
	}
}

// A new data key on top encrypts from then on; what the old one encrypted still opens, and what is derived stays.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	old := open(t, path)
	sealed, err := old.Encrypt(t.Context(), []byte("x"), here)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := old.Derive(t.Context(), here)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfterN(string(raw), "\n", 2)
	if err := os.WriteFile(path, []byte(lines[0]+"data second "+strings.Repeat("5a", 32)+"\n"+lines[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	rotated := open(t, path)
	if _, err := rotated.Decrypt(t.Context(), sealed, here); err != nil {
		t.Errorf("what the old key encrypted: %v", err)
	}
	fresh, err := rotated.Encrypt(t.Context(), []byte("x"), here)
	if err != nil || !bytes.Contains(fresh, []byte("second")) {
		t.Errorf("the new key is not in use: %v", err)
	}
	if _, err := old.Decrypt(t.Context(), fresh, here); !errors.Is(err, keys.ErrWrong) {
		t.Errorf("who does not have the new key: got %v, want %v", err, keys.ErrWrong)
	}
	if again, err := rotated.Derive(t.Context(), here); err != nil || !bytes.Equal(again, derived) {
		t.Errorf("what is derived changed (%v)", err)
	}
}

func TestMalformedFiles(t *testing.T) {
	const key = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
	for name, content := range map[string]string{
		"empty": "", "another version": "postern-keys 2\n", "no keys": "postern-keys 1\n", "no data key": "postern-keys 1\nderive " + key + "\n",
		"no derive key": "postern-keys 1\ndata a " + key + "\n", "short key": "postern-keys 1\nderive " + key + "\ndata a 5a\n",
		"derive twice": "postern-keys 1\nderive " + key + "\nderive " + key + "\ndata a " + key + "\n",
		"id twice":     "postern-keys 1\nderive " + key + "\ndata a " + key + "\ndata a " + key + "\n",
		"other words":  "postern-keys 1\nderive " + key + "\ndata a " + key + "\nhello\n",
	} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Open(path, rand.Reader); err == nil {
			t.Errorf("%s: opened", name)
		} else if strings.Contains(err.Error(), key) {
			t.Errorf("%s: the error shows a key: %v", name, err)
		}
	}
}

func TestRandomnessEnds(t *testing.T) {
	if _, err := file.Open(filepath.Join(t.TempDir(), "keys"), strings.NewReader("short")); err == nil {
		t.Error("keys were made of too little randomness")
	}
}

func FuzzDecrypt(f *testing.F) {
	k, err := file.Open(filepath.Join(f.TempDir(), "keys"), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{1, 8})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := k.Decrypt(t.Context(), b, here); !errors.Is(err, keys.ErrWrong) {
			t.Errorf("%x: got %v, want %v", b, err, keys.ErrWrong)
		}
	})
}
