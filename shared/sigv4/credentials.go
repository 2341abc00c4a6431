package sigv4

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"postern/shared/atomicfile"
	"postern/shared/secret"
)

// Credentials are a key pair that signs requests.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey secret.Text
}

// LoadCredentials reads a file in the format of AWS credentials files (profile postern), and makes it with a new key pair, mode
// 0600, if it is not there. It is one of the two files that hold a secret in plain (details 15): whoever can read it may
// administer.
func LoadCredentials(path string) (Credentials, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		c := Credentials{"POSTERN" + rand.Text()[:13], secret.New(rand.Text() + rand.Text())}
		text := fmt.Sprintf("[postern]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\n",
			c.AccessKeyID, c.SecretAccessKey.Reveal(), Region)
		return c, atomicfile.Write(path, []byte(text))
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("read admin credentials: %w", err)
	}
	var c Credentials
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
		return Credentials{}, fmt.Errorf("%s holds no key pair: remove it, and start again to get a new one", path)
	}
	return c, nil
}
