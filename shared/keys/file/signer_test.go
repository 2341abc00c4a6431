package file_test

import (
	"bytes"
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

func openSigner(t *testing.T, path string) *file.Signer {
	t.Helper()
	s, err := file.OpenSigner(path)
	if err != nil {
		t.Fatalf("OpenSigner: %v", err)
	}
	return s
}

func TestSigner(t *testing.T) {
	keystest.RunSigner(t, func(t *testing.T) keys.Signer { return openSigner(t, filepath.Join(t.TempDir(), "sign.pem")) })
}

// The file is made on first use, once, for its owner alone, and read again.
func TestSignerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "sign.pem")
	all := make([]*file.Signer, 8)
	for i := range all {
		all[i] = openSigner(t, path)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before the first use: %v", err)
	}
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() {
			if _, err := s.PublicKey(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want, err := all[0].PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range append(all, openSigner(t, path)) {
		if got, err := s.PublicKey(t.Context()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("signer %d has another key (%v)", i, err)
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
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := file.OpenSigner(path); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("a file that others can read: %v", err)
	}
}

func TestSignerRefusesWhatIsNoKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sign.pem")
	for _, text := range []string{"", "no PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := file.OpenSigner(path); err == nil || !strings.Contains(err.Error(), "restore it from its backup") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := keys.ParsePublicKey([]byte("x")); !errors.Is(err, keys.ErrPublicKey) {
		t.Errorf("ParsePublicKey: got %v, want %v", err, keys.ErrPublicKey)
	}
	// Where no file can be made, signing is not available, which may pass.
	if _, err := openSigner(t, filepath.Join(t.TempDir(), "later", "sign.pem")).Sign(t.Context(), nil); err != nil {
		t.Errorf("in a folder that is not there yet: %v", err)
	}
	blocked := filepath.Join(t.TempDir(), "file")
	s := openSigner(t, filepath.Join(blocked, "sign.pem"))
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), nil); !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("where a file is in the way: got %v, want %v", err, keys.ErrUnavailable)
	}
}
