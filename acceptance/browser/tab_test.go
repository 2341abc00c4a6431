package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is for one step in the browser: a page, a key, a look.
const patience = 30 * time.Second

// tab is a browser tab with cookies of its own, used by keyboard. What goes wrong in it fails the test when it is closed:
// scripts that throw, refusals of the content security policy, warnings of the browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu        sync.Mutex
	documents map[string]bool // addresses that were asked for as pages
	requests  []string        // every address and Referer sent
	faults    []string
}

func open(t *testing.T) *tab {
	t.Helper()
	return openWith(t, true)
}

func openWith(t *testing.T, scripts bool) *tab {
	t.Helper()
	needBrowser(t)
	b := &tab{t: t, documents: map[string]bool{}}
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	b.ctx = ctx
	t.Cleanup(func() {
		defer cancel()
		for _, f := range b.wrong() {
			t.Errorf("in the browser: %s", f)
		}
	})
	err := chromedp.Do(ctx, command(audits.Enable, cdp.Empty{}),
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts}),
		command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": "en"}}),
		show(1280, "light"))
	if err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	return b
}

// command is a step that sends one command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// show sets the width of the window in CSS pixels, and the colours that its owner prefers.
func show(width int64, scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(chromedp.EmulateViewport(width, 900),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}))
}

// listen collects what goes wrong. It is called by chromedp, one event after the other.
func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fault := func(format string, args ...any) { b.faults = append(b.faults, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL, fmt.Sprint(e.Request.Headers["Referer"]))
		if e.Type == network.ResourceTypeDocument {
			b.documents[e.Request.URL] = true
		}
	case *runtime.EventExceptionThrown:
		fault("exception: %v", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		fault("console: %s", e.Type)
	case *log.EventEntryAdded:
		// A page that is a refusal comes with its status, and Chromium tells of that.
		refused := e.Entry.Source == log.EntrySourceNetwork && b.documents[e.Entry.URL]
		if !refused && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			fault("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		detail, err := json.Marshal(e.Issue.Details)
		fault("issue: %s %s %v", e.Issue.Code, detail, err)
	}
}

// wrong gives what went wrong since it was asked last.
func (b *tab) wrong() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	faults := b.faults
	b.faults = nil
	return faults
}

// sent reports whether a text was in any address or Referer that left the browser.
func (b *tab) sent(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(strings.Join(b.requests, "\n"), text)
}

// do takes steps in the page.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// ask evaluates an expression in the page; a promise is waited for.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("ask the page for %.200s: %v", expression, err)
	}
	return v
}

// with fills a text into an expression, quoted.
func with(expression, text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return strings.ReplaceAll(expression, "$", string(quoted))
}

// visit types an address, a path of the server or a whole one, and expects that status.
func (b *tab) visit(address string, status int64) {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = demo.URL + address
	}
	b.load("visit "+address, status, command(page.Navigate, page.NavigateParams{URL: address}))
}

// load takes a step that leads to another page, and expects that page's status.
func (b *tab) load(what string, status int64, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, step)
	if err != nil {
		b.t.Fatalf("%s: %v; %s", what, err, b.where())
	}
	if response == nil { // within the page
		b.t.Fatalf("%s: no page came; %s", what, b.where())
	}
	if response.Status != status {
		b.t.Fatalf("%s: got status %d, want %d; %s", what, response.Status, status, b.where())
	}
}

func (b *tab) where() string {
	b.t.Helper()
	return ask[string](b, `location.href + "\n" + document.body.innerText.slice(0, 600)`)
}

// to presses Tab until the element is reached, and expects every stop on the way to be seen.
func (b *tab) to(selector string) {
	b.t.Helper()
	if ask[bool](b, with(`document.activeElement.matches($)`, selector)) {
		return
	}
	stops := ask[int](b, `document.querySelectorAll("a[href], button, input, select, [tabindex='0']").length`)
	for range 2*stops + 10 { // dates have several stops
		b.do("press Tab", chromedp.KeyEvent(kb.Tab))
		at := ask[struct {
			Reached, Hidden bool
			What            string
		}](b, with(`(() => {
			const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
			const ring = s.outlineStyle !== "none" || e.type === "date"; // the parts of a date have rings of their own
			const seen = ring && r.width > 0 && r.right > 0 && r.bottom > 0 && r.top < innerHeight;
			return {reached: e.matches($), hidden: e !== document.body && !seen, what: e.outerHTML.slice(0, 200)};
		})()`, selector))
		if at.Hidden {
			b.t.Errorf("the focus is not seen on %s; %s", at.What, b.where())
		}
		if at.Reached {
			return
		}
	}
	b.t.Fatalf("the keyboard does not reach %s; %s", selector, b.where())
}

// fill goes to a field, the contents of which are then selected, and types.
func (b *tab) fill(name, text string) {
	b.t.Helper()
	b.to(field(name))
	b.do("type into "+name, chromedp.KeyEvent(text))
}

func field(name string) string { return fmt.Sprintf("[name=%q]:not([type=hidden])", name) }

// returnKey is the Enter key as keyboards send it: whatever its going down did, the character goes nowhere else.
// chromedp.KeyEvent would send the character to where a link within the page has moved the focus.
func returnKey() chromedp.Action[chromedp.Void] {
	down := input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, NativeVirtualKeyCode: 13,
		Text: kb.Enter, UnmodifiedText: kb.Enter,
	}
	up := down
	up.Type, up.Text, up.UnmodifiedText = input.DispatchKeyEventTypeKeyUp, "", ""
	return chromedp.Steps(command(input.DispatchKeyEvent, down), command(input.DispatchKeyEvent, up))
}

// enter presses Enter where the focus is, and expects the status of the page that follows.
func (b *tab) enter(status int64) {
	b.t.Helper()
	b.load("press Enter", status, returnKey())
}

// follow goes to a link or a button and presses Enter there.
func (b *tab) follow(selector string, status int64) {
	b.t.Helper()
	b.to(selector)
	b.enter(status)
}

// jump follows a link within the page, and waits until the focus is where it leads.
func (b *tab) jump(selector, to string) {
	b.t.Helper()
	b.to(selector)
	b.do("jump to "+to, returnKey(),
		chromedp.Poll[chromedp.Void](with(`document.activeElement.matches($)`, to)))
}

// space presses the space bar: for checkboxes, and for buttons that lead nowhere.
func (b *tab) space(selector string) {
	b.t.Helper()
	b.to(selector)
	b.do("press space", chromedp.KeyEvent(" "))
}

func (b *tab) at(path string) {
	b.t.Helper()
	if got := ask[string](b, `location.pathname`); got != path {
		b.t.Fatalf("got to %s, want %s; %s", got, path, b.where())
	}
}

func (b *tab) value(name string) string {
	b.t.Helper()
	return ask[string](b, with(`document.querySelector($).value`, field(name)))
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	return ask[string](b, with(`[...document.querySelectorAll($)].map(e => e.innerText).join("\n")`, selector))
}

// says expects words in what can be seen.
func (b *tab) says(words ...string) {
	b.t.Helper()
	shown := b.text("main")
	for _, w := range words {
		if !strings.Contains(shown, w) {
			b.t.Errorf("the page does not say %q; %s", w, b.where())
		}
	}
}

// shows expects an element to be there and seen, or not.
func (b *tab) shows(selector string, want bool) {
	b.t.Helper()
	if got := ask[bool](b, with(`!!document.querySelector($)?.checkVisibility()`, selector)); got != want {
		b.t.Errorf("%s shown: %v, want %v; %s", selector, got, want, b.where())
	}
}

// refused expects the page to begin with its refusal: in the title, and under the focus (building blocks, "Pages").
func (b *tab) refused(words ...string) {
	b.t.Helper()
	if title := ask[string](b, `document.title`); !strings.HasPrefix(title, "Error:") {
		b.t.Errorf("the title of a refusal is %q", title)
	}
	if !ask[bool](b, `document.activeElement.matches(".problem[role=alert]")`) {
		b.t.Errorf("the focus is not on the refusal but on %s", ask[string](b, `document.activeElement.outerHTML.slice(0, 200)`))
	}
	for _, w := range words {
		if !strings.Contains(b.text(".problem"), w) {
			b.t.Errorf("the refusal does not say %q: %s", w, b.text(".problem"))
		}
	}
}
