// Package accesstest is a place to try Postern's domain on: a Service on the embedded store, with a clock that is moved by hand, an
// inbox to look into, faults that can be let loose on every call that leaves the process, and a count of those calls.
package accesstest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/keys"
	"postern/shared/keys/file"
	"postern/shared/mail"
	"postern/shared/password"
	"postern/shared/queue"
	"postern/shared/secret"
	"postern/shared/store/bolt"
	"postern/shared/totp"
)

// Account is the Account ID of every Place.
const Account = "acme"

// Cheap are parameters by which a hash takes well under a millisecond. What they are used for is the same as ever.
var Cheap = password.Params{MemoryKiB: 8, Passes: 1, Lanes: 1}

// Place is where a test plays. Its methods fail the test if what they are for does not work.
type Place struct {
	T       testing.TB
	Service *access.Service
	Mailer  *access.Mailer
	Store   *bolt.Store
	Faults  *Faults

	dir    string
	hash   password.Params
	keys   *keys.Ring
	signer *file.Signer
	clock  *clock
	queue  *line
	inbox  *inbox
}

// Start is when every Place begins: the middle of a time step of 60 s.
var Start = time.Date(2026, 11, 2, 9, 0, 30, 0, time.UTC)

// New makes a Place with the account Account and nobody in it.
func New(t testing.TB) *Place {
	t.Helper()
	p := open(t, t.TempDir(), Start)
	if _, err := p.Service.CreateAccount(t.Context(), access.System, access.CreateAccount{AccountID: Account, Name: "Acme"}); err != nil {
		t.Fatalf("CreateAccount: %v", err)
	}
	return p
}

func open(t testing.TB, dir string, now time.Time) *Place {
	t.Helper()
	st, err := bolt.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	k, err := file.Open(filepath.Join(dir, "keys"), rand.Reader)
	if err != nil {
		t.Fatalf("open keys: %v", err)
	}
	signer, err := file.OpenSigner(filepath.Join(dir, "sign.pem"))
	if err == nil {
		_, err = signer.PublicKey(t.Context()) // made now, so that copies have the same
	}
	if err != nil {
		t.Fatalf("open signer: %v", err)
	}
	p := &Place{
		T: t, Store: st, Faults: &Faults{}, dir: dir, hash: Cheap, keys: k, signer: signer, clock: &clock{now: now}, queue: &line{},
		inbox: &inbox{},
	}
	p.Restart()
	t.Cleanup(func() { _ = p.Store.Close() })
	return p
}

// Restart puts a new process on the same store: what the old one held in memory, its queue too, is gone.
func (p *Place) Restart() {
	p.T.Helper()
	hasher, err := password.New(p.hash, 2, password.DefaultQueue, rand.Reader)
	if err != nil {
		p.T.Fatalf("make hasher: %v", err)
	}
	p.queue.reset()
	p.Service = access.New(access.Config{
		Store: &faultyStore{p.Store, p.Faults}, Keys: &faultyKeys{p.keys, p.Faults},
		Signer: &faultySigner{p.signer, p.Faults}, Hasher: hasher, Queue: &faultyQueue{p.queue, p.Faults}, Now: p.Now, Origin: "https://id.example",
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	p.Mailer = access.NewMailer(p.Service, &faultyMail{p.inbox, p.Faults}, "postern@id.example")
}

// SetHash changes how passwords are hashed from now on.
func (p *Place) SetHash(params password.Params) {
	p.hash = params
	p.Restart()
}

// Copy makes a Place in the same state, with a life of its own.
func (p *Place) Copy(t testing.TB) *Place {
	t.Helper()
	dir := t.TempDir()
	if err := p.Store.Close(); err != nil {
		t.Fatalf("close store: %v", err)
	}
	for _, name := range []string{"store", "keys", "sign.pem"} {
		raw, err := os.ReadFile(filepath.Join(p.dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), raw, 0o600)
		}
		if err != nil {
			t.Fatalf("copy place: %v", err)
		}
	}
	var err error
	if p.Store, err = bolt.Open(filepath.Join(p.dir, "store")); err != nil {
		t.Fatalf("open store: %v", err)
	}
	p.Restart()
	c := open(t, dir, p.Now())
	c.inbox.all = p.inbox.messages()
	return c
}

// Now is the time of the place.
func (p *Place) Now() time.Time { return p.clock.get() }

// Advance lets time pass.
func (p *Place) Advance(d time.Duration) { p.clock.advance(d) }

// Work does what stands in the queues until nothing is left, as workers would.
func (p *Place) Work() {
	p.T.Helper()
	for {
		q, m, ok := p.queue.next()
		if !ok {
			return
		}
		if err := p.handle(p.T.Context(), q, m); err != nil {
			p.T.Errorf("work on %s: %v", q, err)
		}
	}
}

func (p *Place) handle(ctx context.Context, q queue.Queue, m queue.Message) error {
	if q == queue.Mail {
		return p.Mailer.SendMail(ctx, m.AccountID, m.ID)
	}
	return p.Service.IssueCode(ctx, m.AccountID, m.ID)
}

// Queued lists the messages of a queue.
func (p *Place) Queued(q queue.Queue) []queue.Message { return p.queue.list(q) }

// Mails lists the mails to an address, the newest last.
func (p *Place) Mails(to string) []mail.Message {
	var found []mail.Message
	for _, m := range p.inbox.messages() {
		if m.To == to {
			found = append(found, m)
		}
	}
	return found
}

// Last gives the newest mail to an operator.
func (p *Place) Last(o *Operator) mail.Message {
	p.T.Helper()
	all := p.Mails(o.Email)
	if len(all) == 0 {
		p.T.Fatalf("no mail to %s", o.Email)
	}
	return all[len(all)-1]
}

var (
	codeLine      = regexp.MustCompile(`(?m)^([0-9A-Z]{5}-[0-9A-Z]{5})$`)
	linkLine      = regexp.MustCompile(`(?m)^https://id\.example/reset-confirm#(\S+)$`)
	temporaryLine = regexp.MustCompile(`(?m)^([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})$`)
)

func (p *Place) find(re *regexp.Regexp, m mail.Message) secret.Text {
	p.T.Helper()
	found := re.FindStringSubmatch(m.Text)
	if found == nil {
		p.T.Fatalf("mail %q holds no %s:\n%s", m.Subject, re, m.Text)
	}
	return secret.New(found[1])
}

// Code, Link and Temporary take the secret out of a mail.
func (p *Place) Code(m mail.Message) secret.Text { p.T.Helper(); return p.find(codeLine, m) }

// Link gives the token of the link.
func (p *Place) Link(m mail.Message) secret.Text { p.T.Helper(); return p.find(linkLine, m) }

// Temporary gives the temporary password.
func (p *Place) Temporary(m mail.Message) secret.Text { p.T.Helper(); return p.find(temporaryLine, m) }

// Operator is somebody of a Place, and what that person knows.
type Operator struct {
	ID, Username, Email string
	Password            secret.Text
	TOTPSecret          []byte
	Session             secret.Text // the last that was opened by Login
	Client              access.Client
}

// Option says more about a new operator.
type Option func(*options)

type options struct {
	role access.Role
	totp bool
	new  bool
}

// Administrator makes the operator an administrator.
func Administrator(o *options) { o.role = access.RoleAdministrator }

// WithTOTP enables two-factor authentication.
func WithTOTP(o *options) { o.totp = true }

// StillNew leaves the operator with the temporary password.
func StillNew(o *options) { o.new = true }

// Operator makes an operator with a permanent password.
func (p *Place) Operator(username string, with ...Option) *Operator {
	p.T.Helper()
	opts := options{role: access.RoleOperator}
	for _, w := range with {
		w(&opts)
	}
	o := &Operator{
		Username: username, Email: username + "@acme.example",
		Client: access.Client{Address: netip.MustParseAddr("192.0.2.1"), UserAgent: "Test/1.0"},
	}
	created, err := p.Service.CreateOperator(p.T.Context(), access.System, Account, access.CreateOperator{
		Username: username, Email: o.Email, FirstName: strings.ToUpper(username[:1]) + username[1:], LastName: "Example", Role: opts.role,
	})
	if err != nil {
		p.T.Fatalf("CreateOperator %s: %v", username, err)
	}
	o.ID, o.Password = created.Operator.OperatorID, created.TemporaryPassword
	if opts.new {
		return o
	}
	in := p.Login(o)
	o.Password = secret.New("a good passphrase of " + username + " 7")
	in, err = p.Service.NewPassword(p.T.Context(), access.NewPassword{Session: in.SessionToken, Password: o.Password, Client: o.Client})
	if err != nil {
		p.T.Fatalf("NewPassword of %s: %v", username, err)
	}
	o.Session = in.SessionToken
	if opts.totp {
		p.EnableTOTP(o)
	}
	p.Work()
	return o
}

// Login does the first step of a login, and expects it to succeed.
func (p *Place) Login(o *Operator) access.LoggedIn {
	p.T.Helper()
	in, err := p.Service.Login(p.T.Context(), access.Login{AccountID: Account, Login: o.Username, Password: o.Password, Client: o.Client})
	if err != nil {
		p.T.Fatalf("Login of %s: %v", o.Username, err)
	}
	if in.Next == access.NextTOTP {
		in, err = p.Service.LoginTOTP(p.T.Context(), access.LoginTOTP{Pending: in.PendingToken, Code: p.TOTP(o), Client: o.Client})
		if err != nil {
			p.T.Fatalf("LoginTOTP of %s: %v", o.Username, err)
		}
	}
	if !in.BrowserToken.Empty() {
		o.Client.Browser = in.BrowserToken
	}
	o.Session = in.SessionToken
	return in
}

// Identity checks the operator's session.
func (p *Place) Identity(o *Operator) *access.Identity {
	p.T.Helper()
	id, err := p.Service.Authenticate(p.T.Context(), o.Session)
	if err != nil {
		p.T.Fatalf("Authenticate %s: %v", o.Username, err)
	}
	return id
}

// EnableTOTP sets two-factor authentication up, and lets a minute pass so that the next code is a fresh one.
func (p *Place) EnableTOTP(o *Operator) {
	p.T.Helper()
	id := p.Identity(o)
	setup, err := p.Service.SetUpTOTP(p.T.Context(), id, access.SetUpTOTP{Password: o.Password}, o.Client)
	if err != nil {
		p.T.Fatalf("SetUpTOTP of %s: %v", o.Username, err)
	}
	o.TOTPSecret = Secret(p.T, setup.Secret)
	done, err := p.Service.ConfirmTOTP(p.T.Context(), p.Identity(o), p.TOTP(o), o.Client)
	if err != nil {
		p.T.Fatalf("ConfirmTOTP of %s: %v", o.Username, err)
	}
	o.Session = done.SessionToken
	p.Advance(time.Minute)
}

// TOTP gives the operator's current code, and notes nothing: a second use is a replay until a minute has passed.
func (p *Place) TOTP(o *Operator) secret.Text {
	return secret.New(totp.Credential{Secret: o.TOTPSecret, Period: time.Minute, Digits: 6}.Code(p.Now().Unix() / 60))
}

// RequestReset asks for a reset and gives the mail.
func (p *Place) RequestReset(o *Operator) mail.Message {
	p.T.Helper()
	if err := p.Service.RequestReset(p.T.Context(), access.RequestCode{AccountID: Account, Login: o.Username, Client: o.Client}); err != nil {
		p.T.Fatalf("RequestReset of %s: %v", o.Username, err)
	}
	p.Work()
	return p.Last(o)
}

// RequestSingleUseCode asks for a single-use code and gives the mail.
func (p *Place) RequestSingleUseCode(o *Operator) mail.Message {
	p.T.Helper()
	if err := p.Service.RequestSingleUseCode(p.T.Context(), access.RequestCode{AccountID: Account, Login: o.Username, Client: o.Client}); err != nil {
		p.T.Fatalf("RequestSingleUseCode of %s: %v", o.Username, err)
	}
	p.Work()
	return p.Last(o)
}

// ByCode and ByLink make the command that confirms a reset.
func (p *Place) ByCode(o *Operator, m mail.Message) access.ConfirmReset {
	p.T.Helper()
	return access.ConfirmReset{AccountID: Account, Login: o.Username, Code: p.Code(m), TOTP: p.totpIfAny(o), Client: o.Client}
}

// ByLink does it by the link.
func (p *Place) ByLink(o *Operator, m mail.Message) access.ConfirmReset {
	p.T.Helper()
	return access.ConfirmReset{Token: p.Link(m), TOTP: p.totpIfAny(o), Client: o.Client}
}

func (p *Place) totpIfAny(o *Operator) secret.Text {
	if o.TOTPSecret == nil {
		return secret.Text{}
	}
	return p.TOTP(o)
}

// SetPolicy changes the account's policy.
func (p *Place) SetPolicy(edit func(*access.Policy), enforce bool) {
	p.T.Helper()
	v, err := p.Service.Policy(p.T.Context(), Account)
	if err == nil {
		edit(&v.Policy)
		_, err = p.Service.SetPolicy(p.T.Context(), access.System, Account, access.SetPolicy{Policy: v.Policy, IfMatch: v.ETag, EnforceNextLogin: enforce})
	}
	if err != nil {
		p.T.Fatalf("SetPolicy: %v", err)
	}
}

// Notices lists the account's notices, the newest first.
func (p *Place) Notices() []access.NoticeView {
	p.T.Helper()
	page, err := p.Service.ListNotices(p.T.Context(), Account, access.ListNotices{Limit: access.MaxPageSize})
	if err != nil {
		p.T.Fatalf("ListNotices: %v", err)
	}
	return page.Items
}

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) get() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// line is a queue that nobody works on until Place.Work does.
type line struct {
	mu  sync.Mutex
	all []queued
}

type queued struct {
	q queue.Queue
	m queue.Message
}

func (l *line) Send(_ context.Context, q queue.Queue, m queue.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, queued{q, m})
	return nil
}

func (l *line) next() (queue.Queue, queue.Message, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return "", queue.Message{}, false
	}
	first := l.all[0]
	l.all = l.all[1:]
	return first.q, first.m, true
}

func (l *line) list(q queue.Queue) (found []queue.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.all {
		if e.q == q {
			found = append(found, e.m)
		}
	}
	return found
}

func (l *line) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = nil
}

// inbox keeps every mail.
type inbox struct {
	mu  sync.Mutex
	all []mail.Message
}

func (b *inbox) Send(_ context.Context, m mail.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, m)
	return nil
}

func (b *inbox) messages() []mail.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]mail.Message(nil), b.all...)
}

// Secret reads a TOTP secret as it is shown.
func Secret(t testing.TB, s secret.Text) []byte {
	t.Helper()
	raw, err := totp.ParseBase32(s.Reveal())
	if err != nil {
		t.Fatal(fmt.Errorf("secret: %w", err))
	}
	return raw
}
