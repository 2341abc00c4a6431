package worker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"postern/shared/queue"
	"postern/shared/queue/sqs"
)

// A message that fails each time ends in the dead-letter queue, those beside it are done once, and a redrive brings it back when what
// failed is mended.
func TestPoison(t *testing.T) {
	endpoint := os.Getenv("POSTERN_MOTO_ENDPOINT")
	if endpoint == "" {
		t.Skip("needs moto: infra/stand/with-moto.sh go test ./shared/onaws/worker")
	}
	c := awssqs.New(awssqs.Options{BaseEndpoint: &endpoint, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
	deadLetters, arn := makeQueue(t, c, nil)
	policy, err := json.Marshal(map[string]any{"deadLetterTargetArn": arn, "maxReceiveCount": 3})
	if err != nil {
		t.Fatal(err)
	}
	from, _ := makeQueue(t, c, map[string]string{"RedrivePolicy": string(policy), "VisibilityTimeout": "0"})
	q := sqs.New(sqs.Config{Client: sqs.ClientOf(c), URLs: map[queue.Queue]string{queue.Mail: from}})
	for _, id := range []string{"1", "poison", "2"} {
		if err := q.Send(t.Context(), queue.Mail, queue.Message{AccountID: "acme", ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	mended := false
	done := map[string]int{}
	h := batchHandler(slog.New(slog.DiscardHandler), func(_ context.Context, body string) error {
		m, err := queue.Parse(body)
		if err != nil {
			return err
		}
		if m.ID == "poison" && !mended {
			return errors.New("fails")
		}
		done[m.ID]++ // one at a time: batches of one message
		return nil
	})
	for range 12 { // three messages, one of them three times, and the queue's decision to give it up
		workOne(t, c, from, h)
	}
	if diff := cmp.Diff(map[string]int{"1": 1, "2": 1}, done); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	mended = true
	if moved, err := sqs.Redrive(t.Context(), c, deadLetters, from); err != nil || moved != 1 {
		t.Fatalf("redrive: %d, %v", moved, err)
	}
	workOne(t, c, from, h)
	if done["poison"] != 1 {
		t.Errorf("after the redrive done: %v", done)
	}
}

// workOne does what Lambda's poller does with one message: what the function does not report as failed is deleted.
func workOne(t *testing.T, c *awssqs.Client, url string, h func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)) {
	t.Helper()
	got, err := c.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range got.Messages {
		answer, err := h(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: *m.MessageId, Body: *m.Body}}})
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.BatchItemFailures) == 0 {
			if _, err := c.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func makeQueue(t *testing.T, c *awssqs.Client, attributes map[string]string) (url, arn string) {
	t.Helper()
	name := rand.Text()
	made, err := c.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{
		QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *made.QueueUrl, got.Attributes["QueueArn"]
}
