package inproc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/shared/queue"
	"postern/shared/queue/inproc"
	"postern/shared/queue/queuetest"
)

func message(i int) queue.Message {
	return queue.Message{AccountID: "acme", ID: fmt.Sprint("m", i)}
}

func quiet() inproc.Config { return inproc.Config{Log: slog.New(slog.DiscardHandler)} }

func send(t *testing.T, q *inproc.Queue, name queue.Queue, m queue.Message) {
	t.Helper()
	if err := q.Send(t.Context(), name, m); err != nil {
		t.Errorf("Send: %v", err)
	}
}

// Every message is handled once when nothing goes wrong, each in its own queue, several at the same time.
func TestDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := inproc.New(quiet())
		var mu sync.Mutex
		seen := map[queue.Queue]map[string]int{queue.Mail: {}, queue.Codes: {}}
		var running, most atomic.Int64
		for name := range seen {
			q.Start(t.Context(), name, 3, func(_ context.Context, m queue.Message) error {
				most.Store(max(most.Load(), running.Add(1)))
				defer running.Add(-1)
				time.Sleep(time.Second)
				mu.Lock()
				defer mu.Unlock()
				seen[name][m.ID]++
				return nil
			})
		}
		for i := range 30 {
			send(t, q, queue.Mail, message(i))
		}
		send(t, q, queue.Codes, message(100))
		if err := q.Drained(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(seen[queue.Mail]) != 30 || len(seen[queue.Codes]) != 1 {
			t.Errorf("handled %d and %d messages, want 30 and 1", len(seen[queue.Mail]), len(seen[queue.Codes]))
		}
		for id, n := range seen[queue.Mail] {
			if n != 1 {
				t.Errorf("%s was handled %d times", id, n)
			}
		}
		if most.Load() != 4 {
			t.Errorf("%d at the same time, want 3 of one queue and 1 of the other", most.Load())
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What fails is delivered again, after waits that double, and given up after five times; then it can be redriven.
func TestRetriesAndDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := inproc.New(quiet())
		start := time.Now()
		var mu sync.Mutex
		var at []time.Duration
		heal := false
		q.Start(t.Context(), queue.Mail, 2, func(context.Context, queue.Message) error {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(start))
			if heal {
				return nil
			}
			return errors.New("no")
		})
		send(t, q, queue.Mail, message(1))
		time.Sleep(time.Hour)
		want := []time.Duration{0, 1 * time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second}
		mu.Lock()
		if fmt.Sprint(at) != fmt.Sprint(want) {
			t.Errorf("delivered at %v, want %v", at, want)
		}
		heal = true
		mu.Unlock()
		dead := q.DeadLetters(queue.Mail)
		if len(dead) != 1 || dead[0].Message != message(1) || dead[0].Receives != 5 || dead[0].Error != "no" {
			t.Errorf("dead letters %+v", dead)
		}
		if n := q.Redrive(queue.Mail); n != 1 {
			t.Errorf("redrove %d", n)
		}
		if err := q.Drained(t.Context()); err != nil {
			t.Error(err)
		}
		if len(at) != 6 || len(q.DeadLetters(queue.Mail)) != 0 {
			t.Errorf("%d deliveries and %d dead letters after the redrive", len(at), len(q.DeadLetters(queue.Mail)))
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A handler that panics fails like any other; what it said is not logged.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		q := inproc.New(inproc.Config{MaxReceives: 1, Log: slog.New(slog.NewTextHandler(&log, nil))})
		q.Start(t.Context(), queue.Mail, 1, func(context.Context, queue.Message) error { panic("hunter2") })
		send(t, q, queue.Mail, message(1))
		if err := q.Drained(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(q.DeadLetters(queue.Mail)) != 1 {
			t.Error("the message is lost")
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if !strings.Contains(log.String(), "panic in queue handler") || strings.Contains(log.String(), "hunter2") {
			t.Errorf("log: %s", log.String())
		}
	})
}

// The same message waiting twice is one; while it is being handled it may come again.
func TestSameMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := inproc.New(quiet())
		for range 10 {
			send(t, q, queue.Mail, message(1))
		}
		var n atomic.Int64
		q.Start(t.Context(), queue.Mail, 2, func(context.Context, queue.Message) error {
			if n.Add(1) == 1 {
				send(t, q, queue.Mail, message(1))
			}
			time.Sleep(time.Second)
			return nil
		})
		if err := q.Drained(t.Context()); err != nil || n.Load() != 2 {
			t.Errorf("handled %d times, %v, want 2", n.Load(), err)
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Close finishes what is being handled, takes nothing new, and gives up when its context does.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := inproc.New(quiet())
		var n atomic.Int64
		q.Start(t.Context(), queue.Mail, 1, func(context.Context, queue.Message) error {
			time.Sleep(time.Minute)
			n.Add(1)
			return nil
		})
		send(t, q, queue.Mail, message(1))
		send(t, q, queue.Mail, message(2))
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close with little time: %v", err)
		}
		if err := q.Close(t.Context()); err != nil || n.Load() != 1 {
			t.Errorf("Close: %v, and %d handled, want the one that was under way", err, n.Load())
		}
		if err := q.Send(t.Context(), queue.Mail, message(3)); !errors.Is(err, inproc.ErrClosed) {
			t.Errorf("Send after Close: %v, want %v", err, inproc.ErrClosed)
		}
		ended, stop := context.WithCancel(t.Context())
		stop()
		other := inproc.New(quiet())
		send(t, other, queue.Mail, message(1))
		if err := other.Drained(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("Drained with an ended context: %v", err)
		}
	})
}

func TestSuite(t *testing.T) {
	queuetest.Run(t, func(t *testing.T) (queue.Sender, func(*testing.T, queue.Queue, int) []queue.Message) {
		q := inproc.New(quiet())
		t.Cleanup(func() { _ = q.Close(context.Background()) })
		return q, func(t *testing.T, name queue.Queue, n int) (all []queue.Message) {
			came := make(chan queue.Message)
			q.Start(t.Context(), name, 3, func(ctx context.Context, m queue.Message) error {
				select {
				case came <- m:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			for range n {
				all = append(all, <-came)
			}
			return all
		}
	})
}
