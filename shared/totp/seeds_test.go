package totp_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"postern/shared/csvfile"
	"postern/shared/totp"
)

func TestReadSeeds(t *testing.T) {
	secret := []byte("12345678901234567890")
	const hex, b32 = "3132333435363738393031323334353637383930", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	rows := []struct {
		name, row string
		want      totp.Seed
		code      string // of the row's error, with its field
	}{
		{"all columns", "A-1," + hex + ",hex,8,30,SHA256", totp.Seed{Serial: "A-1", Digits: 8, Period: 30, Algorithm: totp.SHA256}, ""},
		{"base32", "A-2," + b32 + ",base32,,,", totp.Seed{Serial: "A-2", Digits: 6, Period: 60, Algorithm: totp.SHA1}, ""},
		{"as makers print it", `" A-3 ",gezd gnbv-gy3t qojq gezd gnbv gy3t qojq,BASE32,7,60,sha512`, totp.Seed{Serial: "A-3", Digits: 7, Period: 60, Algorithm: totp.SHA512}, ""},
		{"columns left away", "A-4," + strings.ToUpper(hex) + ",hex", totp.Seed{Serial: "A-4", Digits: 6, Period: 60, Algorithm: totp.SHA1}, ""},
		{"no serial", "," + hex + ",hex,,,", totp.Seed{}, "serial missing"},
		{"no secret", "A-5,,hex,,,", totp.Seed{}, "secret missing"},
		{"no encoding", "A-5," + hex + ",,,,", totp.Seed{}, "encoding missing"},
		{"unknown encoding", "A-5," + hex + ",base64,,,", totp.Seed{}, "encoding unknown_value"},
		{"half a byte", "A-5," + hex[1:] + ",hex,,,", totp.Seed{}, "secret not_hex"},
		{"hex as base32", "A-5," + hex + ",base32,,,", totp.Seed{}, "secret not_base32"},
		{"letters missing", "A-5," + b32[2:] + ",base32,,,", totp.Seed{}, "secret not_base32"},
		{"digits in words", "A-5," + hex + ",hex,six,,", totp.Seed{}, "digits not_a_number"},
		{"period in words", "A-5," + hex + ",hex,6,1m,", totp.Seed{}, "period not_a_number"},
		{"more cells", "A-5," + hex + ",hex,6,60,SHA1,x", totp.Seed{}, " csv_cell_without_column"},
		{"a cell too long", "A-5," + strings.Repeat("ab", 300) + ",hex,6,60,SHA1", totp.Seed{}, "secret too_long"},
	}
	var content strings.Builder
	content.WriteString("serial,secret,encoding,digits,period,algorithm\n")
	for _, r := range rows {
		content.WriteString(r.row + "\n")
	}
	got, err := totp.ReadSeeds([]byte(content.String()), 100)
	if err != nil || len(got) != len(rows) {
		t.Fatalf("ReadSeeds: %d seeds, %v", len(got), err)
	}
	for i, r := range rows {
		s := got[i]
		if s.Row != i+1 {
			t.Errorf("%s: row %d, want %d", r.name, s.Row, i+1)
		}
		if r.code != "" {
			if s.Err == nil || s.Err.Field+" "+s.Err.Code != r.code || len(s.Secret) > 0 {
				t.Errorf("%s: %v, want %s", r.name, s.Err, r.code)
			}
			continue
		}
		if s.Err != nil || s.Serial != r.want.Serial || !bytes.Equal(s.Secret, secret) || s.Digits != r.want.Digits || s.Period != r.want.Period ||
			s.Algorithm != r.want.Algorithm {
			t.Errorf("%s: %+v, %v, want %+v", r.name, s, s.Err, r.want)
		}
	}
	if _, err := totp.ReadSeeds([]byte(content.String()), 3); !errors.Is(err, csvfile.ErrTooManyRows) {
		t.Errorf("too many rows: %v", err)
	}
	if _, err := totp.ReadSeeds([]byte("serial,secret\n"), 3); err == nil {
		t.Error("without the column encoding: no error")
	}
}
