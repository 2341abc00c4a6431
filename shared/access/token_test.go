package access_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/secret"
	"postern/shared/totp"
)

// device is a hardware token in somebody's hand.
type device struct {
	serial string
	ahead  time.Duration // how far its clock is ahead
	totp.Credential
}

const tokenSecret = "12345678901234567890123456789012"

func seedOf(serial string) access.CreateToken {
	return access.CreateToken{
		Serial: serial, Secret: secret.New(hex.EncodeToString([]byte(tokenSecret))), Encoding: "hex", Digits: 8, Period: 60, Algorithm: "SHA256",
	}
}

// newDevice puts a token of eight digits every 60 s, SHA-256, into the account.
func newDevice(p *accesstest.Place, serial string) device {
	p.T.Helper()
	if _, err := p.Service.CreateToken(p.T.Context(), access.System, accesstest.Account, seedOf(serial)); err != nil {
		p.T.Fatalf("CreateToken: %v", err)
	}
	p.Advance(time.Second) // notices of one moment have no order
	return device{serial: serial, Credential: totp.Credential{
		Secret: []byte(tokenSecret), Period: time.Minute, Digits: 8, Algorithm: totp.SHA256,
	}}
}

func (d device) codeAt(now time.Time) secret.Text {
	return secret.New(d.Code(now.Add(d.ahead).Unix() / int64(d.Period/time.Second)))
}
func (d device) code(p *accesstest.Place) secret.Text { return d.codeAt(p.Now()) }

func assign(p *accesstest.Place, o *accesstest.Operator, d device, code secret.Text) error {
	_, err := p.Service.AssignToken(p.T.Context(), access.System, accesstest.Account, o.ID, access.AssignToken{Serial: d.serial, Code: code})
	return err
}

// login is both steps with what the device shows.
func (d device) login(p *accesstest.Place, o *accesstest.Operator, code secret.Text) (access.LoggedIn, error) {
	p.T.Helper()
	return p.Service.LoginTOTP(p.T.Context(), access.LoginTOTP{Pending: firstStep(p, o), Code: code, Client: o.Client})
}

func (d device) mustLogin(p *accesstest.Place, o *accesstest.Operator) access.LoggedIn {
	p.T.Helper()
	in, err := d.login(p, o, d.code(p))
	if err != nil || in.Next != access.NextDone {
		p.T.Fatalf("login with the token: %v, %v", in.Next, err)
	}
	return in
}

// withToken has alice, and a token that is "" (nobody's), "waiting" or "active" with her.
func withToken(state string, do func(*accesstest.Place, *accesstest.Operator, device) error) func(*accesstest.Place) func(*accesstest.Place) error {
	return func(p *accesstest.Place) func(*accesstest.Place) error {
		o, d := p.Operator("alice"), newDevice(p, "T-1")
		switch state {
		case "waiting":
			must(p, assign(p, o, d, secret.Text{}))
		case "active":
			must(p, assign(p, o, d, d.code(p)))
		}
		return func(p *accesstest.Place) error { return do(p, o, d) }
	}
}

func must(p *accesstest.Place, err error) {
	p.T.Helper()
	if err != nil {
		p.T.Fatal(err)
	}
}

func tokensCSV(n int) []byte {
	var b strings.Builder
	b.WriteString("serial,secret,encoding,digits,period,algorithm\r\n")
	for i := range n {
		fmt.Fprintf(&b, "SN-%05d,%x,hex,6,30,SHA1\r\n", i+1, fmt.Sprintf("secret of token %05d", i+1))
	}
	return []byte(b.String())
}

func conflict(t *testing.T, err error, reason string) {
	t.Helper()
	if e, ok := errors.AsType[*access.ConflictError](err); !ok || e.Reason != reason {
		t.Errorf("got %v, want conflict %s", err, reason)
	}
}

func holder(p *accesstest.Place, serial string) string {
	p.T.Helper()
	v, err := p.Service.GetToken(p.T.Context(), accesstest.Account, serial)
	must(p, err)
	return v.AssignedTo
}

func sound(p *accesstest.Place) {
	p.T.Helper()
	p.Work()
	for _, v := range access.Violations(p.T.Context(), p.Service, p.Store, accesstest.Account) {
		p.T.Error(v)
	}
}

// A token is assigned, waits for its first code, lets in by its codes, is lost, and another takes its place (behaviour 6.5, 6.6).
func TestLifeOfAHardwareToken(t *testing.T) {
	p := accesstest.New(t)
	alice := p.Operator("alice")
	d, other := newDevice(p, "T-1"), newDevice(p, "T-2")
	must(p, assign(p, alice, d, secret.Text{}))
	p.Work()
	if m := p.Last(alice); !strings.Contains(m.Subject, "hardware token") {
		t.Errorf("after the assignment the mail %q", m.Subject)
	}
	o, err := p.Service.GetOperator(t.Context(), accesstest.Account, alice.ID)
	if err != nil || o.TOTP.Enabled || o.TOTP.Serial != "T-1" || o.TOTP.Source != "hardware" {
		t.Errorf("while it waits: %+v, %v", o.TOTP, err)
	}
	if _, err := p.Service.Authenticate(t.Context(), alice.Session); err != nil {
		t.Errorf("a session from before, while the token waits: %v", err)
	}
	conflict(t, p.Service.DeleteToken(t.Context(), access.System, accesstest.Account, "T-1"), "token_assigned")
	conflict(t, assign(p, alice, other, secret.Text{}), "token_waits")

	// The next login asks for it, and a wrong code does not do.
	if _, err := d.login(p, alice, secret.New("00000000")); !errors.Is(err, access.ErrInvalidCode) {
		t.Errorf("wrong first code: %v", err)
	}
	in := d.mustLogin(p, alice)
	if !slices.Contains(in.Session.AMR, "otp") {
		t.Errorf("amr %v, want otp", in.Session.AMR)
	}
	p.Work()
	if m := p.Last(alice); !strings.Contains(m.Subject, "enabled") {
		t.Errorf("after the first code the mail %q", m.Subject)
	}
	if _, err := p.Service.Authenticate(t.Context(), alice.Session); !errors.Is(err, access.ErrNotSignedIn) {
		t.Errorf("a session from before the token: %v", err)
	}
	if _, err := d.login(p, alice, d.code(p)); !errors.Is(err, access.ErrInvalidCode) {
		t.Errorf("the same code again: %v", err)
	}
	p.Advance(time.Minute)
	d.mustLogin(p, alice)
	conflict(t, assign(p, alice, other, secret.Text{}), "totp_enabled")
	bob := p.Operator("bob")
	conflict(t, assign(p, bob, d, secret.Text{}), "token_assigned")

	// Lost: disabled, so that it is nobody's; another one is assigned, and works at once.
	must(p, p.Service.DisableTOTP(t.Context(), access.System, accesstest.Account, alice.ID, "lost"))
	if h := holder(p, "T-1"); h != "" {
		t.Errorf("after disabling, T-1 is of %q", h)
	}
	last := d.code(p) // it was accepted: the finder's next operator must not get in by it
	must(p, assign(p, bob, d, secret.Text{}))
	if _, err := d.login(p, bob, last); !errors.Is(err, access.ErrInvalidCode) {
		t.Errorf("a code accepted before, as the next holder's first: %v", err)
	}
	p.Advance(time.Second)
	must(p, p.Service.DisableTOTP(t.Context(), access.System, accesstest.Account, bob.ID, ""))
	must(p, p.Service.DeleteToken(t.Context(), access.System, accesstest.Account, "T-1"))
	p.Advance(time.Second)
	if err := assign(p, alice, other, secret.New("12345678")); !errors.Is(err, access.ErrInvalidCode) {
		t.Errorf("wrong code at the assignment: %v", err)
	}
	must(p, assign(p, alice, other, other.code(p)))
	p.Advance(time.Minute)
	other.mustLogin(p, alice)

	var types []string
	for _, n := range slices.Backward(p.Notices()) {
		if strings.HasPrefix(string(n.Type), "token.") {
			types = append(types, string(n.Type)+" "+n.Detail["serial"])
		}
	}
	want := "token.imported T-1, token.imported T-2, token.assigned T-1, token.assigned T-1, token.deleted T-1, token.assigned T-2"
	if got := strings.Join(types, ", "); got != want {
		t.Errorf("notices %s, want %s", got, want)
	}
	sound(p)
}

// The token goes back in the commit that ends its use, whichever that is.
func TestTokenGoesBack(t *testing.T) {
	for name, end := range map[string]func(p *accesstest.Place, o *accesstest.Operator, d device) error{
		"the operator removes it": func(p *accesstest.Place, o *accesstest.Operator, d device) error {
			id, err := p.Service.Authenticate(p.T.Context(), o.Session)
			must(p, err)
			_, err = p.Service.RemoveTOTP(p.T.Context(), id, access.SetUpTOTP{Password: o.Password, Code: d.code(p)}, o.Client)
			return err
		},
		"an app takes its place": func(p *accesstest.Place, o *accesstest.Operator, d device) error {
			id, err := p.Service.Authenticate(p.T.Context(), o.Session)
			must(p, err)
			setup, err := p.Service.SetUpTOTP(p.T.Context(), id, access.SetUpTOTP{Password: o.Password, Code: d.code(p)}, o.Client)
			must(p, err)
			app := &accesstest.Operator{TOTPSecret: accesstest.Secret(p.T, setup.Secret)}
			_, err = p.Service.ConfirmTOTP(p.T.Context(), id, p.TOTP(app), o.Client)
			return err
		},
		"an administrator disables it": func(p *accesstest.Place, o *accesstest.Operator, d device) error {
			return p.Service.DisableTOTP(p.T.Context(), access.System, accesstest.Account, o.ID, "")
		},
		"the operator is deleted": func(p *accesstest.Place, o *accesstest.Operator, d device) error {
			return p.Service.DeleteOperator(p.T.Context(), access.System, accesstest.Account, o.ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := accesstest.New(t)
			alice, d := p.Operator("alice"), newDevice(p, "T-1")
			must(p, assign(p, alice, d, d.code(p)))
			p.Advance(time.Minute)
			alice.Session = d.mustLogin(p, alice).SessionToken
			p.Advance(time.Minute)
			must(p, end(p, alice, d))
			if h := holder(p, "T-1"); h != "" {
				t.Errorf("T-1 is of %q", h)
			}
			bob := p.Operator("bob")
			p.Advance(time.Minute)
			must(p, assign(p, bob, d, d.code(p)))
			sound(p)
		})
	}
}

// A clock that is five minutes off is found by the first code, and followed from then on; also across a change of hands.
func TestDriftedToken(t *testing.T) {
	for _, ahead := range []time.Duration{5 * time.Minute, -5 * time.Minute} {
		p := accesstest.New(t)
		alice, bob, d := p.Operator("alice"), p.Operator("bob"), newDevice(p, "T-1")
		d.ahead = ahead
		must(p, assign(p, alice, d, secret.Text{}))
		d.mustLogin(p, alice)
		for range 20 {
			p.Advance(17*time.Hour + 13*time.Second)
			d.ahead += time.Second
			d.mustLogin(p, alice)
		}
		p.Advance(time.Hour)
		right := d
		right.ahead = 0
		if _, err := right.login(p, alice, right.code(p)); !errors.Is(err, access.ErrInvalidCode) {
			t.Errorf("%s: a code of the right time: %v", ahead, err)
		}
		must(p, p.Service.DisableTOTP(t.Context(), access.System, accesstest.Account, alice.ID, ""))
		must(p, assign(p, bob, d, secret.Text{}))
		p.Advance(time.Minute)
		d.mustLogin(p, bob)
		sound(p)
	}
	p := accesstest.New(t)
	alice, d := p.Operator("alice"), newDevice(p, "T-1")
	d.ahead = 15 * time.Minute
	if err := assign(p, alice, d, d.code(p)); !errors.Is(err, access.ErrInvalidCode) {
		t.Errorf("a quarter of an hour ahead: %v", err)
	}
}

// Ten wrong first codes block a token that waits; an administrator takes it back.
func TestWaitingTokenIsBlocked(t *testing.T) {
	p := accesstest.New(t)
	alice, d := p.Operator("alice"), newDevice(p, "T-1")
	must(p, assign(p, alice, d, secret.Text{}))
	for range 10 {
		if _, err := d.login(p, alice, secret.New("00000000")); !errors.Is(err, access.ErrInvalidCode) {
			t.Fatalf("wrong code: %v", err)
		}
		p.Advance(2 * time.Minute)
	}
	if _, err := d.login(p, alice, d.code(p)); !errors.Is(err, access.ErrTOTPBlocked) {
		t.Errorf("after ten wrong codes: %v", err)
	}
	must(p, p.Service.DisableTOTP(t.Context(), access.System, accesstest.Account, alice.ID, ""))
	p.Advance(time.Minute)
	p.Login(alice)
	sound(p)
}

// A policy that requires TOTP is satisfied by a token that waits: its code is asked for, not another set-up. A reset does not switch it
// off, and does not ask for a code that nobody has shown to be there.
func TestWaitingTokenAndPolicyAndReset(t *testing.T) {
	p := accesstest.New(t)
	alice, d := p.Operator("alice"), newDevice(p, "T-1")
	must(p, assign(p, alice, d, secret.Text{}))
	required := func(policy *access.Policy) { policy.TOTP = access.TOTPRequired }
	if told, _ := preview(t, p, false, required); told.Impact.MustSetUpTOTP != 0 {
		t.Errorf("the preview of the policy: %+v", told.Impact)
	}
	p.SetPolicy(required, false)
	done, err := p.Service.ConfirmReset(t.Context(), p.ByCode(alice, p.RequestReset(alice)))
	must(p, err)
	alice.Password = secret.New("another good passphrase")
	_, err = p.Service.NewPassword(t.Context(), access.NewPassword{Replacement: done.Replacement, Password: alice.Password, Client: alice.Client})
	must(p, err)
	d.mustLogin(p, alice)
	sound(p)
}

// Of twenty administrators who assign one token at once one wins, and of twenty who assign twenty tokens to one operator.
func TestAssignmentsAtOnce(t *testing.T) {
	race := func(name string, n int, try func(i int) error) {
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				err := try(i)
				if err == nil {
					won.Add(1)
				} else if _, ok := errors.AsType[*access.ConflictError](err); !ok && !errors.Is(err, access.ErrUnavailable) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d won", name, won.Load())
		}
	}
	p := accesstest.New(t)
	d := newDevice(p, "T-0")
	var operators []*accesstest.Operator
	for i := range 20 {
		operators = append(operators, p.Operator(fmt.Sprintf("op%d", i)))
	}
	race("one token", 20, func(i int) error { return assign(p, operators[i], d, secret.Text{}) })
	zoe := p.Operator("zoe")
	var devices []device
	for i := range 20 {
		devices = append(devices, newDevice(p, fmt.Sprintf("T-%d", i+1)))
	}
	race("one operator", 20, func(i int) error { return assign(p, zoe, devices[i], secret.Text{}) })
	sound(p)
}

func TestCreateTokenRefuses(t *testing.T) {
	p := accesstest.New(t)
	newDevice(p, "T-1")
	for name, c := range map[string]struct {
		edit func(*access.CreateToken)
		want string
	}{
		"no serial":        {func(c *access.CreateToken) { c.Serial = "" }, "serial missing"},
		"a slash":          {func(c *access.CreateToken) { c.Serial = "a/b" }, "serial invalid_serial"},
		"a space":          {func(c *access.CreateToken) { c.Serial = "a b" }, "serial invalid_serial"},
		"a percent sign":   {func(c *access.CreateToken) { c.Serial = "a%b" }, "serial invalid_serial"},
		"dots alone":       {func(c *access.CreateToken) { c.Serial = ".." }, "serial invalid_serial"},
		"a page's name":    {func(c *access.CreateToken) { c.Serial = "import" }, "serial invalid_serial"},
		"65 characters":    {func(c *access.CreateToken) { c.Serial = strings.Repeat("1", 65) }, "serial invalid_serial"},
		"letters beyond":   {func(c *access.CreateToken) { c.Serial = "ä1" }, "serial invalid_serial"},
		"encoding":         {func(c *access.CreateToken) { c.Encoding = "base64" }, "encoding unknown_value"},
		"not hex":          {func(c *access.CreateToken) { c.Secret = secret.New("xyz") }, "secret not_hex"},
		"15 bytes":         {func(c *access.CreateToken) { c.Secret = secret.New(strings.Repeat("ab", 15)) }, "secret token_secret_size"},
		"65 bytes":         {func(c *access.CreateToken) { c.Secret = secret.New(strings.Repeat("ab", 65)) }, "secret token_secret_size"},
		"nine digits":      {func(c *access.CreateToken) { c.Digits = 9 }, "digits out_of_range"},
		"every 45 seconds": {func(c *access.CreateToken) { c.Period = 45 }, "period invalid_period"},
		"MD5":              {func(c *access.CreateToken) { c.Algorithm = "MD5" }, "algorithm not_one_of"},
	} {
		command := seedOf("T-2")
		c.edit(&command)
		_, err := p.Service.CreateToken(t.Context(), access.System, accesstest.Account, command)
		e, ok := errors.AsType[*access.InputError](err)
		if !ok || e.Fields[0].Field+" "+e.Fields[0].Code != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	_, err := p.Service.CreateToken(t.Context(), access.System, accesstest.Account, seedOf("T-1"))
	conflict(t, err, "token_exists")
	_, err = p.Service.CreateToken(t.Context(), access.System, "nobody", seedOf("T-1"))
	if !errors.Is(err, access.ErrNotFound) {
		t.Errorf("in no account: %v", err)
	}
	defaults := access.CreateToken{Serial: "T-3", Secret: secret.New("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), Encoding: "base32"}
	if v, err := p.Service.CreateToken(t.Context(), access.System, accesstest.Account, defaults); err != nil || v.Digits != 6 || v.Period != 60 || v.Algorithm != "SHA1" {
		t.Errorf("defaults: %+v, %v", v, err)
	}
	sound(p)
}

func TestAssignTokenRefuses(t *testing.T) {
	p := accesstest.New(t)
	boss, alice, d := p.Operator("boss", accesstest.Administrator), p.Operator("alice", accesstest.WithTOTP), newDevice(p, "T-1")
	conflict(t, assign(p, alice, d, secret.Text{}), "totp_enabled")
	_, err := p.Service.AssignToken(t.Context(), p.Identity(boss).Actor(), accesstest.Account, boss.ID, access.AssignToken{Serial: "T-1"})
	conflict(t, err, "oneself")
	if _, err := p.Service.AssignToken(t.Context(), access.System, accesstest.Account, boss.ID, access.AssignToken{Serial: "T-9"}); !isInput(err, "serial", "unknown_serial") {
		t.Errorf("a serial number that there is not: %v", err)
	}
	if _, err := p.Service.AssignToken(t.Context(), access.System, accesstest.Account, strings.Repeat("a", 26), access.AssignToken{Serial: "T-1"}); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
	if h := holder(p, "T-1"); h != "" {
		t.Errorf("T-1 is of %q", h)
	}
	must(p, assign(p, boss, d, secret.Text{}))
	must(p, assign(p, boss, d, secret.Text{})) // twice is once
	assigned := 0
	for _, n := range p.Notices() {
		if n.Type == access.NoticeTokenAssigned {
			assigned++
		}
	}
	if assigned != 1 {
		t.Errorf("%d notices of the assignment, want 1", assigned)
	}
	sound(p)
}

func isInput(err error, field, code string) bool {
	e, ok := errors.AsType[*access.InputError](err)
	return ok && e.Fields[0].Field == field && e.Fields[0].Code == code
}

// A file is imported row by row, a second time without a change, and a dry run says the same and does nothing.
func TestImportTokens(t *testing.T) {
	p := accesstest.New(t)
	newDevice(p, "SN-00002") // another secret
	content := append(tokensCSV(120), "SN-00001,00,hex\nbad serial,"+strings.Repeat("ab", 20)+",hex\nSN-1,abc,hex\nSN-2,"+strings.Repeat("ab", 8)+",hex,9,45,MD5\n"...)
	load := func(dry bool) access.ImportReport {
		t.Helper()
		r, err := p.Service.ImportTokens(t.Context(), access.System, accesstest.Account, access.ImportTokens{Content: content, DryRun: dry})
		must(p, err)
		return r
	}
	said := func(r access.ImportReport) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%d rows, %d created, %d unchanged", r.Rows, r.Created, r.Unchanged)
		for _, e := range r.Errors {
			fmt.Fprintf(&b, "; %d %s %s", e.Row, e.Field, e.Code)
		}
		return b.String()
	}
	const wrong = "; 2 serial token_exists; 121 serial repeated; 122 serial invalid_serial; 123 secret not_hex" +
		"; 124 secret token_secret_size; 124 digits out_of_range; 124 period invalid_period; 124 algorithm not_one_of"
	for i, want := range []string{"124 rows, 119 created, 0 unchanged", "124 rows, 119 created, 0 unchanged", "124 rows, 0 created, 119 unchanged"} {
		if got := said(load(i == 0)); got != want+wrong {
			t.Errorf("import %d: %s, want %s", i+1, got, want+wrong)
		}
	}
	if r := load(true); r.Created != 0 || r.Unchanged != 119 {
		t.Errorf("dry run afterwards: %+v", r)
	}
	var all []string
	for cursor := ""; ; {
		page, err := p.Service.ListTokens(t.Context(), accesstest.Account, 50, cursor)
		must(p, err)
		for _, v := range page.Items {
			all = append(all, v.Serial)
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	if len(all) != 120 || !slices.IsSorted(all) {
		t.Errorf("%d tokens listed: %v", len(all), all)
	}
	other, err := p.Service.ListNotices(t.Context(), accesstest.Account, access.ListNotices{Type: "token.imported", Query: "SN-00077"})
	if err != nil || len(other.Items) != 1 {
		t.Errorf("notices of SN-00077: %+v, %v", other, err)
	}
	sound(p)
}

// Without time for all of it an import tells how far it came, and the same file goes on there.
func TestImportTokensInTime(t *testing.T) {
	p := accesstest.New(t)
	load := func(ctx context.Context) access.ImportReport {
		t.Helper()
		r, err := p.Service.ImportTokens(ctx, access.System, accesstest.Account, access.ImportTokens{Content: tokensCSV(300)})
		must(p, err)
		return r
	}
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if r := load(soon); r.Created != 0 || len(r.Errors) != 1 || r.Errors[0].Code != "not_reached" || r.Errors[0].Row != 1 {
		t.Errorf("with a second left: %+v", r)
	}
	if r := load(t.Context()); r.Created != 300 || len(r.Errors) != 0 {
		t.Errorf("again: %+v", r)
	}
}

func TestImportTokensRefusesTheFile(t *testing.T) {
	p := accesstest.New(t)
	for name, c := range map[string]struct{ content, typ, field, code string }{
		"XML cut off":    {"<KeyContainer>", "", "file", "pskc_malformed"},
		"CSV as PSKC":    {"serial,secret,encoding\n", access.TypePSKC, "file", "pskc_malformed"},
		"PSKC as CSV":    {"<?xml version=\"1.0\"?>\n<KeyContainer/>", access.TypeCSV, "file", "csv_malformed"},
		"another table":  {"a,b,c\n", "", "file", "csv_unknown_column"},
		"a column short": {"serial,secret\n", "", "file", "csv_missing_column"},
		"a header alone": {"serial,secret,encoding\n", "", "file", "csv_no_rows"},
	} {
		_, err := p.Service.ImportTokens(t.Context(), access.System, accesstest.Account, access.ImportTokens{Content: []byte(c.content), Type: c.typ})
		if !isInput(err, c.field, c.code) {
			t.Errorf("%s: %v, want %s %s", name, err, c.field, c.code)
		}
	}
	if _, err := p.Service.ImportTokens(t.Context(), access.System, accesstest.Account, access.ImportTokens{Content: tokensCSV(10_001)}); !errors.Is(err, access.ErrImportTooLong) {
		t.Errorf("10,001 rows: %v", err)
	}
	if _, err := p.Service.ImportTokens(t.Context(), access.System, "nobody", access.ImportTokens{Content: tokensCSV(1)}); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("into no account: %v", err)
	}
}

// 10,000 rows are in before a gateway gives up.
func TestImportManyTokens(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 tokens")
	}
	p := accesstest.New(t)
	start := time.Now()
	r, err := p.Service.ImportTokens(t.Context(), access.System, accesstest.Account, access.ImportTokens{Content: tokensCSV(10_000)})
	if err != nil || r.Created != 10_000 {
		t.Fatalf("%+v, %v", r, err)
	}
	t.Logf("10,000 tokens in %s", time.Since(start))
	if took := time.Since(start); took > 25*time.Second {
		t.Errorf("10,000 tokens took %s", took)
	}
}
