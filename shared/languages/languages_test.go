package languages_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/shared/languages"
)

func read(t *testing.T, path string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(raw, &texts); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return texts
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// Every language has every key, with the same placeholders, and files are sorted so that changes read well.
func TestLanguagesHaveTheSameKeys(t *testing.T) {
	english := read(t, "en.json")
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) != len(languages.Tags()) {
		t.Fatalf("%v: %d languages, %v", files, len(languages.Tags()), err)
	}
	for _, f := range files {
		texts := read(t, f)
		if d := cmp.Diff(slices.Sorted(maps.Keys(english)), slices.Sorted(maps.Keys(texts))); d != "" {
			t.Errorf("%s (-English +%s):\n%s", f, f, d)
		}
		for k, text := range texts {
			want, got := placeholder.FindAllString(english[k], -1), placeholder.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(slices.Compact(want), slices.Compact(got)) {
				t.Errorf("%s: %s has placeholders %v, want %v", f, k, got, want)
			}
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s is empty", f, k)
			}
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, line := range strings.Split(string(raw), "\n") {
			if m := regexp.MustCompile(`^\s+"([^"]+)": `).FindStringSubmatch(line); m != nil {
				keys = append(keys, m[1])
			}
		}
		if len(keys) != len(texts) || !slices.IsSorted(keys) {
			t.Errorf("%s: %d keys on lines of their own for %d texts, sorted: %t", f, len(keys), len(texts), slices.IsSorted(keys))
		}
	}
}

func TestFor(t *testing.T) {
	for wishes, want := range map[string]string{
		"en": "en", "en-GB": "en", "": "en", "tlh": "en", "en;q=0.1, xx": "en", "%%%": "en", strings.Repeat("en,", 5000): "en",
	} {
		if got := languages.For(wishes).Tag(); got != want {
			t.Errorf("For(%.20q) = %s, want %s", wishes, got, want)
		}
	}
}

func TestText(t *testing.T) {
	c := languages.For("en")
	if got := c.Text("mail.greeting", map[string]string{"firstName": "{accountName}", "accountName": "x"}); got != "Hello {accountName}," {
		t.Errorf("a value that looks like a placeholder is filled too: %q", got)
	}
	if got := c.Text("no.such.key", nil); got != "no.such.key" || c.Has("no.such.key") {
		t.Errorf("a missing key gives %q", got)
	}
}
