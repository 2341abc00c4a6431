// Package languages holds every sentence that people read, on pages and in mails: one file per language, named by its tag. A new
// language is one new file; a test shows that all files have the same keys and placeholders.
//
// Files are flat objects, one key a line, sorted. In texts {name} stands for a value.
package languages

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

//go:embed *.json
var files embed.FS

// Catalogue is the sentences of one language. It is immutable and safe for concurrent use.
type Catalogue struct {
	tag   string
	texts map[string]string
}

// fallback is the language for those who speak none of the others.
const fallback = "en"

var all = sync.OnceValue(func() map[string]*Catalogue {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("languages: %v", err))
	}
	cs := map[string]*Catalogue{}
	for _, e := range entries {
		c := &Catalogue{tag: strings.TrimSuffix(e.Name(), ".json")}
		raw, err := files.ReadFile(e.Name())
		if err == nil {
			err = json.Unmarshal(raw, &c.texts)
		}
		if err != nil {
			panic(fmt.Sprintf("languages: %s: %v", e.Name(), err)) // found by every test: the files are part of the program
		}
		cs[c.tag] = c
	}
	return cs
})

// matcher finds the language for a list of wishes. Tags are sorted behind the fallback, which wins when nothing fits.
var matcher = sync.OnceValues(func() (language.Matcher, []string) {
	tags := Tags()
	var parsed []language.Tag
	for _, t := range tags {
		parsed = append(parsed, language.MustParse(t))
	}
	return language.NewMatcher(parsed), tags
})

// Tags lists the languages there are, English first.
func Tags() []string {
	tags := []string{fallback}
	for t := range all() {
		if t != fallback {
			tags = append(tags, t)
		}
	}
	slices.Sort(tags[1:])
	return tags
}

// For gives the language that serves best: of a tag (BCP 47), or of what a browser sends as Accept-Language. English if nothing
// fits.
func For(wishes string) *Catalogue {
	m, tags := matcher()
	if len(wishes) > 500 {
		return all()[fallback]
	}
	wanted, _, err := language.ParseAcceptLanguage(wishes)
	if err != nil || len(wanted) == 0 {
		return all()[fallback]
	}
	_, i, confidence := m.Match(wanted...)
	if confidence == language.No {
		return all()[fallback]
	}
	return all()[tags[i]]
}

// Tag is the language's tag.
func (c *Catalogue) Tag() string { return c.tag }

// Text gives a sentence with its placeholders filled. A key that is missing is given itself: tests see to it that none is.
func (c *Catalogue) Text(key string, args map[string]string) string {
	text, ok := c.texts[key]
	if !ok {
		return key
	}
	if len(args) == 0 || !strings.Contains(text, "{") {
		return text
	}
	pairs := make([]string, 0, 2*len(args))
	for name, v := range args {
		pairs = append(pairs, "{"+name+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Has reports whether there is a sentence under key.
func (c *Catalogue) Has(key string) bool { _, ok := c.texts[key]; return ok }
