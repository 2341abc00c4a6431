package sqs_test

import (
	"crypto/rand"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"postern/shared/queue"
	"postern/shared/queue/queuetest"
	"postern/shared/queue/sqs"
)

// client asks moto, or skips the test.
func client(t *testing.T) *awssqs.Client {
	t.Helper()
	endpoint := os.Getenv("POSTERN_MOTO_ENDPOINT")
	if endpoint == "" {
		t.Skip("needs moto: infra/stand/with-moto.sh go test ./shared/queue/sqs")
	}
	return awssqs.New(awssqs.Options{
		BaseEndpoint: &endpoint, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

func newQueue(t *testing.T, c *awssqs.Client) string {
	t.Helper()
	name := rand.Text()
	out, err := c.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatalf("create queue: %v", err)
	}
	return *out.QueueUrl
}

// What is sent arrives as it was; what was given up comes back by a redrive, once.
func TestSendAndRedrive(t *testing.T) {
	c := client(t)
	url, back := newQueue(t, c), newQueue(t, c)
	q := sqs.New(sqs.Config{Client: sqs.ClientOf(c), URLs: map[queue.Queue]string{queue.Mail: url}})
	want := queue.Message{AccountID: "acme", ID: "1-a"}
	if err := q.Send(t.Context(), queue.Mail, want); err != nil {
		t.Fatal(err)
	}
	if err := q.Send(t.Context(), queue.Codes, want); err == nil {
		t.Error("sent to a queue that is not known")
	}
	for _, n := range []int{1, 0} {
		if moved, err := sqs.Redrive(t.Context(), c, url, back); err != nil || moved != n {
			t.Fatalf("redrive: %d, %v, want %d", moved, err, n)
		}
	}
	got, err := c.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &back, MaxNumberOfMessages: 10})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("%d messages, %v", len(got.Messages), err)
	}
	if m, err := queue.Parse(*got.Messages[0].Body); err != nil || m != want {
		t.Errorf("%+v, %v, want %+v", m, err, want)
	}
}

func TestSuite(t *testing.T) {
	queuetest.Run(t, func(t *testing.T) (queue.Sender, func(*testing.T, queue.Queue, int) []queue.Message) {
		c := client(t)
		urls := map[queue.Queue]string{queue.Mail: newQueue(t, c), queue.Codes: newQueue(t, c)}
		return sqs.New(sqs.Config{Client: sqs.ClientOf(c), URLs: urls}), func(t *testing.T, q queue.Queue, n int) (all []queue.Message) {
			url := urls[q]
			for len(all) < n {
				got, err := c.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
				if err != nil || len(got.Messages) == 0 {
					t.Fatalf("%d of %d messages came, %v", len(all), n, err)
				}
				for _, m := range got.Messages {
					parsed, err := queue.Parse(*m.Body)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, parsed)
				}
			}
			return all
		}
	})
}
