package onemachine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postern/shared/secret"
)

// credentials are the key pair that signs requests to /admin on one machine.
type credentials struct {
	AccessKeyID     string
	SecretAccessKey secret.Text
}

// principal is who the key pair stands for, as notices name it: an ARN of no real partition.
const principal = "iam:arn:local:iam::000000000000:user/postern"

// loadCredentials reads DIR/admin-credentials (AWS credentials file format, profile postern), and makes it, mode 0600, if it is not
// there. It is one of the two files that hold a secret in plain (details 15): whoever can read it may administer.
func loadCredentials(path string) (credentials, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		c := credentials{"POSTERN" + rand.Text()[:13], secret.New(rand.Text() + rand.Text())}
		text := fmt.Sprintf("[postern]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n",
			c.AccessKeyID, c.SecretAccessKey.Reveal(), signingRegion)
		return c, writeFile(path, []byte(text))
	}
	if err != nil {
		return credentials{}, fmt.Errorf("read admin credentials: %w", err)
	}
	var c credentials
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case "aws_access_key_id":
			c.AccessKeyID = strings.TrimSpace(value)
		case "aws_secret_access_key":
			c.SecretAccessKey = secret.New(strings.TrimSpace(value))
		}
	}
	if c.AccessKeyID == "" || c.SecretAccessKey.Empty() {
		return credentials{}, fmt.Errorf("%s holds no key pair: remove it, and start again to get a new one", path)
	}
	return c, nil
}

// writeFile writes a file of mode 0600 whole: a reader, and a crash, sees the old one or the new one.
func writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
