// Package ses hands mails to Amazon SES (API v2).
package ses

import (
	"context"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"postern/shared/mail"
	"postern/shared/mail/sesevents"
)

// Client is the request to SES that a Sender makes: that of [ClientOf]. Why it is no sesv2.Client: see dynamo.Client.
type Client struct {
	SendEmail func(context.Context, *sesv2.SendEmailInput, ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error)
}

// ClientOf gives the request of the SDK's client.
func ClientOf(c *sesv2.Client) Client { return Client{c.SendEmail} }

// Config is what a Sender works with.
type Config struct {
	// Client asks SES.
	Client Client
	// ConfigurationSet is the one that publishes bounces, complaints, rejects and delays. Empty: none.
	ConfigurationSet string
	// ReplyTo is where answers of people go if the mail names nothing else. Empty: to the sender.
	ReplyTo string
}

// Sender implements mail.Sender. It is safe for concurrent use.
type Sender struct{ c Config }

var _ mail.Sender = (*Sender)(nil)

// New makes a Sender.
func New(c Config) *Sender { return &Sender{c} }

// Send implements mail.Sender. What SES says will never do is [mail.ErrRejected]; a sending rate or daily quota that is spent is
// [mail.ErrThrottled]; an identity that is not verified yet, or an account that is paused may pass.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	in := &sesv2.SendEmailInput{
		FromEmailAddress: aws.String((&netmail.Address{Name: m.FromName, Address: m.From}).String()),
		Destination:      &types.Destination{ToAddresses: []string{m.To}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: content(m.Subject),
			Body:    &types.Body{Text: content(m.Text), Html: content(m.HTML)},
			Headers: []types.MessageHeader{
				{Name: aws.String("Auto-Submitted"), Value: aws.String("auto-generated")}, // RFC 3834: no out-of-office replies
			},
		}},
		EmailTags: []types.MessageTag{{Name: aws.String(sesevents.MailTag), Value: aws.String(tagValue(m.ID))}},
	}
	if s.c.ConfigurationSet != "" {
		in.ConfigurationSetName = &s.c.ConfigurationSet
	}
	if to := m.ReplyTo; to != "" {
		in.ReplyToAddresses = []string{to}
	} else if s.c.ReplyTo != "" {
		in.ReplyToAddresses = []string{s.c.ReplyTo}
	}
	for name, value := range m.Tags {
		in.EmailTags = append(in.EmailTags, types.MessageTag{Name: aws.String(tagValue(name)), Value: aws.String(tagValue(value))})
	}
	if _, err := s.c.Client.SendEmail(ctx, in, func(o *sesv2.Options) { o.Retryer = retryer(m.Urgent) }); err != nil {
		return explain(err)
	}
	return nil
}

// retryer is how the SDK repeats what SES turned away. Only urgent mails wait for their turn, up to about twenty seconds: so while SES
// takes fewer than there are, codes go out before notices.
func retryer(urgent bool) aws.Retryer {
	tries, backoff := 1, time.Duration(0)
	if urgent {
		tries, backoff = 8, 4*time.Second
	}
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = tries, backoff, ratelimit.None
	})
}

func content(text string) *types.Content {
	return &types.Content{Data: &text, Charset: aws.String("UTF-8")}
}

// tagValue keeps to what SES takes in names and values of tags: ASCII letters, digits, '_', '-', '.', '@', 256 of them.
func tagValue(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_-.@", r):
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), 256)]
}

// explain says whether trying again may help. Of a rejection it keeps SES's words: they name the address at fault, which
// stands beside them in the outbox already.
func explain(err error) error {
	var rejected *types.MessageRejected
	var bad *types.BadRequestException
	var busy *types.TooManyRequestsException
	var spent *types.LimitExceededException
	switch {
	case errors.As(err, &busy), errors.As(err, &spent): // the rate for a second; the quota for a day
		return fmt.Errorf("%w: %w", mail.ErrThrottled, err)
	case errors.As(err, &rejected) && !strings.Contains(rejected.ErrorMessage(), "not verified"):
		return fmt.Errorf("%w: %s", mail.ErrRejected, rejected.ErrorMessage())
	case errors.As(err, &bad):
		return fmt.Errorf("%w: %s", mail.ErrRejected, bad.ErrorMessage())
	}
	return fmt.Errorf("send by SES: %w", err)
}
