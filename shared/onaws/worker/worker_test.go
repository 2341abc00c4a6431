package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"postern/shared/queue"
)

// Each message of a batch fails or succeeds by itself; what is none of ours fails, and reaches no handler.
func TestQueueHandler(t *testing.T) {
	bodies := map[string]string{
		"good": `{"accountId":"acme","id":"1"}`, "fails": `{"accountId":"acme","id":"2"}`,
		"foreign": `{"Records":[]}`, "extra": `{"accountId":"acme","id":"3","more":1}`, "two": `{"accountId":"acme","id":"4"}{}`,
		"empty": ``, "partial": `{"accountId":"acme"}`, "good too": ` {"accountId":"other","id":"5"} `,
	}
	var e events.SQSEvent
	for _, id := range []string{"good", "fails", "foreign", "extra", "two", "empty", "partial", "good too"} {
		e.Records = append(e.Records, events.SQSMessage{MessageId: id, Body: bodies[id]})
	}
	var mu sync.Mutex
	got := map[queue.Message]int{}
	h := QueueHandler(slog.New(slog.DiscardHandler), func(_ context.Context, m queue.Message) error {
		mu.Lock()
		defer mu.Unlock()
		got[m]++
		if m.ID == "2" {
			return errors.New("fails")
		}
		return nil
	})
	answer, err := h(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, f := range answer.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	if diff := cmp.Diff([]string{"fails", "foreign", "extra", "two", "empty", "partial"}, failed); diff != "" {
		t.Errorf("reported as failed (-want +got):\n%s", diff)
	}
	want := map[queue.Message]int{{AccountID: "acme", ID: "1"}: 1, {AccountID: "acme", ID: "2"}: 1, {AccountID: "other", ID: "5"}: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("handled (-want +got):\n%s", diff)
	}
}

// What there is no time for is not begun, and delivered again.
func TestNoTime(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(margin/2))
	defer cancel()
	h := QueueHandler(slog.New(slog.DiscardHandler), func(context.Context, queue.Message) error {
		t.Error("begun")
		return nil
	})
	answer, err := h(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: `{"accountId":"acme","id":"1"}`}}})
	if err != nil || len(answer.BatchItemFailures) != 1 {
		t.Errorf("%+v, %v", answer, err)
	}
}

// An event without messages is none of a queue's.
func TestForeignEvent(t *testing.T) {
	h := QueueHandler(slog.New(slog.DiscardHandler), func(context.Context, queue.Message) error {
		t.Error("a handler was called")
		return nil
	})
	if _, err := h(t.Context(), events.SQSEvent{}); err == nil {
		t.Error("no error")
	}
}
