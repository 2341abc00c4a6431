package pskc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// maxIterations bounds the work that a file can ask for: a million of HMAC-SHA1 take about a second. Files ask for 1,000 to some
// 100,000.
const maxIterations = 1_000_000

// macs are the MAC algorithms (XML Signature; RFC 4051, section 2.2); examples of RFC 6030 use the first.
var macs = map[string]func() hash.Hash{
	"http://www.w3.org/2000/09/xmldsig#hmac-sha1":        sha1.New,
	"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256": sha256.New,
	"http://www.w3.org/2001/04/xmldsig-more#hmac-sha384": sha512.New384,
	"http://www.w3.org/2001/04/xmldsig-more#hmac-sha512": sha512.New,
}

// ciphers are the encryption algorithms and the length of their keys in bytes (XML Encryption, section 5.2); examples of RFC 6030 use the first.
var ciphers = map[string]int{
	nsXENC + "aes128-cbc": 16,
	nsXENC + "aes192-cbc": 24,
	nsXENC + "aes256-cbc": 32,
}

// keys is what the values of a container are decrypted and checked with.
type keys struct {
	encryption []byte
	mac        func() hash.Hash // nil: the container has no MACMethod
	macKey     []byte
}

// encryptionKey finds the key that an EncryptionKey names: the pre-shared one itself (RFC 6030, section 6.1), or what PBKDF2 makes of
// the passphrase (section 6.2).
func encryptionKey(e *element, k Key) ([]byte, error) {
	derived, err := e.child(nsXENC11, "DerivedKey")
	if err != nil {
		return nil, err
	}
	if derived != nil {
		return deriveKey(derived, k.Passphrase)
	}
	name, err := e.child(nsDS, "KeyName")
	switch {
	case err != nil:
		return nil, err
	case name == nil:
		return nil, errNotSupported // X509Data and the like: asymmetric (section 6.3)
	case len(k.PreShared) == 0 && len(k.Passphrase) == 0:
		return nil, errKeyMissing
	case len(k.PreShared) != 16 && len(k.PreShared) != 24 && len(k.PreShared) != 32:
		return nil, errKeyLength
	}
	return k.PreShared, nil
}

// deriveKey is PBKDF2 (RFC 8018, section 5.2) with the parameters of a DerivedKey. Figure 7 writes them without a namespace; others
// put them in that of PKCS #5 or of XML Encryption 1.1.
func deriveKey(derived *element, passphrase []byte) ([]byte, error) {
	method, err := derived.child(nsXENC11, "KeyDerivationMethod")
	if err != nil || method == nil {
		return nil, errMalformed
	}
	if a := method.attr("Algorithm"); a != nsPKCS5+"pbkdf2" && a != nsXENC11+"pbkdf2" {
		return nil, errNotSupported
	}
	params, err := method.anyChild("PBKDF2-params")
	if err != nil || params == nil {
		return nil, errMalformed
	}
	var salt, iterations, length *element
	for name, to := range map[string]**element{"Salt": &salt, "IterationCount": &iterations, "KeyLength": &length} {
		if *to, err = params.anyChild(name); err != nil || *to == nil {
			return nil, errMalformed
		}
	}
	specified, err := salt.anyChild("Specified")
	if err != nil || specified == nil {
		return nil, errMalformed
	}
	prf, err := params.anyChild("PRF")
	if err != nil {
		return nil, err
	}
	h := sha1.New // the default, and all that figure 7's empty PRF can mean
	if prf != nil && (prf.attr("Algorithm") != "" || prf.value() != "") {
		if h = macs[prf.attr("Algorithm")]; h == nil {
			return nil, errNotSupported
		}
	}
	raw, err := specified.base64()
	n, err2 := iterations.int()
	l, err3 := length.int()
	switch {
	case err != nil || err2 != nil || err3 != nil || n < 1:
		return nil, errMalformed
	case n > maxIterations || l != 16 && l != 24 && l != 32:
		return nil, errNotSupported
	case len(passphrase) == 0:
		return nil, errKeyMissing
	}
	return pbkdf2.Key(h, string(passphrase), raw, int(n), int(l))
}

// anyChild is child in one of the namespaces that the parameters of PBKDF2 are found in.
func (e *element) anyChild(local string) (*element, error) {
	var found *element
	for _, space := range []string{"", nsPKCS5, nsXENC11} {
		c, err := e.child(space, local)
		if err != nil || c != nil && found != nil {
			return nil, errMalformed
		}
		if c != nil {
			found = c
		}
	}
	return found, nil
}

// useMACMethod reads the MACMethod (RFC 6030, section 6.1.1): the MAC's algorithm, and its key, encrypted with the encryption key; a
// container without it uses that one.
func (k *keys) useMACMethod(e *element) error {
	if k.mac = macs[e.attr("Algorithm")]; k.mac == nil {
		return errNotSupported
	}
	k.macKey = k.encryption
	macKey, err := e.child(nsPSKC, "MACKey")
	if err != nil || macKey == nil {
		return err
	}
	c, err := readCiphertext(macKey)
	if err != nil {
		return err
	}
	if k.macKey, err = k.decrypt(c); err != nil {
		return err
	}
	if len(k.macKey) < 16 {
		return errKey // RFC 6030 takes a key as long as the hash; none at all would make every MAC right
	}
	return nil
}

// ciphertext is an encrypted value.
type ciphertext struct {
	algorithm string
	value     []byte // the initialisation vector, then the blocks (XML Encryption, section 5.2)
}

// readCiphertext reads an element of type xenc:EncryptedDataType.
func readCiphertext(e *element) (ciphertext, error) {
	method, err := e.child(nsXENC, "EncryptionMethod")
	if err != nil || method == nil {
		return ciphertext{}, errMalformed
	}
	value, err := e.path(nsXENC, "CipherData", "CipherValue")
	if err != nil || value == nil {
		return ciphertext{}, errMalformed
	}
	raw, err := value.base64()
	return ciphertext{method.attr("Algorithm"), raw}, err
}

// authentic reports whether mac is the MAC of an encrypted value (RFC 6030, section 6.1.1: of the ciphertext, initialisation vector
// included).
func (k *keys) authentic(c ciphertext, mac []byte) bool {
	h := hmac.New(k.mac, k.macKey)
	h.Write(c.value)
	return hmac.Equal(h.Sum(nil), mac)
}

// decrypt decrypts AES-CBC and takes the padding of XML Encryption away: its last byte tells its length, the others are arbitrary
// (section 5.2). Anything but a MAC key is authenticated before.
func (k *keys) decrypt(c ciphertext) ([]byte, error) {
	size, known := ciphers[c.algorithm]
	switch {
	case !known:
		return nil, errNotSupported
	case size != len(k.encryption):
		return nil, errKeyLength
	case len(c.value) < 2*aes.BlockSize || len(c.value)%aes.BlockSize != 0:
		return nil, errMalformed
	}
	block, err := aes.NewCipher(k.encryption)
	if err != nil {
		return nil, errKeyLength
	}
	plain := make([]byte, len(c.value)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, c.value[:aes.BlockSize]).CryptBlocks(plain, c.value[aes.BlockSize:])
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > aes.BlockSize {
		return nil, errKey
	}
	return plain[:len(plain)-pad], nil
}
