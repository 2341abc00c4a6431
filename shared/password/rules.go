package password

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/shared/password/internal/blocklist"
)

// Rule names a rule that a new password breaks, as people's programs see it.
type Rule string

// The rules, in the order in which they are told. RuleHistory and RuleMinAge need to know earlier passwords and dates, so
// they are decided elsewhere.
const (
	RuleMinLength Rule = "min_length"
	RuleMaxLength Rule = "max_length"
	RuleLower     Rule = "lower"
	RuleUpper     Rule = "upper"
	RuleDigit     Rule = "digit"
	RuleSymbol    Rule = "symbol"
	RuleHistory   Rule = "history"
	RuleMinAge    Rule = "min_age"
	RuleCommon    Rule = "common"
	RulePersonal  Rule = "personal"
)

// Rules are what a new password must satisfy (behaviour 5). They are fully said: a MaxLength of 0 allows none.
type Rules struct {
	MinLength, MaxLength int // in Unicode code points, both inclusive

	// At least one character of the class (details 25). lower: category Ll; upper: Lu or Lt; digit: Nd; symbol: whatever
	// is no letter (L), no mark (M) and no digit (Nd), the space included.
	RequireLower, RequireUpper, RequireDigit, RequireSymbol bool

	Blocklist bool // RuleCommon and RulePersonal
}

// Check gives every rule that pw, which is normalised (see [Normalize]), breaks: none twice, in the order of the constants,
// nil if it breaks none.
//
// words are the operator's and the account's own: username, email address, names, account id. They need not be prepared:
// each also counts in its parts (an address is its mailbox and the labels of its domain), case does not matter.
// [RulePersonal] is broken if fewer than 6 characters are left once digits and words are taken out.
func (r Rules) Check(pw string, words []string) []Rule {
	var broken []Rule
	breaks := func(rule Rule, is bool) {
		if is {
			broken = append(broken, rule)
		}
	}
	length := utf8.RuneCountInString(pw)
	breaks(RuleMinLength, length < r.MinLength)
	breaks(RuleMaxLength, length > r.MaxLength)
	breaks(RuleLower, r.RequireLower && !strings.ContainsFunc(pw, unicode.IsLower))
	breaks(RuleUpper, r.RequireUpper && !strings.ContainsFunc(pw, isUpper))
	breaks(RuleDigit, r.RequireDigit && !strings.ContainsFunc(pw, unicode.IsDigit))
	breaks(RuleSymbol, r.RequireSymbol && !strings.ContainsFunc(pw, isSymbol))
	breaks(RuleCommon, r.Blocklist && blocklist.Has(pw))
	breaks(RulePersonal, r.Blocklist && remaining(pw, words) < minRemaining)
	return broken
}

func isUpper(c rune) bool { return unicode.In(c, unicode.Lu, unicode.Lt) }

func isSymbol(c rune) bool { return !unicode.In(c, unicode.L, unicode.M, unicode.Nd) }

const (
	minRemaining = 6 // characters
	// A word of two letters is in too many others: taking "li" or "de" out would refuse passphrases by chance.
	minWord = 3 // characters, digits not counted
)

// remaining counts the characters of pw once digits and words are taken out.
func remaining(pw string, words []string) int {
	pw = withoutDigits(pw)
	for _, w := range parts(words) {
		pw = strings.ReplaceAll(pw, w, "")
	}
	return utf8.RuneCountInString(pw)
}

// parts gives words and the pieces between their punctuation, as they would stand in a password without its digits: the
// longest first, so that a whole name goes before a part of it leaves the rest standing.
func parts(words []string) []string {
	var all []string
	for _, w := range words {
		w = withoutDigits(w)
		all = append(append(all, w), strings.FieldsFunc(w, isSymbol)...)
	}
	all = slices.DeleteFunc(all, func(w string) bool { return utf8.RuneCountInString(w) < minWord })
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return all
}

func withoutDigits(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsDigit(c) {
			return -1
		}
		return c
	}, blocklist.Fold(s))
}
