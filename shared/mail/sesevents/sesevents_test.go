package sesevents

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/shared/mail"
)

// The events in testdata have the shapes that SES publishes, as its Developer Guide shows them.
func TestParse(t *testing.T) {
	const id = "demo.1795000000000-gone"
	want := map[string]mail.Event{
		"bounce.json":            {MessageID: id, Kind: mail.Bounced, Reason: "5.1.1 smtp; 550 5.1.1 user unknown"},
		"bounce_transient.json":  {MessageID: id, Kind: mail.NotDelivered, Reason: "Transient MailboxFull"},
		"complaint.json":         {MessageID: id, Kind: mail.Complained, Reason: "abuse"},
		"reject.json":            {MessageID: id, Kind: mail.Rejected, Reason: "Bad content"},
		"rendering_failure.json": {MessageID: id, Kind: mail.Rejected, Reason: "Attribute 'x' is not present in the rendering data."},
		"delay.json":             {MessageID: id, Kind: mail.Delayed, Reason: "4.4.1 smtp; 421 4.4.1 Unable to connect to remote host"},
		"delivery.json":          {MessageID: id},
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d files, %v, want %d", len(files), err, len(want))
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		w, there := want[filepath.Base(f)]
		got, ok, err := Parse(string(raw))
		if !there || got != w || ok != (w.Kind != "") || err != nil {
			t.Errorf("%s: %+v, %v, %v, want %+v", f, got, ok, err, w)
		}
		if _, ok, err := Parse(strings.Replace(string(raw), `"postern-mail"`, `"others"`, 1)); ok || err != nil {
			t.Errorf("%s about a mail of somebody else: %v, %v", f, ok, err)
		}
	}
}

func TestForeignEvents(t *testing.T) {
	for _, body := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"source":"aws.s3","detail":{"eventType":"Bounce"}}`, `{"source":"aws.ses"}`,
		`{"source":"aws.ses","detail":{"eventType":7}}`, `{"Type":"Notification","Message":"{}"}`,
	} {
		if e, ok, err := Parse(body); ok || !errors.Is(err, ErrForeign) || e != (mail.Event{}) {
			t.Errorf("%s: %+v, %v, %v", body, e, ok, err)
		}
	}
	for _, body := range []string{
		`{"source":"aws.ses","detail":{"eventType":"Bounce"}}`,
		`{"source":"aws.ses","detail":{"eventType":"Bounce","mail":{"tags":{"postern-mail":[]}}}}`,
		`{"source":"aws.ses","detail":{"eventType":"Bounce","mail":{"tags":{"postern-mail":["a","b"]}}}}`,
	} {
		if _, ok, err := Parse(body); ok || err != nil {
			t.Errorf("%s: %v, %v, want nothing to do", body, ok, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	f.Fuzz(func(t *testing.T, body string) {
		if e, ok, err := Parse(body); ok && (err != nil || e.Kind == "" || e.MessageID == "") {
			t.Errorf("%+v, %v", e, err)
		}
	})
}
