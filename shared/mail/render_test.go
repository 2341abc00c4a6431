package mail_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/shared/languages"
	"postern/shared/mail"
	"postern/shared/secret"
)

var update = flag.Bool("update", false, "write the mails in testdata anew")

var at = time.Date(2026, 11, 2, 9, 4, 5, 0, time.UTC)

func data() mail.Data {
	return mail.Data{
		FirstName: "Alice", AccountID: "acme", AccountName: "Acme Ltd", LoginURL: "https://id.example/login", SupportContact: "help@acme.example",
		At: at, Code: secret.New("ABCDE-FGHJK"), Link: secret.New("https://id.example/reset-confirm#acme.x.y"),
		TemporaryPassword: secret.New("ABCD-EFGH-JKMN-PQRS"), Minutes: 30, Days: 3,
		Logins: []mail.Login{{At: at, Address: "192.0.2.1", UserAgent: "Browser/1.0"}, {At: at, Address: "2001:db8::1"}},
	}
}

// Every mail, as it reads: `go test ./shared/mail -update` writes them anew.
func TestEveryMail(t *testing.T) {
	for _, template := range mail.Templates() {
		subject, text, html, err := mail.Render(languages.For("en"), template, data())
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		path := filepath.Join("testdata", string(template))
		for ext, got := range map[string]string{".txt": "Subject: " + subject + "\n\n" + text, ".html": html} {
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path+ext, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path + ext)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s%s (-want +got):\n%s", template, ext, d)
			}
		}
		if strings.Contains(text+html+subject, "{") {
			t.Errorf("%s has a placeholder left:\n%s", template, text)
		}
		if !strings.HasPrefix(text, "Hello Alice,\n") || strings.Contains(html, "<img") || strings.Contains(html, "http://") {
			t.Errorf("%s: no greeting by first name, or something fetched from elsewhere", template)
		}
	}
}

// Codes, links and temporary passwords stand alone on a line (details 19), the same in both parts.
func TestSecretsStandAlone(t *testing.T) {
	for template, lines := range map[mail.Template][]string{
		mail.SingleUseCode: {"ABCDE-FGHJK"}, mail.Welcome: {"ABCDE-FGHJK", "https://id.example/login"},
		mail.Reset:             {"ABCDE-FGHJK", "https://id.example/reset-confirm#acme.x.y"},
		mail.TemporaryPassword: {"ABCD-EFGH-JKMN-PQRS", "https://id.example/login"},
	} {
		_, text, html, err := mail.Render(languages.For("en"), template, data())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(l) + `$`).MatchString(text) {
				t.Errorf("%s: %s does not stand alone:\n%s", template, l, text)
			}
			if !strings.Contains(html, ">"+l+"<") {
				t.Errorf("%s: %s is not in the HTML part", template, l)
			}
		}
	}
}

// Whatever people are called, a mail stays what it is (security.md 18).
func TestHostileData(t *testing.T) {
	d := data()
	evil := "<script>alert(1)</script>\r\nBcc: all@example.com\n\u2028{code}\u202e\x00"
	d.FirstName, d.AccountName, d.SupportContact = evil, evil, evil
	d.Logins = []mail.Login{{At: at, Address: evil, UserAgent: evil}}
	for _, template := range mail.Templates() {
		subject, text, html, err := mail.Render(languages.For("en"), template, d)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(subject, "\r\n\x00") {
			t.Errorf("%s: the subject has more than one line: %q", template, subject)
		}
		if regexp.MustCompile(`(?m)^Bcc:`).MatchString(text) || strings.ContainsAny(text, "\r\x00\u2028\u202e") {
			t.Errorf("%s: text part %q", template, text)
		}
		if strings.Contains(html, "<script>") {
			t.Errorf("%s: markup of a name is in the HTML part", template)
		}
		if template == mail.PasswordChanged && strings.Contains(text, "ABCDE-FGHJK") {
			t.Error("a name has filled a placeholder")
		}
	}
}

func TestWords(t *testing.T) {
	d := data()
	d.Days, d.SupportContact = 1, ""
	_, text, _, err := mail.Render(languages.For("en"), mail.PasswordExpiresSoon, d)
	if err != nil || !strings.Contains(text, "in one day.") {
		t.Errorf("%v\n%s", err, text)
	}
	_, text, _, err = mail.Render(languages.For("en"), mail.PasswordChanged, d)
	if err != nil || !strings.Contains(text, "contact your administrator") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, _, _, err := mail.Render(languages.For("en"), "no_such_mail", d); err == nil {
		t.Error("a mail that does not exist was rendered")
	}
}
