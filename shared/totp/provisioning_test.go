package totp

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"pgregory.net/rapid"
)

func TestBase32(t *testing.T) {
	if got, want := Base32(seed(20)), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"; got != want {
		t.Errorf("Base32: got %s, want %s", got, want)
	}
	if got, want := Base32(seed(16)), "GEZDGNBVGY3TQOJQGEZDGNBVGY"; got != want {
		t.Errorf("Base32 of 16 bytes: got %s, want %s, without padding", got, want)
	}
	for typed, want := range map[string]string{
		"GEZDGNBVGY3TQOJQ": "1234567890", "gezd gnbv gy3t qojq": "1234567890", "GEZDG===": "123", "GEZDG": "123", "": "",
	} {
		if got, err := ParseBase32(typed); err != nil || string(got) != want {
			t.Errorf("ParseBase32(%q): got %q, %v, want %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{"GEZDG1BV", "GE=ZDG", "geзd", "GEZDG-BV", "G", "GEZ", "GEZDGN", "GEZDGNBVG"} {
		if got, err := ParseBase32(typed); err == nil || strings.Contains(err.Error(), typed) && len(typed) > 1 {
			t.Errorf("ParseBase32(%q): got %q, %v, want an error without it", typed, got, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "secret")
		if got, err := ParseBase32(Base32(secret)); err != nil || !bytes.Equal(got, secret) {
			t.Fatalf("ParseBase32(Base32(%x)): got %x, %v", secret, got, err)
		}
	})
}

func TestURI(t *testing.T) {
	c := Credential{Secret: seed(20), Period: 60 * time.Second, Digits: 6}
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for _, v := range []struct {
		name, issuer, label string
		c                   Credential
		want                string
	}{
		{"plain", "Acme", "alice", c,
			"otpauth://totp/Acme:alice?secret=" + secret + "&issuer=Acme&algorithm=SHA1&digits=6&period=60"},
		{"spaces and an address", "Acme Portal", "alice@acme.example", c,
			"otpauth://totp/Acme%20Portal:alice%40acme.example?secret=" + secret +
				"&issuer=Acme%20Portal&algorithm=SHA1&digits=6&period=60"},
		{"signs", `A&B/C?D#E+F%G="H"`, "a+b&c", c,
			"otpauth://totp/A%26B%2FC%3FD%23E%2BF%25G%3D%22H%22:a%2Bb%26c?secret=" + secret +
				"&issuer=A%26B%2FC%3FD%23E%2BF%25G%3D%22H%22&algorithm=SHA1&digits=6&period=60"},
		{"colons", "Acme: Staff", ":alice:", c,
			"otpauth://totp/Acme%20Staff:alice?secret=" + secret + "&issuer=Acme%20Staff&algorithm=SHA1&digits=6&period=60"},
		{"other scripts", "Bücher", "李", c,
			"otpauth://totp/B%C3%BCcher:%E6%9D%8E?secret=" + secret + "&issuer=B%C3%BCcher&algorithm=SHA1&digits=6&period=60"},
		{"no issuer", " : ", "alice", c,
			"otpauth://totp/alice?secret=" + secret + "&algorithm=SHA1&digits=6&period=60"},
		{"a token", "Acme", "alice", Credential{Secret: seed(20), Period: 30 * time.Second, Digits: 8, Algorithm: SHA512},
			"otpauth://totp/Acme:alice?secret=" + secret + "&issuer=Acme&algorithm=SHA512&digits=8&period=30"},
	} {
		if got := URI(v.issuer, v.label, v.c); got != v.want {
			t.Errorf("URI of %s:\n got %s\nwant %s", v.name, got, v.want)
		}
	}
}

// What an app reads is what was meant.
func TestURIIsUnderstood(t *testing.T) {
	signs := rapid.RuneFrom([]rune("aä :/?#[]@!$&'()*+,;=%\"\n李"))
	text := rapid.OneOf(rapid.StringN(1, 40, -1), rapid.StringOfN(signs, 1, 20, -1))
	folded := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, ":", " ")), " ") }
	rapid.Check(t, func(t *rapid.T) {
		issuer, label := "A"+text.Draw(t, "issuer"), "a"+text.Draw(t, "label")
		c := Credential{Secret: seed(20), Period: 60 * time.Second, Digits: 6, Algorithm: SHA256}
		uri := URI(issuer, label, c)
		if !regexp.MustCompile(`^otpauth://totp/[\w.~%-]+:[\w.~%-]+\?[\w.~%=&-]+$`).MatchString(uri) {
			t.Fatalf("URI: got %s, with something unescaped", uri)
		}
		key, err := otp.NewKeyFromURL(uri)
		if err != nil {
			t.Fatalf("read %s: %v", uri, err)
		}
		if key.Type() != "totp" || key.Issuer() != folded(issuer) || key.AccountName() != folded(label) ||
			key.Secret() != Base32(c.Secret) || key.Period() != 60 || key.Digits() != 6 ||
			key.Algorithm() != otp.AlgorithmSHA256 {
			t.Fatalf("read %s: got %q, %q, want %q, %q", uri, key.Issuer(), key.AccountName(), issuer, label)
		}
		u, err := url.Parse(uri)
		if err != nil || len(u.Query()) != 5 || u.Path != "/"+folded(issuer)+":"+folded(label) {
			t.Fatalf("parse %s: got %q, %v, %v", uri, u.Path, u.Query(), err)
		}
	})
}

// The picture, drawn again from the SVG's text, is the code that the library made, in its quiet zone.
func TestQRDrawsTheCode(t *testing.T) {
	for _, uri := range []string{
		"",
		URI("Acme", "alice", Credential{Secret: seed(20), Period: 60 * time.Second, Digits: 6}),
		strings.Repeat("x", 2000),
	} {
		svg, err := QR(uri)
		if err != nil {
			t.Fatalf("QR: %v", err)
		}
		want, err := qr.Encode(uri, qr.M, qr.Auto)
		if err != nil {
			t.Fatal(err)
		}
		size := want.Bounds().Dx()
		full := size + 8
		if box := fmt.Sprintf(`viewBox="0 0 %d %d"`, full, full); !strings.Contains(svg, box) {
			t.Errorf("QR: got %.200s, want %s", svg, box)
		}
		if white := fmt.Sprintf(`<rect width="%d" height="%d" fill="#fff"/>`, full, full); !strings.Contains(svg, white) {
			t.Errorf("QR: got %.200s, want %s", svg, white)
		}
		drawn := draw(t, svg, full)
		for y := range full {
			for x := range full {
				dark := false
				if x >= 4 && x < size+4 && y >= 4 && y < size+4 {
					r, _, _, _ := want.At(x-4, y-4).RGBA()
					dark = r < 0x8000
				}
				if drawn[y][x] != dark {
					t.Fatalf("QR of %.20q: module %d, %d: got dark %v, want %v", uri, x, y, drawn[y][x], dark)
				}
			}
		}
	}
}

// draw fills the rectangles of the one path and checks that runs are joined: no two in a row touch.
func draw(t *testing.T, svg string, full int) [][]bool {
	t.Helper()
	paths := regexp.MustCompile(`<path fill="#000" d="([^"]*)"/>`).FindAllStringSubmatch(svg, -1)
	if len(paths) != 1 || strings.Count(svg, "<path") != 1 {
		t.Fatalf("QR: got %d paths, want 1", strings.Count(svg, "<path"))
	}
	drawn := make([][]bool, full)
	for y := range drawn {
		drawn[y] = make([]bool, full)
	}
	rest := paths[0][1]
	for rest != "" {
		one, after, ok := strings.Cut(rest, "z")
		var x, y, run, back int
		n, err := fmt.Sscanf(one, "M%d %dh%dv1h-%d", &x, &y, &run, &back)
		if !ok || n != 4 || err != nil || run < 1 || run != back {
			t.Fatalf("QR: got %q in the path", one)
		}
		if drawn[y][x-1] || drawn[y][x+run] {
			t.Fatalf("QR: the run of %d at %d, %d touches another", run, x, y)
		}
		for i := range run {
			drawn[y][x+i] = true
		}
		rest = after
	}
	return drawn
}

// The element may stand in a page under a strict policy, and says what it is.
func TestQRIsFitForPages(t *testing.T) {
	svg, err := QR("otpauth://totp/x")
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(svg))
	elements := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("QR is no XML: %v", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		elements++
		attributes := map[string]string{}
		for _, a := range start.Attr {
			attributes[a.Name.Local] = a.Value
			if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "url(") {
				t.Errorf("QR: %s has the attribute %s", start.Name.Local, a.Name.Local)
			}
		}
		if start.Name.Local == "svg" && (attributes["role"] != "img" || attributes["aria-label"] == "") {
			t.Errorf("QR: got %v, want a picture with a label", start)
		}
	}
	if elements != 3 {
		t.Errorf("QR: got %d elements, want svg, rect, path", elements)
	}
}

func TestQRTooLong(t *testing.T) {
	if svg, err := QR(strings.Repeat("x", 2331)); err != nil || svg == "" {
		t.Errorf("QR of 2,331 bytes: %v", err)
	}
	if svg, err := QR(strings.Repeat("x", 2332)); err == nil || svg != "" || strings.Contains(err.Error(), "xxx") {
		t.Errorf("QR of 2,332 bytes: got %d bytes, %v, want an error", len(svg), err)
	}
}
