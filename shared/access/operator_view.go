package access

import "time"

// OperatorView is O of the API: an operator as administrators see them.
type OperatorView struct {
	OperatorID  string           `json:"operatorId"`
	Username    string           `json:"username"`
	Email       string           `json:"email"`
	FirstName   string           `json:"firstName"`
	LastName    string           `json:"lastName"`
	Role        Role             `json:"role"`
	State       OperatorState    `json:"state"`
	CreatedAt   time.Time        `json:"createdAt"`
	LastLoginAt *time.Time       `json:"lastLoginAt"`
	Password    PasswordView     `json:"password"`
	TOTP        OperatorTOTPView `json:"totp"`
	Mail        MailView         `json:"mail"`
}

// OperatorTOTPView is what administrators see of a second factor.
type OperatorTOTPView struct {
	Enabled bool   `json:"enabled"`
	Source  string `json:"source,omitempty"`
	Serial  string `json:"serial,omitempty"` // of the hardware token; if not Enabled, it waits for its first code
	Blocked bool   `json:"blocked,omitempty"`
}

// state is how filters and exports call it.
func (v OperatorTOTPView) state() string {
	switch {
	case v.Blocked:
		return "blocked"
	case v.Enabled:
		return "enabled"
	}
	return "disabled"
}

// MailView is whether mail reaches the operator: "ok", "bounced" or "complained".
type MailView struct {
	Status string `json:"status"`
}

// TOTPView is what operators see of their own second factor.
type TOTPView struct {
	Enabled bool   `json:"enabled"`
	Period  int    `json:"period,omitempty"` // seconds
	Digits  int    `json:"digits,omitempty"`
	Source  string `json:"source,omitempty"` // "app" or "hardware"
	Serial  string `json:"serial,omitempty"` // of the hardware token; if not Enabled, it waits for its first code
}

// PasswordView is what is seen of a password.
type PasswordView struct {
	Kind      PasswordKind `json:"kind"`
	ChangedAt *time.Time   `json:"changedAt"`
	ExpiresAt *time.Time   `json:"expiresAt"`
}

// AccountView is what an operator sees of their own account page: S and more.
type AccountView struct {
	SessionView
	Email          string             `json:"email"`
	LastName       string             `json:"lastName"`
	TOTP           TOTPView           `json:"totp"`
	Password       PasswordView       `json:"password"`
	SupportContact string             `json:"supportContact"`
	Policy         PasswordPolicyView `json:"policy"`
}

// PasswordPolicyView is the part of the policy that choosing a password needs.
type PasswordPolicyView struct {
	MinLength     int      `json:"minLength"`
	MaxLength     int      `json:"maxLength"`
	RequireLower  bool     `json:"requireLower"`
	RequireUpper  bool     `json:"requireUpper"`
	RequireDigit  bool     `json:"requireDigit"`
	RequireSymbol bool     `json:"requireSymbol"`
	History       int      `json:"history"`
	HistoryDays   int      `json:"historyDays"`
	MinAgeHours   int      `json:"minAgeHours"`
	Blocklist     bool     `json:"blocklist"`
	TOTP          TOTPMode `json:"totp"`
}

func (o *operator) view(a *activity) OperatorView {
	v := OperatorView{
		OperatorID: o.ID, Username: o.Username, Email: o.Email, FirstName: o.FirstName, LastName: o.LastName, Role: o.Role,
		State: o.State, CreatedAt: o.CreatedAt, Password: o.passwordView(o.Password.ExpiresAt),
		TOTP: OperatorTOTPView{Enabled: o.TOTP.Enabled, Source: o.TOTP.Source, Serial: o.TOTP.Serial, Blocked: o.totpBlocked()},
		Mail: MailView{Status: "ok"},
	}
	if a != nil {
		v.LastLoginAt = optional(a.LastLoginAt)
	}
	if o.MailStatus != "" {
		v.Mail.Status = string(o.MailStatus)
	}
	return v
}

func (o *operator) passwordView(expires time.Time) PasswordView {
	v := PasswordView{Kind: o.Password.Kind, ChangedAt: optional(o.Password.ChangedAt)}
	if v.Kind != PasswordNone {
		v.ExpiresAt = optional(expires)
	}
	return v
}

func (p Policy) passwordView() PasswordPolicyView {
	return PasswordPolicyView{
		MinLength: p.MinLength, MaxLength: p.MaxLength, RequireLower: p.RequireLower, RequireUpper: p.RequireUpper,
		RequireDigit: p.RequireDigit, RequireSymbol: p.RequireSymbol, History: p.History, HistoryDays: p.HistoryDays,
		MinAgeHours: p.MinAgeHours, Blocklist: p.Blocklist, TOTP: p.TOTP,
	}
}

// optional is t, or nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
