package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"postern/shared/languages"
)

// lookedAt names the templates that some test has looked at.
var lookedAt = map[string]bool{}

// look checks the page that is shown, which must be the one made by that template: axe-core finds nothing in it, in light and
// dark, wide and narrow, and nothing of it has to be scrolled sideways to; at 320 pixels (WCAG 1.4.10) tables are exempt.
// state tells apart what one template shows at different times.
func (b *tab) look(template, state string) {
	b.t.Helper()
	lookedAt[template] = true
	name := strings.Trim(template+"."+state, ".")
	title := ask[string](b, `document.title`)
	if want := languages.For("en").Text("page."+template+".title", nil) + " · Postern"; template != "error" && title != want && title != "Error: "+want {
		b.t.Fatalf("%s: this is the page %q, want %q; %s", name, title, want, b.where())
	}
	b.check(name)
}

// check does the part of look that any page can be asked for.
func (b *tab) check(name string) {
	b.t.Helper()
	for _, width := range []int64{1280, 320} {
		for _, scheme := range []string{"light", "dark"} {
			view := fmt.Sprintf("%s, %d pixels, %s", name, width, scheme)
			b.do("show "+view, show(width, scheme))
			for _, v := range b.violations() {
				b.t.Errorf("%s: axe-core: %s", view, v)
			}
			b.picture(fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
		}
		if cut := b.cutTable(); cut && width == 1280 {
			b.t.Errorf("%s at %d pixels: the table does not fit", name, width)
		}
		if wide := b.sideways(); wide != "" {
			b.t.Errorf("%s at %d pixels scrolls sideways: %s", name, width, wide)
		}
	}
	b.do("show it wide again", show(1280, "light"))
	for _, f := range b.wrong() {
		b.t.Errorf("%s: in the browser: %s", name, f)
	}
}

// violations gives what axe-core finds, one line each.
func (b *tab) violations() []string {
	b.t.Helper()
	if !ask[bool](b, `typeof axe === "object"`) {
		b.do("bring axe-core in", chromedp.Evaluate[chromedp.Void](axeCore))
	}
	return ask[[]string](b, `axe.run(document, {
		runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
		resultTypes: ["violations"],
		preload: false,
	}).then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary)))`)
}

// sideways names the widest element of a page that is wider than its window, or gives "".
func (b *tab) sideways() string {
	b.t.Helper()
	return ask[string](b, `(() => {
		const page = document.scrollingElement;
		if (page.scrollWidth <= page.clientWidth) return "";
		const right = e => e.getBoundingClientRect().right;
		const widest = [...document.body.querySelectorAll("*")].reduce((a, e) => right(e) > right(a) ? e : a);
		return page.scrollWidth + " pixels: " + widest.outerHTML.slice(0, 200);
	})()`)
}

// cutTable reports whether a table is wider than its place, so that it scrolls there.
func (b *tab) cutTable() bool {
	b.t.Helper()
	return ask[bool](b, `[...document.querySelectorAll(".scroll")].some(e => e.scrollWidth > e.clientWidth)`)
}

// picture keeps how the page looks, if the environment variable SHOTS names a folder.
func (b *tab) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("SHOTS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), png, 0o600)
	}
	if err != nil {
		b.t.Fatalf("take a picture: %v", err)
	}
}

// The checks themselves find what they are for.
func TestChecksFindFaults(t *testing.T) {
	b := open(t)
	b.visit("/login", 200)
	for _, c := range []struct{ what, spoil, found string }{
		{"a field without a label", `document.querySelector("label").remove()`, "label"},
		{"faint text", `document.querySelector("h1").setAttribute("hidden", ""), document.body.style.color = "#bbb"`, "color-contrast"},
		{"small targets", `document.querySelectorAll(".links a").forEach(a => {
			a.style.display = "block"; a.style.height = "5px"; a.style.overflow = "hidden"; a.parentElement.parentElement.style.gap = 0 })`, "target-size"},
	} {
		b.visit("/login", 200)
		b.do(c.what, chromedp.Evaluate[chromedp.Void](c.spoil))
		if all := strings.Join(b.violations(), "\n"); !strings.Contains(all, c.found+":") {
			t.Errorf("%s is not found: %s", c.what, all)
		}
	}
	b.do("something wide", chromedp.Evaluate[chromedp.Void](`document.querySelector("h1").style.width = "1500px"`))
	if b.sideways() == "" {
		t.Error("something wide is not found")
	}
	b.wrong()
	for what, spoil := range map[string]string{
		"a script in the page":  `document.body.append(Object.assign(document.createElement("script"), {textContent: "1"}))`,
		"a foreign picture":     `document.body.append(Object.assign(document.createElement("img"), {src: "http://127.0.0.1:9/x.png"}))`,
		"a script that fails":   `void setTimeout(() => { throw new Error("on purpose") }, 0)`,
		"a promise that breaks": `void Promise.reject(new Error("on purpose"))`,
	} {
		b.do(what, chromedp.Evaluate[chromedp.Void](spoil))
		found := false
		for range 100 { // some of it comes later
			if found = len(b.wrong()) > 0; found {
				break
			}
			ask[bool](b, `new Promise(f => setTimeout(f, 20, true))`)
		}
		if !found {
			t.Errorf("%s is not found", what)
		}
	}
}
