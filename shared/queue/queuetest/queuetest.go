// Package queuetest is the contract of queue.Sender in executable form: every adapter passes it.
package queuetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/shared/queue"
)

// Run runs the suite. open makes a sender, and what waits until a number of messages arrived in a queue and gives those, in any
// order: delivery is at least once, so a message may come more than once.
func Run(t *testing.T, open func(t *testing.T) (queue.Sender, func(t *testing.T, q queue.Queue, n int) []queue.Message)) {
	for name, test := range map[string]func(*testing.T, queue.Sender, func(*testing.T, queue.Queue, int) []queue.Message){
		"Arrives": testArrives, "Parallel": testParallel,
	} {
		t.Run(name, func(t *testing.T) {
			s, received := open(t)
			test(t, s, received)
		})
	}
}

func check(t *testing.T, got []queue.Message, want ...queue.Message) {
	t.Helper()
	order := func(a, b queue.Message) int { return strings.Compare(a.AccountID+"/"+a.ID, b.AccountID+"/"+b.ID) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

// Each message arrives as it was, in the queue that it was sent to.
func testArrives(t *testing.T, s queue.Sender, received func(*testing.T, queue.Queue, int) []queue.Message) {
	mails := []queue.Message{{AccountID: "acme", ID: "1795000000000-a"}, {AccountID: "a.b_c-d", ID: strings.Repeat("x", 200)}, {AccountID: "Grüße", ID: `"<&>"`}}
	code := queue.Message{AccountID: "acme", ID: "1795000000000-b"}
	for _, m := range mails {
		if err := s.Send(t.Context(), queue.Mail, m); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	if err := s.Send(t.Context(), queue.Codes, code); err != nil {
		t.Fatalf("Send: %v", err)
	}
	check(t, received(t, queue.Mail, len(mails)), mails...)
	check(t, received(t, queue.Codes, 1), code)
}

func testParallel(t *testing.T, s queue.Sender, received func(*testing.T, queue.Queue, int) []queue.Message) {
	var all []queue.Message
	var wg sync.WaitGroup
	for i := range 30 {
		m := queue.Message{AccountID: "acme", ID: fmt.Sprintf("%013d-m", i)}
		all = append(all, m)
		wg.Go(func() {
			if err := s.Send(t.Context(), queue.Mail, m); err != nil {
				t.Errorf("Send: %v", err)
			}
		})
	}
	wg.Wait()
	check(t, received(t, queue.Mail, len(all)), all...)
}
