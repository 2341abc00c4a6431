package ses_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"postern/shared/mail"
	"postern/shared/mail/mailtest"
	"postern/shared/mail/ses"
	"postern/shared/mail/sesevents"
)

// sent is a request of SendEmail, as far as Postern makes one.
type sent struct {
	FromEmailAddress string
	Destination      struct{ ToAddresses, CcAddresses, BccAddresses []string }
	ReplyToAddresses []string
	Content          struct {
		Simple struct {
			Subject struct{ Data, Charset string }
			Body    struct {
				Text, Html struct{ Data, Charset string }
			}
			Headers []struct{ Name, Value string }
		}
	}
	EmailTags            []struct{ Name, Value string }
	ConfigurationSetName string
}

// provider is SES's SendEmail over HTTP: it keeps what it is sent, takes perSecond mails in a second of the given clock, and else says
// that they are too many.
type provider struct {
	t         testing.TB
	perSecond int
	refuse    string // an error type, instead of taking mails
	message   string

	mu     sync.Mutex
	mails  []sent
	asked  int
	second int64
	taken  int
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if now := time.Now().Unix(); now != p.second {
		p.second, p.taken = now, 0
	}
	var m sent
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/v2/email/outbound-emails" || json.Unmarshal(raw, &m) != nil:
		p.t.Errorf("%s %s: %s", r.Method, r.URL, raw)
		w.WriteHeader(http.StatusBadRequest)
	case p.refuse != "":
		refuse(w, http.StatusBadRequest, p.refuse, p.message)
	case p.perSecond > 0 && p.taken >= p.perSecond:
		refuse(w, http.StatusTooManyRequests, "TooManyRequestsException", "Maximum sending rate exceeded.")
	default:
		p.taken++
		p.mails = append(p.mails, m)
		fmt.Fprintf(w, `{"MessageId":"%d"}`, len(p.mails))
	}
	return w.Result(), nil
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("X-Amzn-Errortype", kind)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"message":%q}`, message)
}

func (p *provider) sender() *ses.Sender {
	return ses.New(ses.Config{ConfigurationSet: "postern", ReplyTo: "office@acme.example", Client: ses.ClientOf(sesv2.New(sesv2.Options{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""), HTTPClient: &http.Client{Transport: p},
		BaseEndpoint: aws.String("http://ses.invalid"),
	}))})
}

func TestSuite(t *testing.T) {
	mailtest.Run(t, func(t *testing.T) (mail.Sender, func(*testing.T) []mailtest.Received) {
		p := &provider{t: t}
		return p.sender(), func(t *testing.T) []mailtest.Received {
			var all []mailtest.Received
			for _, m := range p.mails {
				from, err := netmail.ParseAddress(m.FromEmailAddress)
				if err != nil || len(m.Destination.ToAddresses) != 1 || len(m.Destination.CcAddresses)+len(m.Destination.BccAddresses) != 0 {
					t.Fatalf("from %q, %v, to %v", m.FromEmailAddress, err, m.Destination)
				}
				r := mailtest.Received{From: from.Address, To: m.Destination.ToAddresses[0], Subject: m.Content.Simple.Subject.Data,
					Text: m.Content.Simple.Body.Text.Data, HTML: m.Content.Simple.Body.Html.Data}
				if from.Name != "" {
					r.From = from.Name + " <" + from.Address + ">"
				}
				all = append(all, r)
			}
			return all
		}
	})
}

// What SES is told besides the mail: the configuration set, by which it publishes events, the mail's id, and that it is no person who writes.
func TestRequest(t *testing.T) {
	p := &provider{t: t}
	m := mailtest.Message()
	if err := p.sender().Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	m.ReplyTo, m.Tags["note"] = "", "not only ASCII: ä"
	if err := p.sender().Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	for i, replyTo := range []string{"help@acme.example", "office@acme.example"} {
		got := p.mails[i]
		tags := map[string]string{}
		for _, tag := range got.EmailTags {
			tags[tag.Name] = tag.Value
		}
		headers := got.Content.Simple.Headers
		if got.ConfigurationSetName != "postern" || tags[sesevents.MailTag] != m.ID || tags["template"] != "reset" || got.ReplyToAddresses[0] != replyTo ||
			len(headers) != 1 || headers[0].Name != "Auto-Submitted" || headers[0].Value != "auto-generated" {
			t.Errorf("request %+v", got)
		}
		if note := tags["note"]; i == 1 && note != "not_only_ASCII___" {
			t.Errorf("note %q", note)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		kind, message       string
		rejected, throttled bool
	}{
		{"MessageRejected", "Address is on the suppression list.", true, false},
		{"MessageRejected", "Email address is not verified.", false, false},
		{"BadRequestException", "Invalid domain name.", true, false},
		{"LimitExceededException", "Daily message quota exceeded.", false, true},
		{"TooManyRequestsException", "Maximum sending rate exceeded.", false, true},
		{"AccountSuspendedException", "Sending suspended.", false, false},
		{"SendingPausedException", "Sending paused.", false, false},
		{"MailFromDomainNotVerifiedException", "Not yet.", false, false},
		{"InternalFailure", "Oh.", false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &provider{t: t, refuse: c.kind, message: c.message}
			err := p.sender().Send(t.Context(), mailtest.Message())
			if err == nil || errors.Is(err, mail.ErrRejected) != c.rejected || errors.Is(err, mail.ErrThrottled) != c.throttled || !strings.Contains(err.Error(), c.message) {
				t.Errorf("%s: %v", c.kind, err)
			}
		})
	}
}

// While SES takes one mail a second, urgent ones wait for their turn, and the others come back later (security.md 30).
func TestUrgentMailsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{t: t, perSecond: 1}
		s := p.sender()
		var wg sync.WaitGroup
		var mu sync.Mutex
		turnedAway := 0
		send := func(subject string, urgent bool) {
			m := mailtest.Message()
			m.Subject, m.Urgent = subject, urgent
			wg.Go(func() {
				err := s.Send(t.Context(), m)
				if err != nil && !errors.Is(err, mail.ErrThrottled) {
					t.Errorf("%s: %v", subject, err)
				}
				if err != nil {
					mu.Lock()
					turnedAway++
					mu.Unlock()
				}
				if urgent && err != nil {
					t.Errorf("urgent mail: %v", err)
				}
			})
		}
		for range 20 {
			send("notice", false)
		}
		for range 5 {
			send("code", true)
		}
		wg.Wait()
		codes := 0
		for _, m := range p.mails {
			if m.Content.Simple.Subject.Data == "code" {
				codes++
			}
		}
		if codes != 5 || codes+20-turnedAway != len(p.mails) || turnedAway < 15 {
			t.Errorf("%d codes of %d mails went out, %d were turned away", codes, len(p.mails), turnedAway)
		}
	})
	// Somebody who gives up is not kept.
	synctest.Test(t, func(t *testing.T) {
		p := &provider{t: t, refuse: "TooManyRequestsException"}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m := mailtest.Message()
		m.Urgent = true
		began := time.Now()
		if err := p.sender().Send(ctx, m); err == nil || time.Since(began) > 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
