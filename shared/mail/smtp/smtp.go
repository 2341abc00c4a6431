// Package smtp hands mails to a mail server (RFC 5321), with STARTTLS (RFC 3207) and login (RFC 4954).
package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"postern/shared/mail"
	"postern/shared/secret"
)

// TLS says how the way to the mail server is protected.
type TLS int

// The ways.
const (
	// TLSDefault requires STARTTLS, unless the server is this machine: then it is used if offered.
	TLSDefault TLS = iota
	// TLSRequired requires STARTTLS.
	TLSRequired
	// TLSOff sends as plain text, passwords too.
	TLSOff
)

// Config is how the mail server is reached.
type Config struct {
	Addr     string // host:port
	Username string // empty: no login
	Password secret.Text
	TLS      TLS
	Timeout  time.Duration // of one mail; 0: 30 s
	// Options are further ones of the client, such as a TLS configuration with roots of one's own. Unset: the system's roots.
	Options []gomail.Option
}

// Sender implements mail.Sender. It is safe for concurrent use: each mail has a connection of its own.
type Sender struct {
	host    string
	options []gomail.Option
}

var _ mail.Sender = (*Sender)(nil)

// New makes a Sender. It does not connect yet.
func New(c Config) (*Sender, error) {
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("mail server %q is not host:port: %w", c.Addr, err)
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("mail server %q: the port is no number", c.Addr)
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	policy := gomail.TLSMandatory
	switch {
	case c.TLS == TLSOff:
		policy = gomail.NoTLS
	case c.TLS == TLSDefault && loopback(host):
		policy = gomail.TLSOpportunistic
	}
	s := &Sender{host: host, options: []gomail.Option{gomail.WithPort(p), gomail.WithTimeout(c.Timeout), gomail.WithTLSPolicy(policy)}}
	if c.Username != "" {
		auth := gomail.SMTPAuthAutoDiscover
		if c.TLS == TLSOff {
			auth = gomail.SMTPAuthPlainNoEnc
		}
		s.options = append(s.options, gomail.WithSMTPAuth(auth), gomail.WithUsername(c.Username), gomail.WithPassword(c.Password.Reveal()))
	}
	s.options = append(s.options, c.Options...)
	if _, err := gomail.NewClient(host, s.options...); err != nil {
		return nil, fmt.Errorf("mail server %q: %w", c.Addr, err)
	}
	return s, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send implements mail.Sender. mail.ErrRejected: the server refused this mail for good (a 5xx reply to it), or its fields could
// break out of their header.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	msg, err := compose(m)
	if err != nil {
		return err
	}
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("mail client: %w", err)
	}
	if err := client.DialWithContext(ctx); err != nil {
		return fmt.Errorf("reach mail server: %w", err)
	}
	err = client.Send(msg)
	// What happens to the connection after the server took the mail does not matter.
	_ = client.Close()
	if refusal := (*gomail.SendError)(nil); errors.As(err, &refusal) && refusal.ErrorCode() >= 500 {
		return fmt.Errorf("%w: %w", mail.ErrRejected, err)
	}
	if err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	return nil
}

// compose makes the message: text and HTML as alternatives (RFC 2046, section 5.1.4).
func compose(m mail.Message) (*gomail.Msg, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	msg := gomail.NewMsg()
	reject := func(err error) (*gomail.Msg, error) { return nil, fmt.Errorf("%w: %w", mail.ErrRejected, err) }
	if err := msg.FromFormat(m.FromName, m.From); err != nil {
		return reject(err)
	}
	if err := msg.To(m.To); err != nil {
		return reject(err)
	}
	if m.ReplyTo != "" {
		if err := msg.ReplyTo(m.ReplyTo); err != nil {
			return reject(err)
		}
	}
	_, domain, _ := strings.Cut(m.From, "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	msg.SetDate()
	msg.Subject(m.Subject)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}
