package acceptance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"postern/infra/template"
)

// stand is for tests that call functions one by one, as Lambda does, on the local AWS stand (infra/stand/awslocal).
type stand struct {
	t        *testing.T
	lambda   string // sam local start-lambda
	endpoint string // of the services
	names    map[string]string
}

func onStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{t: t, lambda: os.Getenv("POSTERN_LAMBDA_URL"), endpoint: os.Getenv("POSTERN_STAND_ENDPOINT"), names: map[string]string{}}
	if s.lambda == "" {
		t.Skip("there are no functions but on the local AWS stand: make aws-local-test")
	}
	tpl, err := template.Read("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tpl.Resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		var p struct {
			CodeUri string `yaml:"CodeUri"`
		}
		if err := r.Properties.Decode(&p); err != nil {
			t.Fatal(err)
		}
		s.names[filepath.Base(p.CodeUri)] = r.Name
	}
	return s
}

// invoke calls the function of a folder. failed is the error that it answers with, empty if none.
func (s *stand) invoke(folder string, event []byte) (answer []byte, failed string) {
	s.t.Helper()
	resp, err := http.Post(s.lambda+"/2015-03-31/functions/"+s.names[folder]+"/invocations", "application/json", bytes.NewReader(event))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("invoke %s: %s, %v: %s", folder, resp.Status, err, raw)
	}
	var e struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(raw, &e) // not every answer is an object
	return raw, strings.TrimSpace(e.ErrorType + " " + e.ErrorMessage)
}

// deliver brings a batch to a function of a queue, and gives the ids of the messages that it reports as failed.
func (s *stand) deliver(folder string, bodies ...string) []string {
	s.t.Helper()
	var e events.SQSEvent
	for i, b := range bodies {
		e.Records = append(e.Records, events.SQSMessage{
			MessageId: string(rune('a' + i)), ReceiptHandle: "r", Body: b, EventSource: "aws:sqs",
			Attributes: map[string]string{"ApproximateReceiveCount": "2", "SentTimestamp": "1795000000000"},
		})
	}
	raw, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, failed := s.invoke(folder, raw)
	var said events.SQSEventResponse
	if err := json.Unmarshal(answer, &said); failed != "" || err != nil {
		s.t.Fatalf("%s: %s, %v: %s", folder, failed, err, answer)
	}
	ids := []string{}
	for _, f := range said.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

// outbox gives the messages that name each item of the demo account's outbox, newest first.
func (s *stand) outbox() []string {
	s.t.Helper()
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &s.endpoint, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("stand", "stand", ""),
	})
	var messages []string
	pages := dynamodb.NewQueryPaginator(client, &dynamodb.QueryInput{
		TableName: aws.String("Outbox"), KeyConditionExpression: aws.String("pk = :p"), ScanIndexForward: aws.Bool(false),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: demo.AccountID}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		for _, item := range page.Items {
			m, err := json.Marshal(map[string]string{"accountId": demo.AccountID, "id": item["sk"].(*types.AttributeValueMemberS).Value})
			if err != nil {
				s.t.Fatal(err)
			}
			messages = append(messages, string(m))
		}
	}
	return messages
}

// Each function does with its event.json what it is for. Those of /account and /manage send away who is not signed in.
func TestEventFiles(t *testing.T) {
	s := onStand(t)
	want := map[string]int{"account": 303, "manage": 303, "totpsetup": 303, "session": 401}
	for folder := range s.names {
		t.Run(folder, func(t *testing.T) {
			event, err := os.ReadFile("../functions/" + folder + "/event.json")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				raw, failed := s.invoke(folder, event)
				if failed != "" {
					t.Fatal(failed)
				}
				var a struct {
					StatusCode        int
					BatchItemFailures []any
				}
				_ = json.Unmarshal(raw, &a) // the clock's functions answer null
				if bytes.Contains(event, []byte(`"httpMethod"`)) {
					if expect := cmp.Or(want[folder], 200); a.StatusCode != expect {
						t.Errorf("status %d, want %d: %.300s", a.StatusCode, expect, raw)
					}
				} else if len(a.BatchItemFailures) != 0 {
					t.Errorf("answer %s", raw)
				}
			}
		})
	}
}

// Messages that come again, late, out of order and several at once do nothing a second time. Those that come to the wrong function
// do nothing at all, and are reported. (That a request comes again after it was resolved is in TestForeignMessages: it is gone.)
func TestMessagesAgain(t *testing.T) {
	s := onStand(t)
	p := operator(t, "operator")
	submit(p.browser, "/single-use-code", p.username)
	code := find(t, codeLine, newest(t, p.email, "single-use"))
	all := s.outbox()
	all = all[:min(len(all), 6)] // the newest: its mail is among them
	before := len(inbox(t, demo.URL, p.email))
	var deliveries sync.WaitGroup
	for range 2 {
		deliveries.Go(func() {
			if failed := s.deliver("sendmail", all...); len(failed) != 0 {
				t.Errorf("sendmail reports as failed: %v", failed)
			}
			if failed := s.deliver("issuecodes", all...); len(failed) != len(all) {
				t.Errorf("issuecodes, to which these do not belong, reports as failed: %v", failed)
			}
		})
		all = slices.Clone(all)
		slices.Reverse(all)
	}
	deliveries.Wait()
	drain(t, demo.URL)
	if n := len(inbox(t, demo.URL, p.email)); n != before {
		t.Errorf("%d mails, there were %d", n, before)
	}
	if a := login(newBrowser(t), p.username, code).want(200); a.text("session.kind") != "single_use" {
		t.Errorf("the code does not log in any more: %s", a.body)
	}
}

// A bounce shows on the mail and on the operator, stops further mail, and an administrator opens the way again. (SES's mailbox
// simulator has the addresses.)
func TestBounces(t *testing.T) {
	onStand(t)
	d := doors(t)[1]
	for _, c := range []struct{ local, status string }{{"bounce", "bounced"}, {"complaint", "complained"}} {
		p := operator(t, "operator")
		drain(t, demo.URL)
		to := c.local + "+" + unused("x") + "@simulator.amazonses.com"
		alice(t).do("PATCH", "/manage/operators/"+p.id, map[string]string{"email": to}).want(200)
		submit(p.browser, "/single-use-code", p.username)
		drain(t, demo.URL)
		got := mailOf(t, d, to, "")
		if len(got) != 1 || got[0].Status != c.status || got[0].LastError == "" {
			t.Errorf("%s: listed as %+v", c.local, got)
		}
		if a := alice(t).get("/manage/operators/" + p.id).want(200); a.text("mail.status") != c.status {
			t.Errorf("%s: operator %s", c.local, a.body)
		}
		if n := alice(t).get("/manage/notices?type=mail." + c.status + "&operatorId=" + p.id).want(200); !strings.Contains(string(n.body), `"template":"single_use_code"`) {
			t.Errorf("%s: notices %s", c.local, n.body)
		}
		rest(t)
		submit(p.browser, "/single-use-code", p.username)
		drain(t, demo.URL)
		if got := mailOf(t, d, to, "&status=failed"); len(got) != 1 || got[0].Attempts != 0 {
			t.Errorf("%s: after that, listed as %+v", c.local, got)
		}
		alice(t).do("PATCH", "/manage/operators/"+p.id, map[string]string{"email": p.email}).want(200)
		rest(t)
		submit(p.browser, "/single-use-code", p.username)
		find(t, codeLine, newest(t, p.email, "single-use"))
	}
}

// What is no message of ours is reported, so that it ends in the dead-letter queue; what stands beside it is done.
func TestForeignMessages(t *testing.T) {
	s := onStand(t)
	gone := `{"accountId":"` + demo.AccountID + `","id":"0000000000000-gone"}` // its item has expired since
	if failed := s.deliver("mailevents", `{"source":"aws.ses","detail":{"eventType":"Delivery"}}`, gone, `not JSON`, `{}`); !slices.Equal(failed, []string{"b", "c", "d"}) {
		t.Errorf("mailevents reports %v as failed", failed)
	}
	for _, folder := range []string{"issuecodes", "sendmail"} {
		failed := s.deliver(folder, gone, `not JSON`, `{}`, `{"accountId":"demo"}`, `{"accountId":"../demo","id":"x","admin":true}`,
			`{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"other"}}}]}`, ``, gone)
		if want := []string{"b", "c", "d", "e", "f", "g"}; !slices.Equal(failed, want) {
			t.Errorf("%s reports %v as failed, want %v", folder, failed, want)
		}
	}
}

// What was given up comes back by hand: postern queue redrive.
func TestQueueCommands(t *testing.T) {
	s := onStand(t)
	client := sqs.New(sqs.Options{BaseEndpoint: &s.endpoint, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("stand", "stand", "")})
	url, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("postern-MailDeadLetters-STAND")})
	if err != nil {
		t.Fatal(err)
	}
	for range 12 {
		body := `{"accountId":"` + demo.AccountID + `","id":"0000000000000-gone"}`
		if _, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: &body}); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"AWS_ENDPOINT_URL=" + s.endpoint, "AWS_REGION=eu-central-1"}
	if out, errs, code := postern(t, env, "queue", "list", "--stack", "postern"); code != 0 || !regexp.MustCompile(`mail +0 +0 +12\n`).MatchString(out) {
		t.Errorf("list: exit %d\n%s%s", code, out, errs)
	}
	for _, want := range []string{"12 messages", "0 messages"} {
		if out, errs, code := postern(t, env, "queue", "redrive", "--stack", "postern", "--queue", "mail"); code != 0 || !strings.HasPrefix(out, want) {
			t.Errorf("redrive: exit %d, want %s\n%s%s", code, want, out, errs)
		}
	}
	drain(t, demo.URL) // ends when the queue is empty: all of them were done
	for code, args := range map[int][]string{252: {"--stack", "postern", "--queue", "other"}, 253: {"--stack", "nothing", "--queue", "mail"}} {
		if _, errs, got := postern(t, env, append([]string{"queue", "redrive"}, args...)...); got != code || errs == "" {
			t.Errorf("%v: exit %d, want %d: %s", args, got, code, errs)
		}
	}
}

// An event of another kind, or with missing parts, is an error, and the function goes on to serve.
func TestForeignEvents(t *testing.T) {
	s := onStand(t)
	for folder := range s.names {
		event, err := os.ReadFile("../functions/" + folder + "/event.json")
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(event, []byte("aws.scheduler")) {
			continue // what wakes them says nothing that matters
		}
		for _, bad := range []string{`{}`, `null`, `[]`, `"x"`, `{"Records":[]}`, `{"requestContext":{"stage":"live"}}`} {
			if raw, failed := s.invoke(folder, []byte(bad)); failed == "" {
				t.Errorf("%s takes %s and answers %s", folder, bad, raw)
			}
		}
		if _, failed := s.invoke(folder, event); failed != "" {
			t.Errorf("%s does not go on: %s", folder, failed)
		}
	}
}

// The jobs of the clock may run twice at once, and long after they should have.
func TestScheduledFunctions(t *testing.T) {
	s := onStand(t)
	for folder := range s.names {
		event, err := os.ReadFile("../functions/" + folder + "/event.json")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(event, []byte("aws.scheduler")) {
			continue
		}
		late := bytes.Replace(event, []byte("2026-11"), []byte("2026-01"), 1)
		var both sync.WaitGroup
		for _, e := range [][]byte{event, late, event} {
			both.Go(func() {
				if _, failed := s.invoke(folder, e); failed != "" {
					t.Errorf("%s: %s", folder, failed)
				}
			})
		}
		both.Wait()
	}
}
