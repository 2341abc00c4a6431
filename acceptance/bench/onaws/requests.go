package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"postern/infra/template"
	"postern/shared/access"
	"postern/shared/keys"
	"postern/shared/mail"
	"postern/shared/password"
	"postern/shared/queue"
	"postern/shared/secret"
	"postern/shared/store"
	"postern/shared/store/dynamo"
)

// counter is the way to DynamoDB: it counts what is asked, and what DynamoDB says that it costs.
type counter struct {
	mu                  sync.Mutex
	reads, writes       int     // requests
	readUnits, writeOps float64 // request units
}

func (c *counter) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	// The adapter does not ask what its requests cost. DynamoDB Local does not mind that this is not what was signed.
	body = bytes.Replace(body, []byte("{"), []byte(`{"ReturnConsumedCapacity":"TOTAL",`), 1)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	type cost struct{ CapacityUnits float64 }
	var one struct{ ConsumedCapacity cost }
	var many struct{ ConsumedCapacity []cost }
	units := 0.0
	if json.Unmarshal(answer, &one) == nil {
		units = one.ConsumedCapacity.CapacityUnits
	} else if json.Unmarshal(answer, &many) == nil {
		for _, m := range many.ConsumedCapacity {
			units += m.CapacityUnits
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); operation {
	case "GetItem", "BatchGetItem", "Query":
		c.reads++
		c.readUnits += units
	default:
		c.writes++
		c.writeOps += units
	}
	return resp, nil
}

// take gives what was counted since it was last asked.
func (c *counter) take() (requests int, readUnits, writeUnits float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	requests, readUnits, writeUnits = c.reads+c.writes, c.readUnits, c.writeOps
	c.reads, c.writes, c.readUnits, c.writeOps = 0, 0, 0, 0
	return requests, readUnits, writeUnits
}

// deployment is a Service on tables of its own in DynamoDB Local.
type deployment struct {
	*access.Service
	count counter
	now   time.Time
	sent  []queue.Message // to a queue, not delivered yet
	to    []queue.Queue
	mails []mail.Message
}

const account = "bench"

func deploy(ctx context.Context, endpoint string) (*deployment, error) {
	d := &deployment{now: time.Now().UTC().Truncate(time.Millisecond)}
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint, Region: "local", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		DisableValidateResponseChecksum: true, HTTPClient: &d.count,
	})
	tables, err := template.Tables("template.yaml")
	if err != nil {
		return nil, err
	}
	names := map[store.Table]string{}
	run := rand.Text()[:8]
	for _, t := range tables {
		names[store.Table(t.Name)] = "bench-" + run + "-" + t.Name
		if _, err := client.CreateTable(ctx, t.Create(names[store.Table(t.Name)])); err != nil {
			return nil, fmt.Errorf("create table %s: %w", t.Name, err)
		}
	}
	text, err := keys.NewRing(rand.Reader)
	if err != nil {
		return nil, err
	}
	ring, err := keys.ParseRing(text, rand.Reader)
	if err != nil {
		return nil, err
	}
	// What a hash costs is another measurement's matter.
	hasher, err := password.New(password.Params{MemoryKiB: 8, Passes: 1, Lanes: 1}, 2, 100, rand.Reader)
	if err != nil {
		return nil, err
	}
	d.Service = access.New(access.Config{
		Store: dynamo.New(dynamo.Config{Client: dynamo.ClientOf(client), Tables: names}), Keys: ring, Hasher: hasher, Queue: d,
		Now: func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler), Origin: "https://login.example.com",
	})
	_, err = d.CreateAccount(ctx, access.Actor{Name: "system"}, access.CreateAccount{AccountID: account})
	return d, err
}

// queued is d as the queue and as the one who sends mails.
func (d *deployment) Send(_ context.Context, q queue.Queue, m queue.Message) error {
	d.to, d.sent = append(d.to, q), append(d.sent, m)
	return nil
}

type outbound struct{ d *deployment }

func (o outbound) Send(_ context.Context, m mail.Message) error {
	o.d.mails = append(o.d.mails, m)
	return nil
}

// deliver does what is queued, and what that queues.
func (d *deployment) deliver(ctx context.Context) error {
	mailer := access.NewMailer(d.Service, outbound{d}, "postern@example.com")
	for len(d.sent) > 0 {
		q, m := d.to[0], d.sent[0]
		d.to, d.sent = d.to[1:], d.sent[1:]
		var err error
		if q == queue.Mail {
			err = mailer.SendMail(ctx, m.AccountID, m.ID)
		} else {
			err = d.IssueCode(ctx, m.AccountID, m.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// operator makes one who has chosen a password, and a browser that is known.
func (d *deployment) operator(ctx context.Context, name string) (access.Client, secret.Text, error) {
	c := access.Client{Address: netip.MustParseAddr("192.0.2.1"), UserAgent: "bench"}
	word := secret.New("a passphrase for measuring " + rand.Text())
	made, err := d.CreateOperator(ctx, access.Actor{Name: "system"}, account, access.CreateOperator{
		Username: name, Email: name + "@example.com", FirstName: "Bench", LastName: "Mark", Role: access.RoleOperator,
	})
	if err != nil {
		return c, word, err
	}
	in, err := d.Login(ctx, access.Login{AccountID: account, Login: name, Password: made.TemporaryPassword, Client: c})
	if err != nil {
		return c, word, err
	}
	c.Browser = in.BrowserToken
	if _, err = d.NewPassword(ctx, access.NewPassword{Session: in.SessionToken, Password: word, Client: c}); err != nil {
		return c, word, err
	}
	in, err = d.Login(ctx, access.Login{AccountID: account, Login: name, Password: word, Client: c})
	if err == nil && in.BrowserToken.Reveal() != "" {
		c.Browser = in.BrowserToken
	}
	return c, word, errors.Join(err, d.deliver(ctx))
}

var resetCode = regexp.MustCompile(`(?m)^([0-9A-Z]{5}-[0-9A-Z]{5})$`)

// requests prints what DynamoDB is asked for each thing that people do, and what that costs in request units.
func requests(ctx context.Context) error {
	endpoint := os.Getenv("POSTERN_DYNAMODB_ENDPOINT")
	if endpoint == "" {
		return errors.New("needs DynamoDB Local: infra/stand/with-dynamodb.sh go run ./acceptance/bench/onaws")
	}
	d, err := deploy(ctx, endpoint)
	if err != nil {
		return err
	}
	c, word, err := d.operator(ctx, "someone")
	if err != nil {
		return fmt.Errorf("make an operator: %w", err)
	}
	fmt.Printf("\nDynamoDB                       requests   read units   write units\n")
	var session secret.Text
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"login", func() error {
			in, err := d.Login(ctx, access.Login{AccountID: account, Login: "someone", Password: word, Client: c})
			session = in.SessionToken
			return err
		}},
		{"login, refused", func() error {
			_, err := d.Login(ctx, access.Login{AccountID: account, Login: "someone", Password: secret.New("wrong"), Client: c})
			if errors.Is(err, access.ErrInvalidCredentials) {
				return nil
			}
			return fmt.Errorf("a wrong password: %w", err)
		}},
		{"session check", func() error {
			_, err := d.Authenticate(ctx, session)
			return err
		}},
		{"session check that is noted", func() error { // last use is kept to the minute or so
			d.now = d.now.Add(10 * time.Minute)
			_, err := d.Authenticate(ctx, session)
			return err
		}},
		{"single-use code, mailed", func() error {
			err := d.RequestSingleUseCode(ctx, access.RequestCode{AccountID: account, Login: "someone", Client: c})
			return errors.Join(err, d.deliver(ctx))
		}},
		{"reset, to the new password", func() error {
			if err := d.RequestReset(ctx, access.RequestCode{AccountID: account, Login: "someone", Client: c}); err != nil {
				return err
			}
			if err := d.deliver(ctx); err != nil {
				return err
			}
			code := resetCode.FindString(d.mails[len(d.mails)-1].Text)
			confirmed, err := d.ConfirmReset(ctx, access.ConfirmReset{AccountID: account, Login: "someone", Code: secret.New(code), Client: c})
			if err != nil {
				return err
			}
			if _, err = d.NewPassword(ctx, access.NewPassword{Replacement: confirmed.Replacement, Password: secret.New("another passphrase " + rand.Text()), Client: c}); err != nil {
				return err
			}
			return d.deliver(ctx)
		}},
	} {
		d.count.take()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		n, r, w := d.count.take()
		fmt.Printf("  %-28s %8d     %8.1f      %8.1f\n", step.name, n, r, w)
	}
	return expiry(ctx, endpoint)
}

// expiry compares the sweep for expired passwords over some operators and over ten times as many, with the same number due.
func expiry(ctx context.Context, endpoint string) error {
	const due, few = 20, 50
	var asked []int
	for _, all := range []int{few, 10 * few} {
		d, err := deploy(ctx, endpoint)
		if err != nil {
			return err
		}
		p, err := d.Policy(ctx, account)
		if err != nil {
			return err
		}
		p.Policy.MaxAgeDays = 90
		if p, err = d.SetPolicy(ctx, access.Actor{Name: "system"}, account, access.SetPolicy{Policy: p.Policy, IfMatch: p.ETag}); err != nil {
			return fmt.Errorf("have passwords expire: %w", err)
		}
		for i := range all {
			if i == due {
				d.now = d.now.Add(24 * time.Hour) // so those made before are to be warned a day earlier
			}
			if _, _, err := d.operator(ctx, fmt.Sprint("o", i)); err != nil {
				return fmt.Errorf("make an operator: %w", err)
			}
		}
		d.now = d.now.AddDate(0, 0, p.Policy.MaxAgeDays-p.Policy.WarnDays[0]).Add(-12 * time.Hour)
		d.count.take()
		if err := d.ExpirePasswords(ctx); err != nil {
			return err
		}
		n, r, w := d.count.take()
		fmt.Printf("  %-28s %8d     %8.1f      %8.1f\n", fmt.Sprintf("expiry sweep, %d of %d due", due, all), n, r, w)
		asked = append(asked, n)
	}
	fmt.Printf("  over 10 x the operators      %8.2f x the requests (aim: at most 1.1)\n", float64(asked[1])/float64(asked[0]))
	return nil
}
