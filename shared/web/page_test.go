package web

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/chain"
	"postern/shared/languages"
	"postern/shared/mail"
	"postern/shared/secret"
)

// someone is an operator with something hostile in every field that people choose.
var someone = access.OperatorView{
	OperatorID: "abcdefghijklmnopqrstuvwx23", Username: "alice", Email: "alice@demo.example", FirstName: "<b>Alice</b>",
	LastName: `"><script>alert(1)</script>`, Role: access.RoleOperator, State: access.StateActive, CreatedAt: time.Unix(1e9, 0),
	Password: access.PasswordView{Kind: access.PasswordPermanent}, TOTP: access.OperatorTOTPView{Enabled: true},
	Mail: access.MailView{Status: "ok"},
}

// shownPages gives what every page may show, by the name of its template.
func shownPages() map[string][]any {
	text := languages.For("en")
	next := "next-cursor"
	at := time.Unix(1e9, 0)
	account := access.AccountView{
		SessionView: access.SessionView{Username: "alice", FirstName: "Alice", Role: access.RoleAdministrator, Kind: access.SessionFull},
		Password:    access.PasswordView{Kind: access.PasswordPermanent, ChangedAt: &at, ExpiresAt: &at}, SupportContact: "help@demo.example",
		Policy: rulePolicy(access.PolicyPresets()["classic"]),
	}
	rules := rulesOf(text, account.Policy)
	reset := func(keep bool, token, code string) any {
		return map[string]any{"Keep": keep, "Token": token, "Code": code}
	}
	var logins []any
	for _, after := range append([]string{""}, afterLogin...) {
		logins = append(logins, map[string]any{"After": after})
	}
	var accounts []any
	for _, after := range append([]string{""}, afterAccount...) {
		accounts = append(accounts, map[string]any{"Account": account, "After": after})
	}
	var prompts []any
	for _, reason := range []access.ChangeReason{"", access.ReasonNewOperator, access.ReasonTemporary, access.ReasonPolicy, access.ReasonExpired} {
		prompts = append(prompts, map[string]any{"Rules": rules, "Prompt": access.NewPasswordPrompt{Username: "alice", FirstName: "Alice", Reason: reason}})
	}
	operators := func(l list[access.OperatorView]) any {
		return map[string]any{"List": l, "Roles": roles, "States": states, "TOTPStates": totpStates, "PasswordKinds": passwordKinds}
	}
	var ofOperator []any
	for _, after := range append([]string{""}, afterOperator...) {
		ofOperator = append(ofOperator, map[string]any{"Operator": someone, "Roles": roles, "States": states, "After": after, "Oneself": after == ""})
	}
	var policies []any
	for _, preset := range append(presetNames(), "") {
		policies = append(policies, map[string]any{
			"Policy": access.DefaultPolicy(), "ETag": `"1"`, "Preset": preset, "Presets": presetNames(), "After": "saved",
			"CaptchaModes": captchaModes, "TOTPModes": totpModes, "ResetDeliveries": resetDeliveries, "Partial": "",
		})
	}
	values, _ := access.DefaultPolicy().Fields()
	for _, partial := range []string{"", "_partial"} {
		for _, enforce := range []bool{false, true} {
			policies = append(policies, map[string]any{
				"Policy": access.PolicyPresets()["classic"], "ETag": `"1"`, "Presets": presetNames(), "CaptchaModes": captchaModes, "TOTPModes": totpModes,
				"ResetDeliveries": resetDeliveries, "Partial": partial, "Enforce": enforce, "NewRules": !enforce, "Values": values,
				"Preview": access.PolicyPreview{
					Changes: []access.PolicyChange{
						{Field: "blocklist", From: []byte("true"), To: []byte("false")}, {Field: "warnDays", From: []byte("[14,3]"), To: []byte("[]")},
						{Field: "totp", From: []byte(`"optional"`), To: []byte(`"required"`)},
					},
					Impact: access.PolicyImpact{Operators: 4, OldPasswords: 3, MustChange: 2, MustSetUpTOTP: 1},
				},
			})
		}
	}
	policies = append(policies, map[string]any{"Policy": access.DefaultPolicy(), "ETag": `"1"`, "Partial": "", "Preview": access.PolicyPreview{}})
	seq := int64(7)
	verified := []any{map[string]any{"Report": access.NoticeReport{OK: true, Entries: 7, SealedTo: 7, SealedAt: &at, Unsealed: 1, PublicKey: "-----BEGIN <b>"}}}
	for _, how := range []chain.How{chain.Altered, chain.Replaced, chain.Missing, chain.Repeated, chain.Unsigned, chain.BadSignature, access.HowNoKey} {
		verified = append(verified, map[string]any{"Report": access.NoticeReport{How: how}, "FirstBad": int64(7)})
	}
	blocked := someone
	blocked.TOTP = access.OperatorTOTPView{Blocked: true}
	blocked.Mail.Status, blocked.LastLoginAt = "bounced", &at
	waiting := someone
	waiting.TOTP = access.OperatorTOTPView{Source: "hardware", Serial: "T-1"}
	ofOperator = append(ofOperator, map[string]any{"Operator": waiting, "Roles": roles, "States": states, "After": ""})
	tokenForm, _ := newTokenForm(nil)
	account.TOTP = access.TOTPView{Source: "hardware", Serial: "T-1"}
	accounts = append(accounts, map[string]any{"Account": account, "After": ""})
	return map[string][]any{
		"login": logins, "login_totp": {nil}, "single_use_code": {nil}, "single_use_code_submitted": {nil},
		"reset_request": {nil}, "reset_request_submitted": {nil}, "error": {nil},
		"reset_confirm": {reset(false, "", ""), reset(true, "token", ""), reset(true, "", "code")},
		"new_password":  prompts, "account": accounts,
		"account_password":     {map[string]any{"Account": account, "Rules": rules}},
		"account_totp":         {map[string]any{"Owed": false, "Pending": true, "TOTP": access.TOTPView{Enabled: true, Serial: "T-1"}}, map[string]any{"Owed": true, "Pending": false, "TOTP": access.TOTPView{}}},
		"account_totp_secret":  {map[string]any{"Secret": "ABCD EFGH", "URI": otpauth("otpauth://totp/a:b?secret=ABCDEFGH"), "QR": svg(`<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>`), "ExpiresAt": at}},
		"account_totp_confirm": {map[string]any{"Pending": true}, map[string]any{"Pending": false}},
		"account_totp_delete":  {nil},
		"account_sessions": {list[access.SessionInfo]{Next: &next, Items: []access.SessionInfo{
			{ID: "s1", Current: true, Kind: access.SessionFull, CreatedAt: at, LastUsedAt: at, Address: "192.0.2.7", UserAgent: "<i>Firefox</i>"},
			{ID: "s2", Kind: access.SessionSingleUse, CreatedAt: at, LastUsedAt: at},
		}}},
		"manage":                  {map[string]any{"Settings": access.Settings{Name: "Demo & Sons"}}},
		"manage_operators":        {operators(list[access.OperatorView]{Items: []access.OperatorView{someone, blocked}, Next: &next}), operators(list[access.OperatorView]{}), operators(list[access.OperatorView]{Next: &next})},
		"manage_operators_import": {map[string]any{"Key": "k"}},
		"manage_operators_imported": {
			map[string]any{"DryRun": false, "Report": access.ImportReport{Rows: 2, Created: 1}, "Problems": []rowProblem{{2, "email", "missing", "Fill this in."}},
				"Passwords": []importedPassword{{"<b>", "ABCD-EFGH-JKMN-PQRS"}}},
			map[string]any{"DryRun": true, "Report": access.ImportReport{Rows: 2, Unchanged: 2}, "Problems": []rowProblem{}, "Passwords": []importedPassword{}},
		},
		"manage_tokens": {
			map[string]any{"After": "token_deleted", "Names": map[string]string{}, "List": list[access.TokenView]{}},
			map[string]any{"Names": map[string]string{"y": "<b>"}, "List": list[access.TokenView]{Next: &next, Items: []access.TokenView{
				{Serial: "T-1", Digits: 6, Period: 60, Algorithm: "SHA1", AssignedTo: "y"}, {Serial: "T-2", Digits: 8, Period: 30, Algorithm: "SHA256"},
			}}},
		},
		"manage_token_new":     {tokenForm.data},
		"manage_token_created": {map[string]any{"Token": access.TokenView{Serial: "T-1"}}},
		"manage_token_delete":  {map[string]any{"Token": access.TokenView{Serial: "T-1"}, "Names": map[string]string{}}, map[string]any{"Token": access.TokenView{Serial: "T-1", AssignedTo: "y"}, "Names": map[string]string{"y": "<b>"}}},
		"manage_token_assign":  {map[string]any{"Operator": someone}, map[string]any{"Operator": waiting}},
		"manage_tokens_import": {nil},
		"manage_tokens_imported": {
			map[string]any{"DryRun": false, "Report": access.ImportReport{Rows: 2, Created: 1}, "Problems": []rowProblem{{2, "serial", "missing", "Fill this in."}}},
			map[string]any{"DryRun": true, "Report": access.ImportReport{Rows: 2, Unchanged: 2}, "Problems": []rowProblem{}},
		},
		"manage_operator_new":        {map[string]any{"Roles": roles}},
		"manage_operator_created":    {shownOnce(someone, secret.New("ABCD-EFGH-JKMN-PQRS"), &at), shownOnce(someone, secret.Text{}, nil)},
		"manage_operator":            ofOperator,
		"manage_password_reset":      {map[string]any{"Operator": someone}},
		"manage_password_reset_done": {shownOnce(someone, secret.New("ABCD-EFGH-JKMN-PQRS"), &at)},
		"manage_totp_delete":         {map[string]any{"Operator": someone}},
		"manage_operator_delete":     {map[string]any{"Operator": someone}},
		"manage_operator_sessions": {
			map[string]any{"Operator": someone, "After": "sessions_ended", "List": list[access.SessionInfo]{}},
			map[string]any{"Operator": someone, "List": list[access.SessionInfo]{Next: &next, Items: []access.SessionInfo{{ID: "a", Kind: access.SessionFull, CreatedAt: at, LastUsedAt: at, Address: "192.0.2.1", UserAgent: "<b>"}, {ID: "b", Kind: access.SessionSingleUse, CreatedAt: at, LastUsedAt: at}}}},
		},
		"manage_policy":         policies,
		"manage_policy_presets": {map[string]any{"Names": presetNames(), "Presets": access.PolicyPresets()}},
		"manage_mail": {map[string]any{"Statuses": access.MailStatuses(), "After": "mail_retried", "List": access.MailPage{Next: &next, Items: mailsOfEachKind()}},
			map[string]any{"Statuses": access.MailStatuses(), "List": access.MailPage{}},
			map[string]any{"Statuses": access.MailStatuses(), "List": access.MailPage{Next: &next}}},
		"manage_settings":       {map[string]any{"Settings": access.Settings{Name: "Demo", Language: "en"}, "Languages": access.Languages(), "After": "saved"}},
		"manage_notices_verify": verified,
		"manage_notices": {map[string]any{"Types": access.NoticeTypes(), "Names": map[string]string{"y": "bob"}, "Actors": map[string]string{"operator:x": "alice"}, "List": list[access.NoticeView]{Next: &next, Items: []access.NoticeView{
			{Seq: &seq, At: at, Type: "policy.changed", Actor: "operator:x", OperatorID: "y", Detail: map[string]string{"minLength": "15 -> 8"}}, {At: at, Type: "totp.blocked", Actor: "system"},
		}}}, map[string]any{"List": list[access.NoticeView]{}, "Types": access.NoticeTypes(), "Names": map[string]string{}, "Actors": map[string]string{}}},
	}
}

// mailsOfEachKind has every template in every state.
func mailsOfEachKind() []access.QueuedMail {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var all []access.QueuedMail
	for i, t := range mail.Templates() {
		statuses := access.MailStatuses()
		all = append(all, access.QueuedMail{
			ID: "1-a", OperatorID: "y", To: "somebody@example.com", Template: string(t), Status: statuses[i%len(statuses)], Attempts: i,
			LastError: "550 5.1.1 no such user", QueuedAt: at, SentAt: &at,
		})
	}
	return all
}

// viewOf is a server and a request that a page is shown for.
func viewOf(method, target string) (*server, *request) {
	s := &server{Config: Config{}, site: origin, base: "/live"}
	q := &request{Request: httptest.NewRequest(method, target, nil), s: s, id: "request-1", html: true, text: languages.For("en"), body: newValues()}
	q.query, _ = decodeQuery(q.URL.RawQuery, append(slices.Clone(operatorsQuery), continueQuery...), false)
	return s, q
}

var (
	tags   = regexp.MustCompile(`(?s)<(input|select|button|a|form|script|style|[a-z0-9]+)\b([^>]*)>`)
	idAttr = regexp.MustCompile(`\bid="([^"]*)"`)
	noText = regexp.MustCompile(`[>"](page|problem|field|rule)\.[a-z][^<"]*|\{[a-z]+\}`)
	forID  = regexp.MustCompile(`<label for="([^"]*)"`)
)

// Every template is shown in every state, with and without a refusal, signed in and not; and each page keeps to the
// content security policy, labels its fields and escapes what people chose.
func TestPages(t *testing.T) {
	shown := shownPages()
	if got, want := slices.Sorted(maps.Keys(shown)), slices.Sorted(maps.Keys(pages)); !slices.Equal(got, want) {
		t.Fatalf("pages shown here: %v\ntemplates there are: %v", got, want)
	}
	admin := &access.Identity{View: access.SessionView{Role: access.RoleAdministrator, Kind: access.SessionFull, FirstName: "Bob"}}
	refusals := map[string]*Problem{"": nil}
	for _, name := range []string{"InputError", "PolicyError", "CaptchaRequiredError", "ConflictError", "ErrTOTPBlocked"} {
		refusals[name] = problem(examples[name], languages.For("en"), "request-1", "newPassword")
	}
	refusals["CaptchaRequiredError"].Captcha = map[string]any{"algorithm": "SHA-256", "salt": `"><script>`}
	for name, states := range shown {
		for i, data := range states {
			for refusal, p := range refusals {
				if name == "error" && p == nil {
					continue
				}
				s, q := viewOf("GET", "/x?continue=/account&query=%3Cscript%3E")
				if strings.HasPrefix(name, "manage") || strings.HasPrefix(name, "account") {
					q.identity = admin
				}
				html, err := s.render(q, page{name, data}, p)
				if err != nil {
					t.Errorf("%s, state %d, %s: %v", name, i, refusal, err)
					continue
				}
				checkPage(t, name+" "+refusal, string(html), p)
				if dir := os.Getenv("POSTERN_PAGES"); dir != "" && (refusal == "" || refusal == "InputError") {
					file := filepath.Join(dir, name+refusal+string(rune('0'+i))+".html")
					if err := os.WriteFile(file, html, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

func checkPage(t *testing.T, name, html string, p *Problem) {
	t.Helper()
	for _, bad := range []string{"<style", " style=", "javascript:", "ZgotmplZ", "<script>", "<b>Alice", "<i>Firefox", "%!", "no value", " onclick"} {
		if strings.Contains(html, bad) {
			t.Errorf("%s: holds %q", name, bad)
		}
	}
	if key := noText.FindString(html); key != "" {
		t.Errorf("%s: there is no text for %q", name, key)
	}
	if !strings.HasPrefix(html, "<!doctype html>\n<html lang=\"en\">") || strings.Count(html, "<h1>") != 1 || strings.Count(html, "<main") != 1 {
		t.Errorf("%s: no language, or not one h1 and one main", name)
	}
	if p != nil && !strings.Contains(html, "<title>Error: ") {
		t.Errorf("%s: the title does not say that there is an error", name)
	}
	labels := map[string]bool{}
	for _, m := range forID.FindAllStringSubmatch(html, -1) {
		labels[m[1]] = true
	}
	ids := map[string]bool{}
	for _, m := range idAttr.FindAllStringSubmatch(html, -1) {
		if ids[m[1]] {
			t.Errorf("%s: id %q stands twice", name, m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range tags.FindAllStringSubmatch(html, -1) {
		tag, attributes := m[1], m[2]
		id := idAttr.FindStringSubmatch(attributes)
		if (tag == "input" && !strings.Contains(attributes, `type="hidden"`) || tag == "select") && (id == nil || !labels[id[1]]) {
			t.Errorf("%s: %s has no label", name, m[0])
		}
		if tag == "button" && strings.Contains(attributes, "name=") {
			t.Errorf("%s: %s has a name (details 37)", name, m[0])
		}
		if strings.Contains(attributes, `type="password"`) && (strings.Contains(attributes, "value=") || strings.Contains(attributes, `autocomplete="off"`)) {
			t.Errorf("%s: %s shows a password, or keeps managers out", name, m[0])
		}
		for _, url := range []string{"action", "href", "src"} {
			if _, after, ok := strings.Cut(attributes, url+`="/`); ok && !strings.HasPrefix(after, "live/") {
				t.Errorf("%s: %s leaves the base path", name, m[0])
			}
		}
	}
}

// What was typed stays, but for passwords and codes; what is wrong is told at the field, and linked.
func TestRefusedFormKeepsWhatWasTyped(t *testing.T) {
	s, q := viewOf("POST", "/login")
	q.body, _ = decodeForm("accountId=acme&login=ali%22ce&password=hunter2&continue=/x", Login().Routes[1].Body)
	p := problem(&access.InputError{Fields: []access.FieldError{{Field: "login", Code: "missing"}}}, q.text, "request-1", "")
	html, err := s.render(q, page{name: "login", data: map[string]any{"After": ""}}, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`value="acme"`, `value="ali&#34;ce"`, `href="#f-login"`, `id="f-login-wrong"`, `aria-invalid="true"`, `aria-describedby="f-login-wrong"`,
		`role="alert"`, `name="continue" value="/x"`,
	} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(string(html), "hunter2") {
		t.Error("the page shows the password")
	}
}

func TestFixedAccountIsNotAskedFor(t *testing.T) {
	s, q := viewOf("GET", "/login")
	s.FixedAccountID = "acme"
	html, err := s.render(q, page{name: "login", data: map[string]any{"After": ""}}, nil)
	if err != nil || strings.Contains(string(html), "accountId") {
		t.Errorf("the page asks for the Account ID, or: %v", err)
	}
	q.body, _ = decodeForm("login=alice", withoutAccountID(Login().Routes[1].Body))
	if got := q.account(); got != "acme" {
		t.Errorf("account: got %q, want acme", got)
	}
}

func TestAssets(t *testing.T) {
	h := Handler(config(), Site())
	total := 0
	for name, a := range assets() {
		res := ask(h, http.MethodGet, "/assets/"+name, "")
		if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || res.Header.Get("Content-Type") == "" {
			t.Errorf("GET %s: %d %v", name, res.StatusCode, res.Header)
		}
		if !strings.HasSuffix(name, ".svg") {
			total += len(a.content)
		}
	}
	if total > 15<<10 || total == 0 {
		t.Errorf("stylesheet and script are %d bytes, at most 15 KiB are wanted", total)
	}
	if res := ask(h, http.MethodGet, "/assets/postern.css", ""); res.StatusCode != 404 || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("GET without hash: %d %q", res.StatusCode, res.Header.Get("Cache-Control"))
	}
}

func TestSecretForPeople(t *testing.T) {
	for in, want := range map[string]string{"ABCDEFGHIJ": "ABCD EFGH IJ", "ABCD": "ABCD", "": ""} {
		if got := inFours(in); got != want {
			t.Errorf("inFours(%q) = %q, want %q", in, got, want)
		}
	}
	if otpauth("javascript:alert(1)") != "" || svg("<script>") != "" {
		t.Error("something else is let through as a link or a picture")
	}
}
