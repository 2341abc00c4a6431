package access

import (
	"slices"
	"strconv"
	"time"
)

// CaptchaMode says when a CAPTCHA is asked for.
type CaptchaMode string

// The CAPTCHA modes.
const (
	CaptchaOff           CaptchaMode = "off"
	CaptchaAfterFailures CaptchaMode = "after_failures"
	CaptchaAlways        CaptchaMode = "always"
)

// TOTPMode says who must use TOTP.
type TOTPMode string

// The TOTP modes.
const (
	TOTPOptional               TOTPMode = "optional"
	TOTPRequiredAdministrators TOTPMode = "required_for_administrators"
	TOTPRequired               TOTPMode = "required"
)

// ResetDelivery says what a confirmed reset leads to (behaviour 3.3, 3.4).
type ResetDelivery string

// The reset deliveries.
const (
	ResetByCode              ResetDelivery = "code"
	ResetByTemporaryPassword ResetDelivery = "temporary_password"
)

// ResetPolicy is the part of a policy about resets.
type ResetPolicy struct {
	Delivery ResetDelivery `json:"delivery"`
	Minutes  int           `json:"minutes"` // 5 to 1440
}

// Policy is the password policy of an account (behaviour 5; ranges: details 24). The JSON names are those of the API.
type Policy struct {
	MinLength              int         `json:"minLength"` // code points, 8 to 64, not above MaxLength
	MaxLength              int         `json:"maxLength"` // code points, 64 to 256
	RequireLower           bool        `json:"requireLower"`
	RequireUpper           bool        `json:"requireUpper"`
	RequireDigit           bool        `json:"requireDigit"`
	RequireSymbol          bool        `json:"requireSymbol"`
	History                int         `json:"history"`     // passwords, 0 to 24
	HistoryDays            int         `json:"historyDays"` // 0 to 3650
	MaxAgeDays             int         `json:"maxAgeDays"`  // 0 (never) to 3650
	WarnDays               []int       `json:"warnDays"`    // up to 5 of 1 to 90, falling
	MinAgeHours            int         `json:"minAgeHours"` // 0 to 720
	Blocklist              bool        `json:"blocklist"`
	Captcha                CaptchaMode `json:"captcha"`
	TOTP                   TOTPMode    `json:"totp"`
	SingleUseCode          bool        `json:"singleUseCode"`
	Reset                  ResetPolicy `json:"reset"`
	NewBrowserMail         bool        `json:"newBrowserMail"`
	TemporaryPasswordHours int         `json:"temporaryPasswordHours"` // 1 to 720
	SessionIdleMinutes     int         `json:"sessionIdleMinutes"`     // 5 to 1440, not above SessionHours
	SessionHours           int         `json:"sessionHours"`           // 1 to 720
}

// Lifetimes that no policy changes (behaviour 5).
const (
	SingleUseCodeLifetime          = 10 * time.Minute
	PendingLoginLifetime           = 5 * time.Minute
	PendingTOTPLifetime            = 15 * time.Minute
	ReplacementLifetime            = 15 * time.Minute // the prompt for a new password after a reset
	ResetTemporaryPasswordLifetime = 60 * time.Minute
	BrowserLifetime                = 400 * 24 * time.Hour // how long a browser stays known
)

// DefaultPolicy is the preset nist-800-63b-4: NIST SP 800-63B-4, section 3.1.1.2: length, a blocklist, no composition
// rules and no expiry.
func DefaultPolicy() Policy {
	return Policy{
		MinLength: 15, MaxLength: 256, WarnDays: []int{14, 3, 1}, Blocklist: true,
		Captcha: CaptchaAfterFailures, TOTP: TOTPOptional, SingleUseCode: true,
		Reset: ResetPolicy{Delivery: ResetByCode, Minutes: 30}, NewBrowserMail: true,
		TemporaryPasswordHours: 72, SessionIdleMinutes: 30, SessionHours: 12,
	}
}

// DefaultPreset is the name of the preset that new accounts get.
const DefaultPreset = "nist-800-63b-4"

// PolicyPresets gives the named policies that administrators may start from.
func PolicyPresets() map[string]Policy {
	// PCI DSS v4.0.1, 8.3.6 (12 characters, letters and digits), 8.3.7 (the last four), 8.3.9 (90 days), 8.2.8 (15 minutes idle).
	pci := DefaultPolicy()
	pci.MinLength, pci.RequireLower, pci.RequireDigit = 12, true, true
	pci.History, pci.MaxAgeDays, pci.SessionIdleMinutes = 4, 90, 15

	classic := DefaultPolicy()
	classic.MinLength = 8
	classic.RequireLower, classic.RequireUpper, classic.RequireDigit, classic.RequireSymbol = true, true, true, true
	classic.History, classic.MaxAgeDays, classic.MinAgeHours = 5, 90, 24

	return map[string]Policy{DefaultPreset: DefaultPolicy(), "pci-dss-4": pci, "classic": classic}
}

// check lists the fields that are out of their range (details 24), named as in the API.
func (p Policy) check() []FieldError {
	var bad []FieldError
	within := func(field string, v, low, high int) {
		if v < low || v > high {
			bad = append(bad, FieldError{field, "out_of_range", map[string]string{"min": strconv.Itoa(low), "max": strconv.Itoa(high)}})
		}
	}
	one := func(field, v string, of ...string) {
		if !slices.Contains(of, v) {
			bad = append(bad, FieldError{Field: field, Code: "unknown_value"})
		}
	}
	within("minLength", p.MinLength, 8, 64)
	within("maxLength", p.MaxLength, 64, 256)
	within("history", p.History, 0, 24)
	within("historyDays", p.HistoryDays, 0, 3650)
	within("maxAgeDays", p.MaxAgeDays, 0, 3650)
	within("minAgeHours", p.MinAgeHours, 0, 720)
	within("temporaryPasswordHours", p.TemporaryPasswordHours, 1, 720)
	within("reset.minutes", p.Reset.Minutes, 5, 1440)
	within("sessionHours", p.SessionHours, 1, 720)
	idle := 1440 // and not above the absolute lifetime, if that is one
	if p.SessionHours >= 1 {
		idle = min(idle, p.SessionHours*60)
	}
	within("sessionIdleMinutes", p.SessionIdleMinutes, 5, idle)
	if len(p.WarnDays) > 5 {
		bad = append(bad, FieldError{"warnDays", "too_many", map[string]string{"max": "5"}})
	}
	for i, d := range p.WarnDays {
		if d < 1 || d > 90 {
			within("warnDays", d, 1, 90)
			break
		}
		if i > 0 && d >= p.WarnDays[i-1] {
			bad = append(bad, FieldError{Field: "warnDays", Code: "not_falling"})
			break
		}
	}
	one("captcha", string(p.Captcha), string(CaptchaOff), string(CaptchaAfterFailures), string(CaptchaAlways))
	one("totp", string(p.TOTP), string(TOTPOptional), string(TOTPRequiredAdministrators), string(TOTPRequired))
	one("reset.delivery", string(p.Reset.Delivery), string(ResetByCode), string(ResetByTemporaryPassword))
	return bad
}

// requiresTOTP reports whether an operator of that role must have TOTP.
func (p Policy) requiresTOTP(r Role) bool {
	return p.TOTP == TOTPRequired || p.TOTP == TOTPRequiredAdministrators && r == RoleAdministrator
}

// sessionLifetime is the absolute lifetime of a session; sessionIdle how long it lives unused.
func (p Policy) sessionLifetime() time.Duration { return time.Duration(p.SessionHours) * time.Hour }
func (p Policy) sessionIdle() time.Duration {
	return time.Duration(p.SessionIdleMinutes) * time.Minute
}
