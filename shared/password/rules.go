package password

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
