// Package pskc reads Portable Symmetric Key Containers (RFC 6030), the XML files in which makers hand over the secrets of their
// hardware tokens.
//
// It reads plain values, and values encrypted with AES in CBC mode under a pre-shared key (section 6.1, figure 6) or under one that
// PBKDF2 makes of a passphrase (section 6.2, figure 7). An encrypted value is believed only after its MAC was right. Of algorithms it
// takes TOTP alone. Signatures of containers are not looked at: they say who made a file, not whether it is whole.
//
// There is no Go library for this (looked for in autumn 2026). package encoding/xml does the lexing; it expands no entities and loads
// nothing. What it lets through (document types, attributes given twice) is refused here.
package pskc

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"time"

	"postern/shared/totp"
)

// Key opens an encrypted file. Both may be set: the file says which of them it needs.
type Key struct {
	PreShared  totp.Secret // 16, 24 or 32 bytes
	Passphrase totp.Secret // as it is typed, UTF-8
}

// Refusals of a whole file. Of one KeyPackage, "malformed" and "not supported" are about its secret.
var (
	errMalformed    = &totp.SeedError{Field: "file", Code: "pskc_malformed"}
	errNotSupported = &totp.SeedError{Field: "file", Code: "pskc_not_supported"}
	errKeyMissing   = &totp.SeedError{Field: "key", Code: "pskc_key_missing"}
	errKeyLength    = &totp.SeedError{Field: "key", Code: "pskc_key_length"}
	errKey          = &totp.SeedError{Field: "key", Code: "pskc_key_wrong"} // or the file is not as it was made
)

// ErrTooMany says that a file has more KeyPackages than are wanted.
var ErrTooMany = errors.New("PSKC: too many KeyPackages")

// defaultPeriod is how long a step of TOTP is where a file does not say (RFC 6238, section 5.2), in seconds.
const defaultPeriod = 30

// maxDrift is how far ahead or behind a file may say that a device's clock is, in steps: more than eight hours are no drift.
const maxDrift = 1000

// Read gives the seed of each KeyPackage; Row is its ordinal.
//
// An error is about the whole file, which is then not to be used: [ErrTooMany], or a [*totp.SeedError] about "file" or "key". A
// wrong key is told from a changed value by the others: it fits none.
func Read(content []byte, key Key, maxRows int) ([]totp.Seed, error) {
	r, root, err := open(content)
	if err != nil {
		return nil, err
	}
	if !root.is(nsPSKC, "KeyContainer") || root.attr("Version") != "1.0" { // section 4
		return nil, errMalformed
	}
	c := container{key: key}
	for {
		e, err := r.next()
		if err != nil {
			return nil, err
		}
		if e == nil {
			break
		}
		if err := c.read(e, maxRows); err != nil {
			return nil, err
		}
	}
	if len(c.seeds) == 0 {
		return nil, errMalformed
	}
	if c.wrong > 0 && c.right == 0 {
		return nil, errKey
	}
	return c.seeds, nil
}

// container is a KeyContainer as far as it is read.
type container struct {
	key          Key
	keys         keys
	encrypted    bool // has an EncryptionKey
	seeds        []totp.Seed
	right, wrong int // MACs
}

// read takes in a child of the container. Its order is fixed: EncryptionKey, MACMethod, then all else (section 11, the schema).
func (c *container) read(e *element, maxRows int) (err error) {
	switch {
	case e.is(nsPSKC, "EncryptionKey"):
		if c.encrypted || c.keys.mac != nil || len(c.seeds) > 0 {
			return errMalformed
		}
		c.encrypted = true
		c.keys.encryption, err = encryptionKey(e, c.key)
	case e.is(nsPSKC, "MACMethod"):
		if !c.encrypted || c.keys.mac != nil || len(c.seeds) > 0 {
			return errMalformed
		}
		err = c.keys.useMACMethod(e)
	case e.is(nsPSKC, "KeyPackage"):
		if len(c.seeds) == maxRows {
			return ErrTooMany
		}
		s, err := c.seed(e)
		if bad, ok := errors.AsType[*totp.SeedError](err); ok {
			s = totp.Seed{Err: bad}
			if bad.Field == "file" || bad.Field == "key" {
				s.Err = &totp.SeedError{Field: "secret", Code: bad.Code}
			}
		}
		s.Row = len(c.seeds) + 1
		c.seeds = append(c.seeds, s)
	}
	return err
}

func wrong(field, code string) error { return &totp.SeedError{Field: field, Code: code} }

// seed reads a KeyPackage (section 4.1; the serial number: 4.3.1). All its errors are a [*totp.SeedError].
func (c *container) seed(e *element) (totp.Seed, error) {
	none := totp.Seed{}
	serial, err := e.path(nsPSKC, "DeviceInfo", "SerialNo")
	if err != nil {
		return none, err
	}
	if serial == nil || serial.value() == "" {
		return none, wrong("serial", "missing")
	}
	key, err := e.child(nsPSKC, "Key")
	if err != nil {
		return none, err
	}
	if key == nil {
		return none, wrong("secret", "missing")
	}
	if key.attr("Algorithm") != nsPSKC+":totp" { // as those of section 10: the namespace, and a name
		return none, wrong("algorithm", "pskc_not_totp")
	}
	s := totp.Seed{Serial: serial.value(), Digits: totp.SeedDigits, Period: defaultPeriod}
	if err := c.readData(key, &s); err != nil {
		return none, err
	}
	return s, readParameters(key, &s)
}

// readData reads the Data of a key (section 4.1): the secret, the length of a step, and by how many of them the device's clock is
// off. Its Time, how far the device had counted when the file was made, says nothing that its clock does not.
func (c *container) readData(key *element, s *totp.Seed) error {
	data, err := key.child(nsPSKC, "Data")
	if err != nil {
		return err
	}
	if data == nil {
		return wrong("secret", "missing")
	}
	secret, err := data.child(nsPSKC, "Secret")
	if err != nil {
		return err
	}
	if secret == nil {
		return wrong("secret", "missing") // the device derives it from another (figure 4)
	}
	plain, cipher, err := c.values(secret)
	if err != nil {
		return err
	}
	if s.Secret = cipher; plain != nil {
		if s.Secret, err = plain.base64(); err != nil {
			return err
		}
	}
	period, err := c.integer(data, "TimeInterval", "period", int64(s.Period))
	if err != nil {
		return err
	}
	s.Period = int(min(max(period, math.MinInt32), math.MaxInt32))
	drift, err := c.integer(data, "TimeDrift", "drift", 0)
	if err != nil {
		return err
	}
	if drift < -maxDrift || drift > maxDrift {
		return wrong("drift", "pskc_drift")
	}
	s.Drift = time.Duration(drift) * time.Duration(s.Period) * time.Second
	_, err = c.integer(data, "Time", "time", 0)
	return err
}

// values gives what a data element holds: a plain value, or what an encrypted one was decrypted to (section 6.1).
func (c *container) values(e *element) (plain *element, decrypted []byte, err error) {
	plain, err = e.child(nsPSKC, "PlainValue")
	if err != nil {
		return nil, nil, err
	}
	encrypted, err := e.child(nsPSKC, "EncryptedValue")
	if err != nil {
		return nil, nil, err
	}
	mac, err := e.child(nsPSKC, "ValueMAC")
	if err != nil || (plain == nil) == (encrypted == nil) {
		return nil, nil, errMalformed
	}
	if plain != nil {
		if mac != nil { // the RFC does not say of what: it cannot be checked, so the value is not believed
			return nil, nil, errNotSupported
		}
		return plain, nil, nil
	}
	value, err := readCiphertext(encrypted)
	if err != nil {
		return nil, nil, err
	}
	if c.keys.mac == nil || mac == nil { // required with CBC (section 6.1)
		return nil, nil, wrong("secret", "pskc_mac_missing")
	}
	sum, err := mac.base64()
	if err != nil {
		return nil, nil, err
	}
	if !c.keys.authentic(value, sum) {
		c.wrong++
		return nil, nil, wrong("secret", "pskc_mac_wrong")
	}
	c.right++
	decrypted, err = c.keys.decrypt(value)
	return nil, decrypted, err
}

// integer reads a number of a key's Data, otherwise if it is not there. Encrypted ones are big-endian, of four or eight bytes
// (section 4.1, under Data); there are programs that leave leading zeros away.
func (c *container) integer(data *element, name, field string, otherwise int64) (int64, error) {
	e, err := data.child(nsPSKC, name)
	if err != nil || e == nil {
		return otherwise, err
	}
	plain, cipher, err := c.values(e)
	if err != nil {
		return 0, err
	}
	if plain != nil {
		n, err := plain.int()
		if err != nil {
			return 0, wrong(field, "not_a_number")
		}
		return n, nil
	}
	if len(cipher) == 4 {
		return int64(int32(binary.BigEndian.Uint32(cipher))), nil
	}
	if len(cipher) < 1 || len(cipher) > 8 {
		return 0, wrong(field, "not_a_number")
	}
	var whole [8]byte
	copy(whole[8-len(cipher):], cipher)
	return int64(binary.BigEndian.Uint64(whole[:])), nil
}

// readParameters reads AlgorithmParameters (section 4.3.4): the hash, and the form of codes.
func readParameters(key *element, s *totp.Seed) error {
	s.Algorithm = algorithmOf(len(s.Secret))
	p, err := key.child(nsPSKC, "AlgorithmParameters")
	if err != nil || p == nil {
		return err
	}
	suite, err := p.child(nsPSKC, "Suite")
	if err != nil {
		return err
	}
	if suite != nil && suite.value() != "" {
		name := strings.ToUpper(suite.value())
		s.Algorithm = totp.Algorithm(strings.ReplaceAll(strings.TrimPrefix(name, "HMAC-"), "-", "")) // HMAC-SHA256
		switch s.Algorithm {
		case totp.SHA1, totp.SHA256, totp.SHA512:
		default:
			return wrong("algorithm", "unknown_value")
		}
	}
	format, err := p.child(nsPSKC, "ResponseFormat")
	if err != nil || format == nil {
		return err
	}
	if format.attr("Encoding") != "DECIMAL" {
		return wrong("digits", "pskc_not_decimal")
	}
	if check := format.attr("CheckDigits"); check == "true" || check == "1" {
		return wrong("digits", "pskc_check_digit")
	}
	length := &element{text: format.attr("Length")}
	n, err := length.int()
	if err != nil {
		return wrong("digits", "not_a_number")
	}
	s.Digits = int(min(max(n, math.MinInt32), math.MaxInt32))
	return nil
}

// algorithmOf is the hash of a key that names none: the one that its length is made for (behaviour 6.5; RFC 6238, appendix B, uses
// keys of 20, 32 and 64 bytes).
func algorithmOf(secret int) totp.Algorithm {
	switch secret {
	case 32:
		return totp.SHA256
	case 64:
		return totp.SHA512
	}
	return totp.SHA1
}

// Protection is what a file needs to be opened.
type Protection string

// The kinds of protection. Others, asymmetric keys among them, look like ByKey, and are refused by Read.
const (
	Unprotected  Protection = ""
	ByKey        Protection = "key"        // Key.PreShared
	ByPassphrase Protection = "passphrase" // Key.Passphrase
)

// Protected tells what Read needs for a file. What is no PSKC file is Unprotected: Read says what is wrong with it.
func Protected(content []byte) Protection {
	r, root, err := open(content)
	if err != nil || !root.is(nsPSKC, "KeyContainer") {
		return Unprotected
	}
	e, err := r.next()
	if err != nil || e == nil || !e.is(nsPSKC, "EncryptionKey") {
		return Unprotected
	}
	if derived, err := e.child(nsXENC11, "DerivedKey"); err != nil || derived != nil {
		return ByPassphrase
	}
	return ByKey
}
