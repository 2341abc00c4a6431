// Package file keeps keys in files on one machine: those that encrypt and derive here, the one that signs in a file of its own
// (signer.go). The file is readable text, mode 0600:
//
//	postern-keys 1
//	derive <64 hex digits>
//	data <id> <64 hex digits>
//
// The first data key encrypts; the others still decrypt what they encrypted. To rotate, put a new line above them.
package file

import (
	"bufio"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postern/shared/keys"
)

const (
	header  = "postern-keys 1"
	keySize = 32
	// version begins every ciphertext; then one byte with the length of the key id, the id, the nonce, and what was sealed.
	version = 1
)

// Keys implements keys.Keys. It is safe for concurrent use, as long as its source of randomness is.
type Keys struct {
	random  io.Reader
	derive  []byte
	current string
	data    map[string]cipher.AEAD
}

var _ keys.Keys = (*Keys)(nil)

// Open reads the key file at path, and makes it if there is none. A file that others can read is refused.
func Open(path string, random io.Reader) (*Keys, error) {
	err := private(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path, random); err != nil {
			return nil, fmt.Errorf("make key file: %w", err)
		}
		err = private(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	k, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	k.random = random
	return k, nil
}

// private refuses a file that others can read.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others can read the key file: chmod 600 %s", path)
	}
	return nil
}

// create writes new keys.
func create(path string, random io.Reader) error {
	raw := make([]byte, 2*keySize+4)
	if _, err := io.ReadFull(random, raw); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	text := fmt.Sprintf("%s\nderive %x\ndata %x %x\n", header, raw[:keySize], raw[2*keySize:], raw[keySize:2*keySize])
	return writeNew(path, []byte(text))
}

// writeNew writes a file of mode 0600 unless it is there. Of two that do so at the same time one wins, whole, and both then read
// what it wrote.
func writeNew(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".keys-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func parse(raw []byte) (*Keys, error) {
	k := &Keys{data: map[string]cipher.AEAD{}}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		var err error
		switch {
		case n == 1:
			if lines.Text() != header {
				return nil, fmt.Errorf("line 1 is not %q: this is no key file of this version", header)
			}
		case len(f) == 0:
		case len(f) == 2 && f[0] == "derive" && k.derive == nil:
			k.derive, err = parseKey(f[1])
		case len(f) == 3 && f[0] == "data" && k.data[f[1]] == nil && len(f[1]) <= 64:
			var key []byte
			var block cipher.Block
			if key, err = parseKey(f[2]); err != nil {
				break
			}
			if block, err = aes.NewCipher(key); err != nil {
				break
			}
			if k.data[f[1]], err = cipher.NewGCM(block); err == nil && k.current == "" {
				k.current = f[1]
			}
		default:
			err = errors.New("not understood")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if k.derive == nil || k.current == "" {
		return nil, errors.New("a derive line or a data line is missing: restore it from its backup")
	}
	return k, nil
}

func parseKey(s string) ([]byte, error) {
	key, err := hex.DecodeString(s)
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("a key is %d hex digits", 2*keySize)
	}
	return key, nil
}

// Encrypt implements keys.Keys.
func (k *Keys) Encrypt(_ context.Context, plaintext []byte, c keys.Context) ([]byte, error) {
	aead := k.data[k.current]
	out := make([]byte, 0, 2+len(k.current)+aead.NonceSize()+len(plaintext)+aead.Overhead())
	out = append(out, version, byte(len(k.current)))
	out = append(out, k.current...)
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(k.random, nonce); err != nil {
		return nil, fmt.Errorf("%w: read randomness: %w", keys.ErrUnavailable, err)
	}
	out = append(out, nonce...)
	return aead.Seal(out, nonce, plaintext, delimited(c)), nil
}

// Decrypt implements keys.Keys.
func (k *Keys) Decrypt(_ context.Context, ciphertext []byte, c keys.Context) ([]byte, error) {
	if len(ciphertext) < 2 || ciphertext[0] != version || len(ciphertext) < 2+int(ciphertext[1]) {
		return nil, keys.ErrWrong
	}
	id, rest := ciphertext[2:2+int(ciphertext[1])], ciphertext[2+int(ciphertext[1]):]
	aead, ok := k.data[string(id)]
	if !ok || len(rest) < aead.NonceSize() {
		return nil, keys.ErrWrong
	}
	plain, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], delimited(c))
	if err != nil {
		return nil, keys.ErrWrong
	}
	return plain, nil
}

// Derive implements keys.Keys.
func (k *Keys) Derive(_ context.Context, c keys.Context) ([]byte, error) {
	h := hmac.New(sha256.New, k.derive)
	h.Write(delimited(c))
	return h.Sum(nil), nil
}

// delimited joins the parts of a context so that no other context gives the same bytes.
func delimited(c keys.Context) []byte {
	var b []byte
	for _, part := range c {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}
