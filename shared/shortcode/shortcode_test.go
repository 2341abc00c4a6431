package shortcode

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

var (
	codeForm      = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{10}$`)
	temporaryForm = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$`)
)

func TestAlphabetIsCrockfords(t *testing.T) {
	const want = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	if alphabet != want || strings.ContainsAny(alphabet, "ILOU") {
		t.Errorf("alphabet: got %s, want %s", alphabet, want)
	}
}

func TestFromBytes(t *testing.T) {
	for _, c := range []struct {
		b    []byte
		want string
	}{
		{make([]byte, 7), "0000000000"},
		{bytes.Repeat([]byte{0xff}, 7), "ZZZZZZZZZZ"},
		{[]byte{0b00001_000, 0b10_00011_0, 0b0100_0010, 0b1_00110_00, 0b111_01000, 0b01001_010, 0b10_111111}, "123456789A"},
		{[]byte{0, 0, 0, 0, 0, 0, 0b00_111111, 0xff}, "0000000000"}, // the 51st bit and those after it do not count
	} {
		if got := FromBytes(c.b); got != c.want {
			t.Errorf("FromBytes(%08b): got %s, want %s", c.b, got, c.want)
		}
	}
}

func TestFromBytesPanicsRatherThanBeWeak(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("FromBytes of 6 bytes: no panic")
		}
	}()
	FromBytes(make([]byte, 6))
}

// The library's base32, with Crockford's alphabet, is the other opinion.
func TestEncodeIsBase32(t *testing.T) {
	reference := base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 10, 40).Draw(t, "bytes")
		if got, want := FromBytes(b), reference.EncodeToString(b)[:Length]; got != want {
			t.Fatalf("FromBytes(%x): got %s, want %s", b, got, want)
		}
		got, err := NewTemporary(bytes.NewReader(b))
		if want := reference.EncodeToString(b[:10]); err != nil || strings.ReplaceAll(got, "-", "") != want {
			t.Fatalf("NewTemporary of %x: got %s, %v, want %s", b, got, err, want)
		}
	})
}

// Each place of a code takes each character 1/32 of the time. With 32,000 codes a character is expected 1,000 times in
// a place, with a deviation of 31; six deviations are seen once in 10^9.
func TestCodesAreUnbiased(t *testing.T) {
	var seen [Length]map[byte]int
	for i := range seen {
		seen[i] = map[byte]int{}
	}
	b := make([]byte, 7)
	for range 32_000 {
		if _, err := rand.Read(b); err != nil {
			t.Fatal(err)
		}
		for i, c := range []byte(FromBytes(b)) {
			seen[i][c]++
		}
	}
	for place := range seen {
		for _, c := range []byte(alphabet) {
			if n := seen[place][c]; n < 1000-6*31 || n > 1000+6*31 {
				t.Errorf("%c in place %d: %d times of 32,000, want about 1,000", c, place, n)
			}
		}
	}
}

func TestFormat(t *testing.T) {
	for in, want := range map[string]string{"ABCDEFGHJK": "ABCDE-FGHJK", "": "", "ABC": "ABC", "ABCDE-FGHJK": "ABCDE-FGHJK"} {
		if got := Format(in); got != want {
			t.Errorf("Format(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, typed, want string // want "": not a code
	}{
		{"as mailed", "ABCDE-FGHJK", "ABCDEFGHJK"},
		{"without hyphen", "ABCDEFGHJK", "ABCDEFGHJK"},
		{"small letters", "abcde-fghjk", "ABCDEFGHJK"},
		{"mixed", "aBcDe-FgHjK", "ABCDEFGHJK"},
		{"spaces around", "  ABCDE-FGHJK\t\r\n", "ABCDEFGHJK"},
		{"spaces inside", "A B C D E F G H J K", "ABCDEFGHJK"},
		{"hyphens anywhere", "--A-BC-DE-FGH-JK-", "ABCDEFGHJK"},
		{"no-break spaces", "\u00a0ABCDE\u202fFGHJK\u2007", "ABCDEFGHJK"},
		{"wide space", "ABCDE\u3000FGHJK", "ABCDEFGHJK"},
		{"hyphens of mail programs", "AB\u2010CD\u2011E\u2013F\u2014G\u2212H\u00adJK\ufe63", "ABCDEFGHJK"},
		{"O as zero", "OoOoO-0oOoO", "0000000000"},
		{"I and L as one", "IiLl1-1LlIi", "1111111111"},
		{"all the rest", "23456-789mn", "23456789MN"},
		{"pqrst", "pqrst-vwxyz", "PQRSTVWXYZ"},
		{"U is in no code", "UUUUU-UUUUU", ""},
		{"small u", "ABCDE-FGHJu", ""},
		{"nothing", "", ""},
		{"hyphens alone", "----------", ""},
		{"spaces alone", "          ", ""},
		{"nine", "ABCDE-FGHJ", ""},
		{"eleven", "ABCDE-FGHJKM", ""},
		{"twice", "ABCDE-FGHJK ABCDE-FGHJK", ""},
		{"other sign", "ABCDE_FGHJK", ""},
		{"other sign instead", "ABCDE-FGHJ!", ""},
		{"full-width letters", "ＡＢＣＤＥ-ＦＧＨＪＫ", ""},
		{"look-alike letter", "АBCDE-FGHJK", ""}, // a Cyrillic A
		{"dotless i", "ABCDE-FGHJı", ""},
		{"Kelvin sign", "ABCDE-FGHJ\u212a", ""},
		{"long s", "ABCDE-FGHJſ", ""},
		{"Arabic digits", "٠١٢٣٤-٥٦٧٨٩", ""},
		{"zero byte", "ABCDE\x00FGHJK", ""},
		{"not UTF-8", "ABCDE\xffFGHJK", ""},
		{"a byte beyond ASCII", "ABCDEFGHJ\xcb", ""},
		{"a temporary password", "ABCD-EFGH-JKMN-PQRS", ""},
	} {
		got, ok := Parse(c.typed)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("Parse of %s, %q: got %q, %v, want %q", c.name, c.typed, got, ok, c.want)
		}
	}
}

func TestParseTemporary(t *testing.T) {
	for typed, want := range map[string]string{
		"ABCD-EFGH-JKMN-PQRS":          "ABCD-EFGH-JKMN-PQRS",
		"abcdefghjkmnpqrs":             "ABCD-EFGH-JKMN-PQRS",
		" abcd efgh\u00a0jkmn\tpqrs\n": "ABCD-EFGH-JKMN-PQRS",
		"oOiI-lLoO-0000-1111":          "0011-1100-0000-1111",
		"ABCD-EFGH-JKMN-PQR":           "",
		"ABCD-EFGH-JKMN-PQRST":         "",
		"ABCD-EFGH-JKMN-PQRU":          "",
		"ABCDE-FGHJK":                  "",
		"":                             "",
	} {
		got, ok := ParseTemporary(typed)
		if got != want || ok != (want != "") {
			t.Errorf("ParseTemporary(%q): got %q, %v, want %q", typed, got, ok, want)
		}
	}
}

func TestNewTemporary(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		got, err := NewTemporary(rand.Reader)
		if err != nil || !temporaryForm.MatchString(got) || seen[got] {
			t.Fatalf("NewTemporary: got %q, %v, want a new one of the form %s", got, err, temporaryForm)
		}
		seen[got] = true
	}
	if got, err := NewTemporary(iotest.ErrReader(io.ErrClosedPipe)); got != "" || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("NewTemporary without randomness: got %q, %v, want %v", got, err, io.ErrClosedPipe)
	}
	if got, err := NewTemporary(strings.NewReader("too few")); got != "" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("NewTemporary with 7 bytes: got %q, %v, want %v", got, err, io.ErrUnexpectedEOF)
	}
}

// However people type what they were shown, it is read as what it was.
func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(t, "bytes")
		code := FromBytes(b)
		if !codeForm.MatchString(code) {
			t.Fatalf("FromBytes: got %q, want the form %s", code, codeForm)
		}
		if got, ok := Parse(carelessly(t, Format(code))); !ok || got != code {
			t.Fatalf("Parse: got %q, %v, want %q", got, ok, code)
		}
		temporary, err := NewTemporary(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := ParseTemporary(carelessly(t, temporary)); !ok || got != temporary {
			t.Fatalf("ParseTemporary: got %q, %v, want %q", got, ok, temporary)
		}
	})
}

// carelessly types shown as people may.
func carelessly(t *rapid.T, shown string) string {
	likes := map[rune][]string{'0': {"0", "O", "o"}, '1': {"1", "I", "i", "L", "l"}, '-': {"-", "", " ", "\u2011", " - "}}
	between := rapid.SampledFrom([]string{"", "", "", "", " ", "-", "\t", "\u00a0", "\u2013", "\u00ad"})
	var typed strings.Builder
	for _, r := range shown {
		ways, ok := likes[r]
		if !ok {
			ways = []string{string(r), strings.ToLower(string(r))}
		}
		typed.WriteString(between.Draw(t, "between") + rapid.SampledFrom(ways).Draw(t, "character"))
	}
	return typed.String()
}

// Codes that differ in one character only are never read as one.
func TestDifferentCodesStayDifferent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		character := rapid.SampledFrom([]byte(alphabet))
		a := rapid.SliceOfN(character, Length, Length).Draw(t, "code")
		b := append([]byte(nil), a...)
		b[rapid.IntRange(0, Length-1).Draw(t, "place")] = character.Draw(t, "instead")
		gotA, okA := Parse(string(a))
		gotB, okB := Parse(string(b))
		if !okA || !okB || (gotA == gotB) != bytes.Equal(a, b) {
			t.Fatalf("Parse: got %q, %v of %s, and %q, %v of %s", gotA, okA, a, gotB, okB, b)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"ABCDE-FGHJK", "oil00-oil11", "ABCD-EFGH-JKMN-PQRS", "\xff", "\u00a0\u2011", "UUUUUUUUUU", strings.Repeat("-", 9000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := Parse(typed)
		if ok != codeForm.MatchString(code) || !ok && code != "" {
			t.Errorf("Parse(%q): got %q, %v", typed, code, ok)
		}
		temporary, isTemporary := ParseTemporary(typed)
		if isTemporary != temporaryForm.MatchString(temporary) || !isTemporary && temporary != "" {
			t.Errorf("ParseTemporary(%q): got %q, %v", typed, temporary, isTemporary)
		}
		if ok && isTemporary {
			t.Errorf("%q: both a code and a temporary password", typed)
		}
		if again, ok2 := Parse(Format(code)); ok && (!ok2 || again != code) {
			t.Errorf("Parse(Format(%q)): got %q, %v", code, again, ok2)
		}
		if again, ok2 := ParseTemporary(temporary); isTemporary && (!ok2 || again != temporary) {
			t.Errorf("ParseTemporary(%q): got %q, %v", temporary, again, ok2)
		}
	})
}
