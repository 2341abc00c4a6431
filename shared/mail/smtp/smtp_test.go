package smtp_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"postern/shared/mail"
	"postern/shared/mail/mailtest"
	"postern/shared/mail/smtp"
	"postern/shared/secret"
)

// server is a mail server, small but real: STARTTLS, AUTH PLAIN, and replies that a test can set.
type server struct {
	addr    string
	cert    tls.Certificate
	roots   *x509.CertPool
	replies map[string]string // instead of the usual, by command ("RCPT", "DATA", "." for the end of data; "" closes)
	noTLS   bool

	mu    sync.Mutex
	mails []string
	users []string
	plain bool // a mail came without TLS
}

func start(t *testing.T, replies map[string]string) *server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots: x509.NewCertPool(), replies: replies}
	s.roots.AddCert(leaf)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(c) })
		}
	})
	return s
}

func (s *server) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	secure := false
	r := bufio.NewReader(c)
	say := func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	say("220 test")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.TrimSpace(line))
		verb, _, _ = strings.Cut(verb, " ")
		verb, _, _ = strings.Cut(verb, ":")
		if reply, ok := s.replies[verb]; ok {
			if reply == "" {
				return
			}
			say(reply)
			continue
		}
		switch verb {
		case "EHLO":
			if secure || s.noTLS {
				say("250-test")
				say("250 AUTH PLAIN")
			} else {
				say("250-test")
				say("250 STARTTLS")
			}
		case "STARTTLS":
			say("220 go")
			tc := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{s.cert}})
			if tc.Handshake() != nil {
				return
			}
			c, r, secure = tc, bufio.NewReader(tc), true
		case "AUTH":
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(line[len("AUTH PLAIN "):]))
			s.mu.Lock()
			s.users = append(s.users, string(raw))
			s.mu.Unlock()
			if !strings.HasSuffix(string(raw), "\x00the password") {
				say("535 no")
				continue
			}
			say("235 yes")
		case "MAIL", "RCPT", "RSET", "NOOP":
			say("250 ok")
		case "DATA":
			say("354 go")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			if reply, ok := s.replies["."]; ok {
				if reply == "" {
					return
				}
				say(reply)
				continue
			}
			s.mu.Lock()
			s.mails = append(s.mails, b.String())
			s.plain = s.plain || !secure
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what")
		}
	}
}

func (s *server) sender(t *testing.T, edit func(*smtp.Config)) *smtp.Sender {
	t.Helper()
	c := smtp.Config{Addr: s.addr, Timeout: 5 * time.Second, TLS: smtp.TLSRequired, Options: []gomail.Option{
		gomail.WithTLSConfig(&tls.Config{RootCAs: s.roots, ServerName: "localhost"}),
	}}
	if edit != nil {
		edit(&c)
	}
	sender, err := smtp.New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return sender
}

func message() mail.Message {
	return mail.Message{
		ID: "acme.m1", From: "login@acme.example", FromName: "Acmé Ltd", To: "alice@acme.example", ReplyTo: "help@acme.example",
		Subject: "Grüße, 世界", Text: "line one\n\n.dot\nABCDE-FGHJK\n", HTML: "<p>grüße</p>",
	}
}

func TestSend(t *testing.T) {
	s := start(t, nil)
	sender := s.sender(t, func(c *smtp.Config) { c.Username, c.Password = "postern", secret.New("the password") })
	if err := sender.Send(t.Context(), message()); err != nil {
		t.Fatalf("Send: %v", err)
	}
	if len(s.mails) != 1 || s.plain || len(s.users) != 1 {
		t.Fatalf("%d mails, plain %t, logins %d", len(s.mails), s.plain, len(s.users))
	}
	m, err := netmail.ReadMessage(strings.NewReader(s.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || from[0].Name != "Acmé Ltd" || from[0].Address != "login@acme.example" {
		t.Errorf("From %v, %v", from, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != message().Subject {
		t.Errorf("Subject %q, %v", subject, err)
	}
	for name, want := range map[string]string{
		"To": "<alice@acme.example>", "Reply-To": "<help@acme.example>", "Message-ID": "<acme.m1@acme.example>", "Auto-Submitted": "auto-generated",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %s, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []string{message().Text, message().HTML} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if got := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("part %q, %v, want %q", got, err, want)
		}
	}
}

func TestSuite(t *testing.T) {
	mailtest.Run(t, func(t *testing.T) (mail.Sender, func(*testing.T) []mailtest.Received) {
		s := start(t, nil)
		return s.sender(t, nil), func(t *testing.T) (all []mailtest.Received) {
			for _, raw := range s.mails {
				m, err := netmail.ReadMessage(strings.NewReader(raw))
				if err != nil {
					t.Fatal(err)
				}
				from, err := m.Header.AddressList("From")
				if err != nil {
					t.Fatal(err)
				}
				subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
				if err != nil {
					t.Fatal(err)
				}
				r := mailtest.Received{From: from[0].Address, To: strings.Trim(m.Header.Get("To"), "<>"), Subject: subject}
				if from[0].Name != "" {
					r.From = from[0].Name + " <" + r.From + ">"
				}
				_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
				if err != nil {
					t.Fatal(err)
				}
				parts := multipart.NewReader(m.Body, params["boundary"])
				for _, to := range []*string{&r.Text, &r.HTML} {
					p, err := parts.NextRawPart()
					if err != nil {
						t.Fatal(err)
					}
					body, err := io.ReadAll(quotedprintable.NewReader(p))
					if err != nil {
						t.Fatal(err)
					}
					*to = strings.ReplaceAll(string(body), "\r\n", "\n")
				}
				all = append(all, r)
			}
			return all
		}
	})
}

// Refusals that last are told apart from what may pass.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name     string
		replies  map[string]string
		rejected bool
	}{
		{"recipient refused for good", map[string]string{"RCPT": "550 no such user"}, true},
		{"recipient refused for now", map[string]string{"RCPT": "450 later"}, false},
		{"content refused for good", map[string]string{".": "554 spam"}, true},
		{"content refused for now", map[string]string{".": "451 later"}, false},
		{"connection lost before the data", map[string]string{"DATA": ""}, false},
		{"connection lost after the data", map[string]string{".": ""}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, c.replies)
			err := s.sender(t, nil).Send(t.Context(), message())
			if err == nil || errors.Is(err, mail.ErrRejected) != c.rejected {
				t.Errorf("got %v, want rejected for good: %t", err, c.rejected)
			}
		})
	}
	s := start(t, nil)
	err := s.sender(t, func(c *smtp.Config) { c.Username, c.Password = "postern", secret.New("hunter2") }).Send(t.Context(), message())
	if err == nil || errors.Is(err, mail.ErrRejected) || strings.Contains(fmt.Sprint(err), "hunter2") {
		t.Errorf("wrong password: %v, want an error that may pass and shows nothing", err)
	}
}

// Where STARTTLS is required, nothing is sent without it.
func TestSTARTTLS(t *testing.T) {
	s := start(t, nil)
	s.noTLS = true
	if err := s.sender(t, nil).Send(t.Context(), message()); err == nil || len(s.mails) != 0 {
		t.Errorf("sent without TLS: %v, %d mails", err, len(s.mails))
	}
	for name, mode := range map[string]smtp.TLS{"this machine": smtp.TLSDefault, "switched off": smtp.TLSOff} {
		if err := s.sender(t, func(c *smtp.Config) { c.TLS = mode }).Send(t.Context(), message()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := start(t, nil)
	untrusted := other.sender(t, func(c *smtp.Config) { c.Options = nil })
	if err := untrusted.Send(t.Context(), message()); err == nil || len(other.mails) != 0 {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
}

// No field can break out of its header (security.md 18).
func TestHeaderInjection(t *testing.T) {
	s := start(t, nil)
	sender := s.sender(t, nil)
	for _, edit := range []func(*mail.Message){
		func(m *mail.Message) { m.Subject = "x\r\nBcc: all@example.com" },
		func(m *mail.Message) { m.FromName = "x\nBcc: all@example.com" },
		func(m *mail.Message) { m.To = "alice@acme.example\r\nBcc: all@example.com" },
		func(m *mail.Message) { m.ReplyTo = "a@b.c\n" },
		func(m *mail.Message) { m.ID = "x\r\nX: y" },
		func(m *mail.Message) { m.To = "not an address" },
	} {
		m := message()
		edit(&m)
		if err := sender.Send(t.Context(), m); !errors.Is(err, mail.ErrRejected) {
			t.Errorf("%+v: got %v, want %v", m, err, mail.ErrRejected)
		}
	}
	if len(s.mails) != 0 {
		t.Errorf("%d mails were sent", len(s.mails))
	}
}

func TestBadConfig(t *testing.T) {
	for _, addr := range []string{"", "host", "host:port", ":"} {
		if _, err := smtp.New(smtp.Config{Addr: addr}); err == nil {
			t.Errorf("%q is taken for a mail server", addr)
		}
	}
}
