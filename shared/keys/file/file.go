// Package file keeps keys in files on one machine: those that encrypt and derive here, the one that signs in a file of its own
// (signer.go). The file is the text of a [keys.Ring], mode 0600.
package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"postern/shared/keys"
)

// Open reads the key file at path, and makes it if there is none. A file that others can read is refused.
func Open(path string, random io.Reader) (*keys.Ring, error) {
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
	ring, err := keys.ParseRing(raw, random)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
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
	text, err := keys.NewRing(random)
	if err != nil {
		return err
	}
	return writeNew(path, text)
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
