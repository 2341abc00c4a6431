// Package mailtest is the contract of mail.Sender in executable form: every adapter passes it.
package mailtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/shared/mail"
)

// Received is a mail as whoever it is for sees it.
type Received struct {
	From, To, Subject, Text, HTML string // From as name and address: Acme <login@acme.example>
}

// Run runs the suite. open makes a sender, and what tells which mails arrived so far, in any order.
func Run(t *testing.T, open func(t *testing.T) (mail.Sender, func(t *testing.T) []Received)) {
	for name, test := range map[string]func(*testing.T, mail.Sender, func(*testing.T) []Received){
		"Arrives": testArrives, "Again": testAgain, "Parallel": testParallel, "HeaderInjection": testHeaderInjection, "Cancelled": testCancelled,
	} {
		t.Run(name, func(t *testing.T) {
			s, received := open(t)
			test(t, s, received)
		})
	}
}

// Message is a mail with something difficult in every field.
func Message() mail.Message {
	return mail.Message{
		ID: "acme.m1", From: "login@acme.example", FromName: "Acmé Ltd", To: "alice@acme.example", ReplyTo: "help@acme.example",
		Subject: "Grüße, 世界: " + strings.Repeat("a long subject ", 8), Text: "line one\n\n.dot\nABCDE-FGHJK\n" + strings.Repeat("long ", 300) + "\n",
		HTML: "<p>grüße &amp; 世界</p>", Tags: map[string]string{"template": "reset", "account": "acme"},
	}
}

func want() Received {
	m := Message()
	return Received{m.FromName + " <" + m.From + ">", m.To, m.Subject, m.Text, m.HTML}
}

func check(t *testing.T, got []Received, want ...Received) {
	t.Helper()
	for i := range got {
		got[i].Text, got[i].HTML = strings.TrimSpace(got[i].Text), strings.TrimSpace(got[i].HTML)
	}
	for i := range want {
		want[i].Text, want[i].HTML = strings.TrimSpace(want[i].Text), strings.TrimSpace(want[i].HTML)
	}
	bySubject := func(a, b Received) int { return strings.Compare(a.Subject, b.Subject) }
	slices.SortFunc(got, bySubject)
	slices.SortFunc(want, bySubject)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
}

func testArrives(t *testing.T, s mail.Sender, received func(*testing.T) []Received) {
	if err := s.Send(t.Context(), Message()); err != nil {
		t.Fatalf("Send: %v", err)
	}
	plain := mail.Message{ID: "acme.m2", From: "login@acme.example", To: "bob@acme.example", Subject: "Zero", Text: "x", HTML: "<p>x</p>"}
	if err := s.Send(t.Context(), plain); err != nil {
		t.Fatalf("Send: %v", err)
	}
	check(t, received(t), want(), Received{"login@acme.example", plain.To, plain.Subject, plain.Text, plain.HTML})
}

// A mail that is sent again goes out again: it is the outbox that knows what was sent.
func testAgain(t *testing.T, s mail.Sender, received func(*testing.T) []Received) {
	for range 2 {
		if err := s.Send(t.Context(), Message()); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	check(t, received(t), want(), want())
}

func testParallel(t *testing.T, s mail.Sender, received func(*testing.T) []Received) {
	var all []Received
	var wg sync.WaitGroup
	for i := range 12 {
		m := Message()
		m.ID, m.Subject = fmt.Sprint("acme.m", i), fmt.Sprint("Mail ", i)
		w := want()
		w.Subject = m.Subject
		all = append(all, w)
		wg.Go(func() {
			if err := s.Send(t.Context(), m); err != nil {
				t.Errorf("Send: %v", err)
			}
		})
	}
	wg.Wait()
	check(t, received(t), all...)
}

// Nothing that people chose reaches a header as more than one line.
func testHeaderInjection(t *testing.T, s mail.Sender, received func(*testing.T) []Received) {
	const evil = "x\r\nBcc: eve@evil.example"
	for name, edit := range map[string]func(*mail.Message){
		"From": func(m *mail.Message) { m.From = evil }, "FromName": func(m *mail.Message) { m.FromName = evil },
		"To": func(m *mail.Message) { m.To = evil }, "ReplyTo": func(m *mail.Message) { m.ReplyTo = evil },
		"Subject": func(m *mail.Message) { m.Subject = evil }, "ID": func(m *mail.Message) { m.ID = evil },
	} {
		m := Message()
		edit(&m)
		if err := s.Send(t.Context(), m); !errors.Is(err, mail.ErrRejected) {
			t.Errorf("%s: %v, want it rejected for good", name, err)
		}
	}
	check(t, received(t))
}

func testCancelled(t *testing.T, s mail.Sender, received func(*testing.T) []Received) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Send(ctx, Message()); err == nil || errors.Is(err, mail.ErrRejected) {
		t.Errorf("Send: %v, want an error that may pass", err)
	}
	check(t, received(t))
}
