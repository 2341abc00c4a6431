package pskc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/shared/totp"
)

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// forTOTP makes one of the RFC's examples, which are all of HOTP, an example of TOTP. What is encrypted there stays.
func forTOTP(s string) string { return strings.ReplaceAll(s, "keyprov:pskc:hotp", "keyprov:pskc:totp") }

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

var (
	secret20 = totp.Secret("12345678901234567890")
	secret32 = totp.Secret("12345678901234567890123456789012")
	secret64 = totp.Secret(strings.Repeat("1234567890", 6) + "1234")
	figure6  = Key{PreShared: unhex("12345678901234567890123456789012")}
	figure7  = Key{Passphrase: []byte("qwerty")}
)

// The RFC's own examples give its own keys (figures 3, 6 and 7), and what another implementation (python-pskc 1.4) wrote is read too.
func TestRead(t *testing.T) {
	const none = time.Duration(0)
	maker := Key{PreShared: unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")}
	seed := func(row int, serial string, secret totp.Secret, digits, period int, a totp.Algorithm, drift time.Duration) totp.Seed {
		return totp.Seed{Row: row, Serial: serial, Secret: secret, Digits: digits, Period: period, Algorithm: a, Drift: drift}
	}
	four := []totp.Seed{
		seed(1, "TEST-0001", secret20, 6, 60, totp.SHA1, -2*time.Minute), seed(2, "TEST-0002", secret32, 8, 30, totp.SHA256, none),
		seed(3, "TEST-0003", secret64, 7, 30, totp.SHA512, none), seed(4, "TEST-0004", secret32, 6, 30, totp.SHA512, none),
	}
	example := []totp.Seed{seed(1, "987654321", secret20, 8, 30, totp.SHA1, none)}
	for _, c := range []struct {
		name, content string
		key           Key
		want          []totp.Seed
	}{
		{"figure 3, plain", forTOTP(file(t, "rfc6030-figure3.xml")), Key{}, example},
		{"figure 6, pre-shared key", forTOTP(file(t, "rfc6030-figure6.xml")), figure6, example},
		{"figure 7, passphrase", forTOTP(file(t, "rfc6030-figure7.xml")), figure7, example},
		{"with a byte order mark", "\uFEFF" + forTOTP(file(t, "rfc6030-figure3.xml")), Key{}, example},
		{"other prefixes", strings.NewReplacer("<pskc:", "<k:", "</pskc:", "</k:", "xmlns:pskc=", "xmlns:k=", "xenc11:", "pskc:", "xmlns:xenc11=",
			"xmlns:pskc=").Replace(forTOTP(file(t, "rfc6030-figure7.xml"))), figure7, example},
		{"plain", file(t, "plain.xml"), Key{}, four},
		{"AES-256, HMAC-SHA256", file(t, "aes256-hmac-sha256.xml"), maker, four},
		{"PBKDF2 with HMAC-SHA256", file(t, "pbkdf2-hmac-sha256.xml"), Key{Passphrase: []byte("pässword")},
			[]totp.Seed{seed(1, "TEST-0001", secret20, 6, 60, totp.SHA1, none)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read([]byte(c.content), c.key, 10)
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			if len(got) != len(c.want) {
				t.Fatalf("Read: %d seeds, want %d", len(got), len(c.want))
			}
			for i := range got {
				if !same(got[i], c.want[i]) {
					t.Errorf("seed %d: %+v (%x), want %+v", i+1, got[i], []byte(got[i].Secret), c.want[i])
				}
			}
		})
	}
}

func same(a, b totp.Seed) bool {
	return a.Row == b.Row && a.Serial == b.Serial && bytes.Equal(a.Secret, b.Secret) && a.Digits == b.Digits && a.Period == b.Period &&
		a.Algorithm == b.Algorithm && a.Drift == b.Drift && a.Err == nil && b.Err == nil
}

// What one KeyPackage has wrong leaves the others alone.
func TestWrongKeyPackages(t *testing.T) {
	plain, encrypted := file(t, "plain.xml"), file(t, "aes256-hmac-sha256.xml")
	maker := Key{PreShared: unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")}
	first := func(content, old, new string) string {
		if !strings.Contains(content, old) {
			t.Fatalf("no %q in the file", old)
		}
		return strings.Replace(content, old, new, 1)
	}
	const totpName = `Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp"`
	for _, c := range []struct {
		name, content string
		field, code   string
	}{
		{"HOTP", first(plain, totpName, `Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"`), "algorithm", "pskc_not_totp"},
		{"no algorithm", first(plain, totpName, ``), "algorithm", "pskc_not_totp"},
		{"no serial", first(plain, "<pskc:SerialNo>TEST-0001</pskc:SerialNo>", ""), "serial", "missing"},
		{"two serials", first(plain, "<pskc:SerialNo>", "<pskc:SerialNo>x</pskc:SerialNo><pskc:SerialNo>"), "secret", "pskc_malformed"},
		{"hexadecimal codes", first(plain, `"DECIMAL"`, `"HEXADECIMAL"`), "digits", "pskc_not_decimal"},
		{"a check digit", first(plain, `Encoding="DECIMAL"`, `Encoding="DECIMAL" CheckDigits="true"`), "digits", "pskc_check_digit"},
		{"digits in words", first(plain, `Length="6"`, `Length="six"`), "digits", "not_a_number"},
		{"period in words", first(plain, ">60<", ">a minute<"), "period", "not_a_number"},
		{"a drift of a day", first(plain, ">-2<", ">1440<"), "drift", "pskc_drift"},
		{"a hash there is not", first(plain, "<pskc:ResponseFormat", "<pskc:Suite>HMAC-MD5</pskc:Suite><pskc:ResponseFormat"), "algorithm", "unknown_value"},
		{"secret not base64", first(plain, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIzNDU2!"), "secret", "pskc_malformed"},
		{"secret base64 but for its last bits", first(plain, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTB="), "secret", "pskc_malformed"},
		{"plain and encrypted", first(encrypted, "<pskc:EncryptedValue>", "<pskc:PlainValue>MTIzNA==</pskc:PlainValue><pskc:EncryptedValue>"), "secret", "pskc_malformed"},
		{"MAC changed", first(encrypted, "<pskc:ValueMAC>", "<pskc:ValueMAC>AAAA"), "secret", "pskc_mac_wrong"},
		{"MAC missing", withoutFirstMAC(encrypted), "secret", "pskc_mac_missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read([]byte(c.content), maker, 10)
			if err != nil || len(got) != 4 {
				t.Fatalf("Read: %d seeds, %v", len(got), err)
			}
			if e := got[0].Err; e == nil || e.Field != c.field || e.Code != c.code || got[0].Row != 1 {
				t.Errorf("first: %+v, %v, want %s %s", got[0], e, c.field, c.code)
			}
			for _, s := range got[1:] {
				if s.Err != nil {
					t.Errorf("row %d: %v, want none", s.Row, s.Err)
				}
			}
		})
	}
}

func withoutFirstMAC(s string) string {
	from := strings.Index(s, "<pskc:ValueMAC>")
	to := strings.Index(s, "</pskc:ValueMAC>") + len("</pskc:ValueMAC>")
	return s[:from] + s[to:]
}

// A file that is not as it should be gives nothing at all, and says of what it is.
func TestWrongFiles(t *testing.T) {
	plain := file(t, "plain.xml")
	six, seven := forTOTP(file(t, "rfc6030-figure6.xml")), forTOTP(file(t, "rfc6030-figure7.xml"))
	root := `<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">`
	swap := strings.NewReplacer
	for _, c := range []struct {
		name, content string
		key           Key
		want          string
	}{
		{"empty", "", Key{}, "pskc_malformed"},
		{"no XML", "serial,secret\n", Key{}, "pskc_malformed"},
		{"cut off", plain[:len(plain)-20], Key{}, "pskc_malformed"},
		{"cut off after a KeyPackage", plain[:strings.Index(plain, "</pskc:KeyPackage>")+len("</pskc:KeyPackage>")], Key{}, "pskc_malformed"},
		{"two roots", plain + "<a/>", Key{}, "pskc_malformed"},
		{"text after it", plain + "x", Key{}, "pskc_malformed"},
		{"text in it", swap("</pskc:KeyContainer>", "x</pskc:KeyContainer>").Replace(plain), Key{}, "pskc_malformed"},
		{"another root", `<KeyPackage xmlns="urn:ietf:params:xml:ns:keyprov:pskc"/>`, Key{}, "pskc_malformed"},
		{"another namespace", swap("ns:keyprov:pskc\"", "ns:keyprov:pskc:1.0\"").Replace(plain), Key{}, "pskc_malformed"},
		{"no namespace", `<KeyContainer Version="1.0"><KeyPackage/></KeyContainer>`, Key{}, "pskc_malformed"},
		{"another version", swap(`Version="1.0"`, `Version="2.0"`).Replace(plain), Key{}, "pskc_malformed"},
		{"two versions", swap(`Version="1.0"`, `Version="1.0" Version="1.0"`).Replace(plain), Key{}, "pskc_malformed"},
		{"no KeyPackage", root + "</KeyContainer>", Key{}, "pskc_malformed"},
		{"Latin-1", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>" + root + "<KeyPackage/></KeyContainer>", Key{}, "pskc_malformed"},
		{"not UTF-8", root + "<KeyPackage>\xff</KeyPackage></KeyContainer>", Key{}, "pskc_malformed"},
		{"document type", swap("<pskc:KeyContainer", "<!DOCTYPE x><pskc:KeyContainer").Replace(plain), Key{}, "pskc_malformed"},
		{"entity of the file's own", `<!DOCTYPE x [<!ENTITY e "MTIzNA==">]>` + root + "<KeyPackage>&e;</KeyPackage></KeyContainer>", Key{}, "pskc_malformed"},
		{"entity from elsewhere", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + root + "<KeyPackage>&e;</KeyPackage></KeyContainer>", Key{}, "pskc_malformed"},
		{"entity there is not", root + "<KeyPackage>&e;</KeyPackage></KeyContainer>", Key{}, "pskc_malformed"},
		{"a million laughs", `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>` + root + "&b;</KeyContainer>", Key{}, "pskc_malformed"},
		{"deep", root + strings.Repeat("<a>", 100_000) + strings.Repeat("</a>", 100_000) + "</KeyContainer>", Key{}, "pskc_malformed"},
		{"wide", root + "<KeyPackage>" + strings.Repeat("<a/>", 100_000) + "</KeyPackage></KeyContainer>", Key{}, "pskc_malformed"},
		{"many attributes", root + "<KeyPackage " + manyAttributes(1000) + "/></KeyContainer>", Key{}, "pskc_malformed"},
		{"key missing", six, Key{}, "pskc_key_missing"},
		{"key too short", six, Key{PreShared: unhex("1234")}, "pskc_key_length"},
		{"key of another cipher", six, Key{PreShared: make([]byte, 32)}, "pskc_key_length"},
		{"a passphrase for a key", six, Key{Passphrase: []byte("qwerty")}, "pskc_key_length"},
		{"wrong key", six, Key{PreShared: unhex("12345678901234567890123456789013")}, "pskc_key_wrong"},
		{"wrong passphrase", seven, Key{Passphrase: []byte("QWERTY")}, "pskc_key_wrong"},
		{"passphrase missing", seven, Key{PreShared: unhex("12345678901234567890123456789012")}, "pskc_key_missing"},
		{"the only MAC changed", swap("Su+Nvt", "Su+Nvu").Replace(six), figure6, "pskc_key_wrong"},
		{"MAC key too short", swap("ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX", "AAAA").Replace(six), figure6, "pskc_malformed"},
		{"MAC there is not", swap("#hmac-sha1", "#hmac-md5").Replace(six), figure6, "pskc_not_supported"},
		{"cipher there is not", swap("xmlenc#aes128-cbc", "xmlenc#tripledes-cbc").Replace(six), figure6, "pskc_not_supported"},
		{"key for a certificate", swap("ds:KeyName", "ds:X509Data").Replace(six), figure6, "pskc_not_supported"},
		{"MACMethod twice", swap("</MACMethod>", `</MACMethod><MACMethod Algorithm="x"/>`).Replace(six), figure6, "pskc_malformed"},
		{"MACMethod last", swap("</KeyContainer>", `<MACMethod Algorithm="x"/></KeyContainer>`).Replace(six), figure6, "pskc_malformed"},
		{"MACMethod without a key", swap("<pskc:KeyPackage>", `<pskc:MACMethod Algorithm="http://www.w3.org/2000/09/xmldsig#hmac-sha1"/><pskc:KeyPackage>`).Replace(plain), Key{}, "pskc_malformed"},
		{"another derivation", swap("5v2-0#pbkdf2", "5v2-0#pbkdf1").Replace(seven), figure7, "pskc_not_supported"},
		{"no salt", swap("<Specified>Ej7/PEpyEpw=</Specified>", "").Replace(seven), figure7, "pskc_malformed"},
		{"no iterations", swap("<IterationCount>1000", "<IterationCount>0").Replace(seven), figure7, "pskc_malformed"},
		{"iterations for a year", swap("<IterationCount>1000", "<IterationCount>1000000000000").Replace(seven), figure7, "pskc_not_supported"},
		{"a long key", swap("<KeyLength>16", "<KeyLength>1600000000").Replace(seven), figure7, "pskc_not_supported"},
		{"a PRF there is not", swap("<PRF/>", `<PRF Algorithm="md5"/>`).Replace(seven), figure7, "pskc_not_supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Read([]byte(c.content), c.key, 10)
			if e, ok := errors.AsType[*totp.SeedError](err); !ok || e.Code != c.want || got != nil {
				t.Errorf("Read: %d seeds, %v, want %s", len(got), err, c.want)
			}
		})
	}
	if _, err := Read([]byte(plain), Key{}, 3); err != ErrTooMany {
		t.Errorf("4 KeyPackages of 3: %v, want %v", err, ErrTooMany)
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d='' ", i)
	}
	return b.String()
}

// Figures 2 and 5 are of HOTP and of a PIN: each of their KeyPackages says so.
func TestOtherAlgorithms(t *testing.T) {
	for name, codes := range map[string][]string{
		"rfc6030-figure2.xml": {"missing"}, "rfc6030-figure5.xml": {"pskc_not_totp", "pskc_not_totp"}, "rfc6030-figure4.xml": {"pskc_not_totp"},
	} {
		got, err := Read([]byte(file(t, name)), Key{}, 10)
		if err != nil || len(got) != len(codes) {
			t.Fatalf("%s: %d seeds, %v", name, len(got), err)
		}
		for i, s := range got {
			if s.Err == nil || s.Err.Code != codes[i] || len(s.Secret) > 0 {
				t.Errorf("%s: row %d is %v, want %s", name, i+1, s.Err, codes[i])
			}
		}
	}
}

// Any bit of what is encrypted can be changed, and it is never believed.
func TestEveryBitIsAuthenticated(t *testing.T) {
	content := forTOTP(file(t, "rfc6030-figure6.xml"))
	const value = "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv"
	for i := range value {
		for _, c := range "ABgw/+" {
			if rune(value[i]) == c {
				continue
			}
			changed := strings.Replace(content, value, value[:i]+string(c)+value[i+1:], 1)
			if got, err := Read([]byte(changed), figure6, 10); err == nil {
				t.Fatalf("changed at %d: %+v", i, got)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(names) == 0 {
		f.Fatal("no examples")
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add([]byte(forTOTP(string(b))))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := Read(content, Key{figure6.PreShared, figure7.Passphrase}, 5)
		if err != nil && got != nil || err == nil && len(got) == 0 || len(got) > 5 {
			t.Fatalf("%d seeds, %v", len(got), err)
		}
		for i, s := range got {
			if s.Row != i+1 || s.Err == nil && (s.Serial == "" || s.Algorithm == "") {
				t.Fatalf("seed %d: %+v", i, s)
			}
		}
	})
}

func TestProtected(t *testing.T) {
	for name, want := range map[string]Protection{
		"plain.xml": Unprotected, "rfc6030-figure2.xml": Unprotected, "rfc6030-figure6.xml": ByKey, "rfc6030-figure7.xml": ByPassphrase,
		"aes256-hmac-sha256.xml": ByKey, "pbkdf2-hmac-sha256.xml": ByPassphrase,
	} {
		if got := Protected([]byte(file(t, name))); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, other := range []string{"", "serial,secret,encoding", "<a><EncryptionKey/></a>", "<?xml"} {
		if got := Protected([]byte(other)); got != Unprotected {
			t.Errorf("%q: %q", other, got)
		}
	}
}
