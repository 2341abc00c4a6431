// Package inproc is the queue of one machine: in memory, at least once, with retries and a dead-letter list. What it loses with
// the process the outbox still holds, and the outbox sweep brings again.
package inproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"postern/shared/queue"
)

// Config is how a queue behaves. The zero Config is good.
type Config struct {
	MaxReceives int           // deliveries of a message before it is dead; 0: 5
	FirstWait   time.Duration // before the second delivery, doubled for each further one; 0: 1 s
	Log         *slog.Logger  // unset: slog.Default
}

// maxWait is the longest wait between two deliveries.
const maxWait = 5 * time.Minute

// Dead is a message that was given up.
type Dead struct {
	Message  queue.Message
	Receives int
	Error    string // of the last delivery
}

// Queue implements queue.Sender, and delivers to the handlers that were started. It is safe for concurrent use.
type Queue struct {
	c       Config
	mu      sync.Mutex
	queues  map[queue.Queue]*line
	closed  bool
	changed chan struct{} // closed, and replaced, at every change that somebody may wait for
	workers sync.WaitGroup
}

// line is one queue: messages that are ready, that wait for a retry, that are being handled, and that are dead.
type line struct {
	ready   []*entry
	waiting int
	running int
	dead    []Dead
}

type entry struct {
	message  queue.Message
	receives int
}

// ErrClosed says that the queue takes nothing any more.
var ErrClosed = errors.New("queue closed")

// New makes a queue.
func New(c Config) *Queue {
	if c.MaxReceives == 0 {
		c.MaxReceives = 5
	}
	if c.FirstWait == 0 {
		c.FirstWait = time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Queue{c: c, queues: map[queue.Queue]*line{}, changed: make(chan struct{})}
}

func (q *Queue) line(name queue.Queue) *line {
	if q.queues[name] == nil {
		q.queues[name] = &line{}
	}
	return q.queues[name]
}

// signal wakes all that wait for a change. q.mu is held.
func (q *Queue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Send implements queue.Sender. A message that is ready already is not put in twice.
func (q *Queue) Send(_ context.Context, name queue.Queue, m queue.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	l := q.line(name)
	if !slices.ContainsFunc(l.ready, func(e *entry) bool { return e.message == m }) {
		l.ready = append(l.ready, &entry{message: m})
		q.signal()
	}
	return nil
}

// Start delivers the messages of a queue to handle, in as many workers, until ctx ends or the queue is closed.
func (q *Queue) Start(ctx context.Context, name queue.Queue, workers int, handle queue.Handler) {
	for range workers {
		q.workers.Go(func() {
			for {
				e := q.receive(ctx, name)
				if e == nil {
					return
				}
				q.done(ctx, name, e, q.run(ctx, handle, e.message))
			}
		})
	}
}

// receive waits for a message; nil when there will be none.
func (q *Queue) receive(ctx context.Context, name queue.Queue) *entry {
	for {
		q.mu.Lock()
		l, changed, closed := q.line(name), q.changed, q.closed
		if !closed && ctx.Err() == nil && len(l.ready) > 0 {
			e := l.ready[0]
			l.ready = l.ready[1:]
			l.running++
			e.receives++
			q.mu.Unlock()
			return e
		}
		q.mu.Unlock()
		if closed {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// run calls the handler. A panic is an error like any other; what it said may hold a secret and is not logged.
func (q *Queue) run(ctx context.Context, handle queue.Handler, m queue.Message) (err error) {
	defer func() {
		if v := recover(); v != nil {
			q.c.Log.ErrorContext(ctx, "panic in queue handler", "what", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	return handle(ctx, m)
}

// done takes a message out, or back in after a wait, or to the dead.
func (q *Queue) done(ctx context.Context, name queue.Queue, e *entry, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.signal()
	l := q.line(name)
	l.running--
	if err == nil {
		return
	}
	if e.receives >= q.c.MaxReceives {
		q.c.Log.ErrorContext(ctx, "message given up", "queue", name, "id", e.message.ID, "receives", e.receives, "error", err)
		l.dead = append(l.dead, Dead{e.message, e.receives, err.Error()})
		return
	}
	q.c.Log.WarnContext(ctx, "message will be delivered again", "queue", name, "id", e.message.ID, "receives", e.receives, "error", err)
	if q.closed {
		return
	}
	wait := min(q.c.FirstWait<<min(e.receives-1, bits.UintSize/4), maxWait)
	l.waiting++
	time.AfterFunc(wait, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		l.waiting--
		l.ready = append(l.ready, e)
		q.signal()
	})
}

// DeadLetters lists what was given up.
func (q *Queue) DeadLetters(name queue.Queue) []Dead {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.line(name).dead)
}

// Redrive delivers what was given up once more, and tells how many that are.
func (q *Queue) Redrive(name queue.Queue) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.line(name)
	n := len(l.dead)
	for _, d := range l.dead {
		l.ready = append(l.ready, &entry{message: d.Message})
	}
	l.dead = nil
	q.signal()
	return n
}

// Drained returns once nothing is ready or being handled in any queue; what waits for a retry does not count.
func (q *Queue) Drained(ctx context.Context) error {
	for {
		q.mu.Lock()
		busy, changed := 0, q.changed
		for _, l := range q.queues {
			busy += len(l.ready) + l.running
		}
		q.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Close takes nothing new and returns once what is being handled is done, or ctx ends.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		q.signal()
	}
	q.mu.Unlock()
	finished := make(chan struct{})
	go func() { q.workers.Wait(); close(finished) }()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close queue: %w", ctx.Err())
	}
}
