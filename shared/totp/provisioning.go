package totp

import (
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
)

var withoutPadding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Base32 writes a secret as apps take it typed (RFC 4648, section 6), in capital letters, without padding.
func Base32(secret []byte) string { return withoutPadding.EncodeToString(secret) }

// ParseBase32 reads what Base32 writes; case, white space and padding do not matter. The error does not show s.
func ParseBase32(s string) ([]byte, error) {
	s = strings.ToUpper(strings.TrimRight(Clean(s), "="))
	switch len(s) % 8 {
	case 1, 3, 6: // no number of bytes is that long; the library would drop the rest
		return nil, errors.New("secret is not base32: a character is missing")
	}
	raw, err := withoutPadding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("secret is not base32: %w", err)
	}
	return raw, nil
}

// URI is what apps read from a QR code, in the form that Google Authenticator defined
// (https://github.com/google/google-authenticator/wiki/Key-Uri-Format). The app shows issuer and label, which is the
// operator's name there. It holds the secret.
//
// The form has no way to write a colon in either, so a space takes its place; all else but letters and digits is
// percent-encoded, a space too: apps show the + of form encoding as it is.
func URI(issuer, label string, c Credential) string {
	name := escape(label)
	query := "secret=" + Base32(c.Secret)
	if i := escape(issuer); i != "" { // twice: older apps know the prefix, newer ones the parameter
		name = i + ":" + name
		query += "&issuer=" + i
	}
	algorithm := c.Algorithm
	if algorithm == "" {
		algorithm = SHA1
	}
	return "otpauth://totp/" + name + "?" + query + "&algorithm=" + string(algorithm) +
		"&digits=" + strconv.Itoa(c.Digits) + "&period=" + strconv.Itoa(int(c.Period/time.Second))
}

func escape(s string) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(s, ":", " ")), " ")
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// quietZone is how many light modules surround a QR code, for cameras to find it (ISO/IEC 18004).
const quietZone = 4

// QR draws uri as an SVG element to stand in a page: black on its own white, so that dark pages do not invert it;
// without style or script, so that a strict Content-Security-Policy lets it pass. It has no size of its own and fills
// the width that it is given. All dark modules are one path, each run of them in a row one rectangle. It holds the
// secret as uri does.
//
// An error means that uri is too long for a QR code: more than 2,331 bytes.
func QR(uri string) (svg string, err error) {
	code, err := qr.Encode(uri, qr.M, qr.Auto)
	if err != nil {
		return "", errors.New("encode QR code: too long") // the library's error shows uri, and so the secret
	}
	size := code.Bounds().Dx()
	dark := func(x, y int) bool {
		r, _, _, _ := code.At(x, y).RGBA()
		return r == 0
	}
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			from := x
			for x < size && dark(x, y) {
				x++
			}
			if run := x - from; run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, run, run)
			}
		}
	}
	full := size + 2*quietZone
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="QR code" `+
		`shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="%s"/></svg>`,
		full, full, full, full, path.String()), nil
}
