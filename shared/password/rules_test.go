package password

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Defaults of behaviour 5.
var standard = Rules{MinLength: 15, MaxLength: 256, Blocklist: true}

var aliceWords = []string{"alice.smith42", "alice@example.com", "Alice", "Smith-Jones", "ACME-1001", "Acme Widgets"}

func TestCheck(t *testing.T) {
	all := Rules{MinLength: 8, MaxLength: 64, RequireLower: true, RequireUpper: true, RequireDigit: true, RequireSymbol: true}
	for _, c := range []struct {
		name  string
		rules Rules
		pw    string
		want  []Rule
	}{
		{"passphrase", standard, "correct horse battery staple", nil},
		{"length counts code points", standard, strings.Repeat("ä", 7) + "ößüéèêëñ", nil},
		{"one too short", standard, "correct horse!", []Rule{RuleMinLength}},
		{"just long enough", standard, "correct horse!!", nil},
		{"as long as may be", Rules{MaxLength: 64}, strings.Repeat("ñ", 64), nil},
		{"one too long", Rules{MaxLength: 64}, strings.Repeat("ñ", 65), []Rule{RuleMaxLength}},

		{"everything is told at once", all, "", []Rule{RuleMinLength, RuleLower, RuleUpper, RuleDigit, RuleSymbol}},
		{"all classes", all, "aB3 aB3 aB3", nil},
		{"titlecase is upper", all, "ǅabc 3333", nil},
		{"modifier letters are neither lower nor symbols", all, "ʰʰʰʰʰʰʰA3", []Rule{RuleLower, RuleSymbol}},
		{"marks are not symbols", all, "aaaaaB3x̣", []Rule{RuleSymbol}},
		{"digits of any script, other numbers are symbols", all, "aaaaaaB٣²", nil},

		{"common", standard, "Password1234567!", []Rule{RuleCommon}},
		{"common and made of digits", standard, "123456789012345", []Rule{RuleCommon, RulePersonal}},
		{"no blocklist, no personal", Rules{MinLength: 15, MaxLength: 256}, "alice.smith42alice.smith42", nil},

		{"username and digits", standard, "Alice.Smith-2026-1987", []Rule{RulePersonal}},
		{"names and a little", standard, "ALICEsmithJONES!!!!!", []Rule{RulePersonal}},
		{"six characters left", standard, "ALICEsmithJONES!!!!!!", nil},
		{"account", standard, "acme-1001widgets", []Rule{RulePersonal}},
		{"mail domain", standard, "alice@example.com1", []Rule{RulePersonal}},
		{"passphrase that holds the username", standard, "alice.smith42 walks in the rain", nil},
	} {
		if got := c.rules.Check(c.pw, aliceWords); !slices.Equal(got, c.want) {
			t.Errorf("%s: Check(%q): got %v, want %v", c.name, c.pw, got, c.want)
		}
	}
}

// A name of two letters would take something out of most passphrases.
func TestCheckIgnoresShortWords(t *testing.T) {
	words := []string{"", "7", "Li", "li99", "e"}
	if got := standard.Check("the light of seven lilies", words); got != nil {
		t.Errorf("Check with short words: got %v, want none", got)
	}
	if got := remaining("seelilieve", words); got != 10 {
		t.Errorf("remaining with short words: got %d, want 10", got)
	}
}

// Names beyond ASCII, as they are typed: in another case, or composed otherwise.
func TestCheckFoldsWords(t *testing.T) {
	for _, pw := range []string{"ØYSTEINøystein1234", "Oystein-is-not-Øystein"} {
		got := standard.Check(pw, []string{"øystein"})
		if want := pw[:2] == "Ø"; slices.Contains(got, RulePersonal) != want {
			t.Errorf("Check(%q): got %v, want personal: %v", pw, got, want)
		}
	}
	if got := standard.Check("ZOËzoëzoëzoëzoë", []string{"zoe\u0308"}); !slices.Contains(got, RulePersonal) {
		t.Errorf("Check with a decomposed word: got %v, want personal", got)
	}
}

func TestCheckProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rules{
			MinLength: rapid.IntRange(0, 20).Draw(t, "min"), MaxLength: rapid.IntRange(20, 40).Draw(t, "max"),
			RequireLower: rapid.Bool().Draw(t, "lower"), RequireUpper: rapid.Bool().Draw(t, "upper"),
			RequireDigit: rapid.Bool().Draw(t, "digit"), RequireSymbol: rapid.Bool().Draw(t, "symbol"),
			Blocklist: rapid.Bool().Draw(t, "blocklist"),
		}
		pw := rapid.String().Draw(t, "password")
		words := rapid.SliceOf(rapid.String()).Draw(t, "words")
		got := r.Check(pw, words)

		order := []Rule{RuleMinLength, RuleMaxLength, RuleLower, RuleUpper, RuleDigit, RuleSymbol, RuleCommon, RulePersonal}
		at := -1
		for _, rule := range got {
			i := slices.Index(order, rule)
			if i <= at {
				t.Fatalf("Check: got %v, want each once and in order", got)
			}
			at = i
		}
		n := utf8.RuneCountInString(pw)
		if slices.Contains(got, RuleMinLength) != (n < r.MinLength) || slices.Contains(got, RuleMaxLength) != (n > r.MaxLength) {
			t.Fatalf("Check of %d characters with %d to %d: got %v", n, r.MinLength, r.MaxLength, got)
		}
		if more := r.Check(pw, append(words, pw)); r.Blocklist && !slices.Contains(more, RulePersonal) && len(parts([]string{pw})) > 0 {
			t.Fatalf("Check of a password that is itself a word: got %v, want personal", more)
		}
	})
}
