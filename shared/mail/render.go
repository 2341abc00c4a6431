package mail

import (
	"bytes"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"postern/shared/languages"
	"postern/shared/secret"
)

// Template names one of the mails.
type Template string

// The mails.
const (
	SingleUseCode                Template = "single_use_code"
	Reset                        Template = "reset"
	TemporaryPassword            Template = "temporary_password"
	Welcome                      Template = "welcome"
	PasswordWasReset             Template = "password_was_reset"
	PasswordChanged              Template = "password_changed"
	PasswordResetByAdministrator Template = "password_reset_by_administrator"
	PasswordExpiresSoon          Template = "password_expires_soon"
	PasswordExpired              Template = "password_expired"
	TOTPEnabled                  Template = "totp_enabled"
	TOTPRemoved                  Template = "totp_removed"
	TOTPDisabledByAdministrator  Template = "totp_disabled_by_administrator"
	TOTPBlocked                  Template = "totp_blocked"
	TokenAssigned                Template = "token_assigned"
	NewBrowser                   Template = "new_browser"
	EmailChanged                 Template = "email_changed"
	UsernameChanged              Template = "username_changed"
	LoginLimited                 Template = "login_limited"
)

// Templates lists all mails.
func Templates() []Template {
	return []Template{
		SingleUseCode, Reset, TemporaryPassword, Welcome, PasswordWasReset, PasswordChanged, PasswordResetByAdministrator,
		PasswordExpiresSoon, PasswordExpired, TOTPEnabled, TOTPRemoved, TOTPDisabledByAdministrator, TOTPBlocked, TokenAssigned,
		NewBrowser, EmailChanged, UsernameChanged, LoginLimited,
	}
}

// Data fills a mail. What a mail does not mention is ignored.
type Data struct {
	FirstName         string
	AccountID         string
	AccountName       string
	LoginURL          string
	SupportContact    string      // empty: "your administrator"
	At                time.Time   // when what the mail tells happened
	Code              secret.Text // as people see it: ABCDE-FGHJK
	Link              secret.Text
	TemporaryPassword secret.Text
	Minutes           int
	Days              int
	Logins            []Login // new_browser
}

// Login is a login from a browser not seen before.
type Login struct {
	At                 time.Time
	Address, UserAgent string
}

// block is a paragraph of a mail: words, a code that stands alone on a line, or a link that does.
type block struct {
	Text string
	Code bool
	Link bool
}

// Render writes a mail in a language, as plain text and as HTML. It greets by first name; whatever stands in d is made
// harmless: one line each in text, escaped in HTML. Paragraphs that are a code or a link alone stand on a line of their own,
// in both (details 19).
func Render(lang *languages.Catalogue, t Template, d Data) (subject, text, html string, err error) {
	key := "mail." + string(t)
	if !lang.Has(key+".body") || !lang.Has(key+".subject") {
		return "", "", "", fmt.Errorf("no mail %q in language %s", t, lang.Tag())
	}
	args := d.args(lang)
	subject = lang.Text(key+".subject", args)
	blocks := []block{{Text: lang.Text("mail.greeting", args)}}
	for p := range strings.SplitSeq(lang.Text(key+".body", nil), "\n\n") {
		b := block{Text: fill(p, args)}
		switch p {
		case "{code}", "{temporaryPassword}":
			b.Code = true
		case "{link}", "{loginUrl}":
			b.Link = true
		case "{logins}":
			for _, l := range d.Logins {
				blocks = append(blocks, block{Text: l.text(lang)})
			}
			continue
		}
		blocks = append(blocks, b)
	}
	signature := lang.Text("mail.signature", args)
	var plain strings.Builder
	for _, b := range blocks {
		plain.WriteString(b.Text + "\n\n")
	}
	plain.WriteString("-- \n" + signature + "\n")
	var page bytes.Buffer
	err = layout().Execute(&page, map[string]any{"Lang": lang.Tag(), "Subject": subject, "Blocks": blocks, "Signature": signature})
	if err != nil {
		return "", "", "", fmt.Errorf("render %s: %w", t, err)
	}
	return subject, plain.String(), page.String(), nil
}

// fill fills a paragraph's placeholders.
func fill(p string, args map[string]string) string {
	pairs := make([]string, 0, 2*len(args))
	for name, v := range args {
		pairs = append(pairs, "{"+name+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(p)
}

// args are the values of all placeholders.
func (d Data) args(lang *languages.Catalogue) map[string]string {
	days := lang.Text("mail.days.many", map[string]string{"days": strconv.Itoa(d.Days)})
	if d.Days == 1 {
		days = lang.Text("mail.days.one", nil)
	}
	contact := lang.Text("mail.contact.administrator", nil)
	if d.SupportContact != "" {
		contact = lang.Text("mail.contact", map[string]string{"supportContact": harmless(d.SupportContact)})
	}
	return map[string]string{
		"firstName": harmless(d.FirstName), "accountId": harmless(d.AccountID), "accountName": harmless(d.AccountName),
		"loginUrl": harmless(d.LoginURL), "link": harmless(d.Link.Reveal()), "code": harmless(d.Code.Reveal()),
		"temporaryPassword": harmless(d.TemporaryPassword.Reveal()), "minutes": strconv.Itoa(d.Minutes), "days": days,
		"at": when(d.At), "contact": contact,
	}
}

func (l Login) text(lang *languages.Catalogue) string {
	agent := harmless(l.UserAgent)
	if agent == "" {
		agent = lang.Text("mail.login.unknown", nil)
	}
	return lang.Text("mail.login", map[string]string{"at": when(l.At), "address": harmless(l.Address), "userAgent": agent})
}

// when writes a time so that it reads the same everywhere.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// harmless makes one line of s: control and line-breaking characters, and those that turn the direction of writing, become
// spaces.
func harmless(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
}

// layout is the HTML of every mail. It is parsed when the first mail is written, so that what never writes one does not.
var layout = sync.OnceValue(func() *template.Template { return template.Must(template.New("mail").Parse(layoutHTML)) })

const layoutHTML = `<!doctype html>
<html lang="{{.Lang}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.Subject}}</title>
</head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:36em;margin:0 auto">
{{range .Blocks}}{{if .Code}}<p style="font:600 22px/1.4 ui-monospace,monospace;letter-spacing:.05em">{{.Text}}</p>
{{else if .Link}}<p style="word-break:break-all"><a href="{{.Text}}">{{.Text}}</a></p>
{{else}}<p>{{.Text}}</p>
{{end}}{{end}}<hr style="border:0;border-top:1px solid #8888">
<p style="font-size:13px">{{.Signature}}</p>
</div>
</body>
</html>
`
