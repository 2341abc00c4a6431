package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"postern/infra/template"
	"postern/shared/keys"
	posternmail "postern/shared/mail"
	"postern/shared/mail/inbox"
	"postern/shared/store"
)

// services are AWS as the functions see it: one endpoint, which passes requests on to DynamoDB Local and moto, answers for SES, and
// tells the stand's time.
type services struct {
	inbox    *inbox.Inbox
	server   *http.Server
	endpoint string            // as containers reach it
	values   map[string]string // what !Ref and !GetAtt of the template's resources give: "MailQueue", "SecretsKey.Arn"
	queues   map[string]string // "MailQueue.Arn" to its URL
	sqs      *sqs.Client
	// permissions hold functions to their roles.
	permissions *permissions
}

const (
	region    = "eu-central-1"
	stackName = "postern"
	mailFrom  = "postern@stand.example"

	configurationSet = "MailConfigurationSet" // its name in the template

	clockPath     = "/clock"
	sendEmailPath = "/v2/email/outbound-emails"
)

// startServices needs POSTERN_DYNAMODB_ENDPOINT, POSTERN_MOTO_ENDPOINT and POSTERN_DOCKER_HOST_ADDRESS, which the scripts of
// infra/stand set.
func startServices(ctx context.Context, s *stand) (*services, error) {
	v := &services{values: map[string]string{configurationSet: stackName + "-" + configurationSet + "-STAND"}, queues: map[string]string{}}
	var to []*url.URL
	for _, name := range []string{"POSTERN_DYNAMODB_ENDPOINT", "POSTERN_MOTO_ENDPOINT"} {
		u, err := url.Parse(os.Getenv(name))
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%s is not set: start this by make aws-local", name)
		}
		to = append(to, u)
	}
	ring, err := keys.NewRing(rand.Reader)
	if err != nil {
		return nil, err
	}
	k, err := keys.ParseRing(ring, rand.Reader)
	if err != nil {
		return nil, err
	}
	if v.inbox, err = inbox.Open(filepath.Join(s.data, "inbox"), k, s.clock.Now); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("POSTERN_DOCKER_HOST_ADDRESS"), "0"))
	if err != nil {
		return nil, fmt.Errorf("listen where containers reach: %w", err)
	}
	v.endpoint = "http://" + listener.Addr().String()
	if v.permissions, err = newPermissions(s.template, v.values, mailFrom); err != nil {
		return nil, err
	}
	dynamo, moto := passOn(to[0]), passOn(to[1])
	v.server = &http.Server{Handler: v.permissions.hold(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == clockPath:
			_, _ = fmt.Fprint(w, s.clock.Now().Format("2006-01-02T15:04:05.999999999Z07:00"))
		case r.URL.Path == sendEmailPath:
			v.sendEmail(w, r)
		case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_"):
			dynamo.ServeHTTP(w, r)
		default:
			moto.ServeHTTP(w, r)
		}
	}))}
	go func() {
		if err := v.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the services closed", "error", err)
		}
	}()
	return v, errors.Join(v.makeTables(ctx, s.template), v.makeKeys(ctx, s.template), v.makeQueues(ctx, s.template), v.warm(ctx))
}

// warm asks DynamoDB Local and moto what functions will ask first. On a busy machine that takes them longer than a function waits, and
// what they do after that nobody learns of.
func (v *services) warm(ctx context.Context) error {
	check := func(table store.Table) dynamotypes.TransactWriteItem {
		return dynamotypes.TransactWriteItem{ConditionCheck: &dynamotypes.ConditionCheck{
			TableName: aws.String(string(table)), ConditionExpression: aws.String("attribute_not_exists(pk)"),
			Key: map[string]dynamotypes.AttributeValue{"pk": &dynamotypes.AttributeValueMemberS{Value: "#warm"}, "sk": &dynamotypes.AttributeValueMemberS{Value: "#warm"}},
		}}
	}
	_, err := dynamodb.NewFromConfig(v.config()).TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		TransactItems: []dynamotypes.TransactWriteItem{check(store.Accounts), check(store.Operators)},
	})
	_, kmsErr := kms.NewFromConfig(v.config()).Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String(v.values["SecretsKey.Arn"]), Plaintext: []byte("warm")})
	return errors.Join(err, kmsErr)
}

func (v *services) stop() { _ = v.server.Close() }

func passOn(to *url.URL) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is signed, and moto names queues by it
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // else nobody waits any longer
				slog.Error("a service does not answer", "service", to.Host, "error", err)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}

func (v *services) config() aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &v.endpoint, Credentials: credentials.NewStaticCredentialsProvider("stand", "stand", ""),
	}
}

func (v *services) makeTables(ctx context.Context, t *template.Template) error {
	client := dynamodb.NewFromConfig(v.config(), func(o *dynamodb.Options) { o.DisableValidateResponseChecksum = true })
	tables, err := t.Tables()
	if err != nil {
		return err
	}
	for _, d := range tables {
		if _, err := client.CreateTable(ctx, d.Create(d.Name)); err != nil {
			return fmt.Errorf("create table %s: %w", d.Name, err)
		}
		v.values[d.Name+"Table"] = d.Name
	}
	return nil
}

func (v *services) makeKeys(ctx context.Context, t *template.Template) error {
	client := kms.NewFromConfig(v.config())
	for _, r := range t.Resources {
		if r.Type != "AWS::KMS::Key" {
			continue
		}
		var p struct {
			Spec  string `yaml:"KeySpec"`
			Usage string `yaml:"KeyUsage"`
		}
		if err := r.Properties.Decode(&p); err != nil {
			return fmt.Errorf("read key %s: %w", r.Name, err)
		}
		made, err := client.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: kmstypes.KeySpec(p.Spec), KeyUsage: kmstypes.KeyUsageType(p.Usage)})
		if err != nil {
			return fmt.Errorf("create key %s: %w", r.Name, err)
		}
		v.values[r.Name+".Arn"] = *made.KeyMetadata.Arn
	}
	return nil
}

// makeQueues makes the queues, those without a dead-letter queue first, since the others name them.
func (v *services) makeQueues(ctx context.Context, t *template.Template) error {
	v.sqs = sqs.NewFromConfig(v.config())
	type queue struct {
		name       string
		Visibility int `yaml:"VisibilityTimeout"`
		Redrive    struct {
			To    string `yaml:"deadLetterTargetArn"`
			After int    `yaml:"maxReceiveCount"`
		} `yaml:"RedrivePolicy"`
	}
	var first, then []queue
	for _, r := range t.Resources {
		if r.Type != "AWS::SQS::Queue" {
			continue
		}
		q := queue{name: r.Name}
		if err := r.Properties.Decode(&q); err != nil {
			return fmt.Errorf("read queue %s: %w", r.Name, err)
		}
		if q.Redrive.To == "" {
			first = append(first, q)
		} else {
			then = append(then, q)
		}
	}
	for _, q := range append(first, then...) {
		attributes := map[string]string{}
		if q.Visibility > 0 {
			attributes["VisibilityTimeout"] = fmt.Sprint(q.Visibility)
		}
		if q.Redrive.To != "" {
			policy, err := json.Marshal(map[string]any{"deadLetterTargetArn": v.values[q.Redrive.To], "maxReceiveCount": q.Redrive.After})
			if err != nil {
				return err
			}
			attributes["RedrivePolicy"] = string(policy)
		}
		named := stackName + "-" + q.name + "-STAND" // as CloudFormation names what a template does not
		made, err := v.sqs.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &named, Attributes: attributes})
		if err != nil {
			return fmt.Errorf("create queue %s: %w", q.name, err)
		}
		// moto names a queue by the host that it was asked by, which is the one that containers reach.
		got, err := v.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl: made.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
		})
		if err != nil {
			return fmt.Errorf("look at queue %s: %w", q.name, err)
		}
		v.values[q.name] = *made.QueueUrl
		v.values[q.name+".Arn"] = got.Attributes["QueueArn"]
		v.queues[q.name+".Arn"] = *made.QueueUrl
	}
	return nil
}

// sendEmail is SES's SendEmail (API v2) for simple content: the mail goes to the inbox. As with SES, mail to the addresses of its
// mailbox simulator bounces or is complained about, and the queue of mail events is told.
func (v *services) sendEmail(w http.ResponseWriter, r *http.Request) {
	type content struct{ Data string }
	var in struct {
		FromEmailAddress string
		Destination      struct{ ToAddresses []string }
		ReplyToAddresses []string
		Content          struct {
			Simple struct {
				Subject content
				Body    struct{ Text, Html content }
			}
		}
		EmailTags            []struct{ Name, Value string }
		ConfigurationSetName string
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(raw, &in)
	}
	from, fromErr := mail.ParseAddress(in.FromEmailAddress)
	if err != nil || fromErr != nil || len(in.Destination.ToAddresses) != 1 || in.ConfigurationSetName != v.values[configurationSet] {
		w.Header().Set("X-Amzn-Errortype", "BadRequestException")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"message": "one sender, one recipient, simple content and the configuration set are expected"}`)
		return
	}
	simple := in.Content.Simple
	m := posternmail.Message{
		ID: rand.Text(), From: from.Address, FromName: from.Name, To: in.Destination.ToAddresses[0],
		Subject: simple.Subject.Data, Text: simple.Body.Text.Data, HTML: simple.Body.Html.Data,
	}
	if err := v.inbox.Send(r.Context(), m); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	tags := map[string][]string{}
	for _, t := range in.EmailTags {
		tags[t.Name] = []string{t.Value}
	}
	if err := v.simulate(r.Context(), m.To, tags); err != nil {
		slog.Error("the mailbox simulator failed", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"MessageId": m.ID})
}

// simulate publishes what becomes of mail to bounce@simulator.amazonses.com and complaint@simulator.amazonses.com, which may have
// a label behind a plus sign, as EventBridge brings it.
func (v *services) simulate(ctx context.Context, to string, tags map[string][]string) error {
	local, ok := strings.CutSuffix(to, "@simulator.amazonses.com")
	if !ok {
		return nil
	}
	local, _, _ = strings.Cut(local, "+")
	detail := map[string]any{"mail": map[string]any{"destination": []string{to}, "tags": tags}}
	switch local {
	case "bounce":
		detail["eventType"] = "Bounce"
		detail["bounce"] = map[string]any{
			"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": []map[string]string{
				{"emailAddress": to, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"},
			},
		}
	case "complaint":
		detail["eventType"] = "Complaint"
		detail["complaint"] = map[string]any{"complaintFeedbackType": "abuse", "complainedRecipients": []map[string]string{{"emailAddress": to}}}
	default:
		return nil
	}
	event, err := json.Marshal(map[string]any{"version": "0", "source": "aws.ses", "detail-type": "Email " + local, "region": region, "detail": detail})
	if err != nil {
		return err
	}
	queue, body := v.queues["MailEventsQueue.Arn"], string(event)
	_, err = v.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &body})
	return err
}
