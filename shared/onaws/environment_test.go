package onaws_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var asksEnvironment = regexp.MustCompile(`\bos\.(Getenv|LookupEnv|Environ|ExpandEnv)\b`)

// environmentReaders lists the files of programs in a tree that look at the environment.
func environmentReaders(t *testing.T, tree fs.FS) (files []string) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := fs.ReadFile(tree, path)
		if err == nil && asksEnvironment.Match(source) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// What functions link looks at the environment in two places only: the settings, which template.yaml is compared with, and the name by
// which `sam local` is known. So a variable that is read is one that a rule knows of.
func TestEnvironmentIsReadHere(t *testing.T) {
	var got []string
	for _, tree := range []string{"shared", "functions"} {
		got = append(got, environmentReaders(t, os.DirFS("../../"+tree))...)
	}
	if want := []string{"onaws/gateway/start.go", "onaws/onaws.go"}; !slices.Equal(got, want) {
		t.Errorf("the environment is read in %q, want %q", got, want)
	}
	added := fstest.MapFS{
		"web/new.go": {Data: []byte(`package web; var x = os.Getenv("POSTERN_X")`)}, "web/new_test.go": {Data: []byte(`os.Getenv("X")`)}, "web/old.go": {},
	}
	if got := environmentReaders(t, added); !slices.Equal(got, []string{"web/new.go"}) {
		t.Errorf("of a tree in which one more file reads it: %q", got)
	}
}
