package web

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/languages"
	"postern/shared/password"
)

// examples has an error of every kind, by the name of its type or variable in package access.
var examples = map[string]error{
	"ErrInvalidCredentials": access.ErrInvalidCredentials,
	"ErrInvalidCode":        access.ErrInvalidCode,
	"ErrTOTPRequired":       access.ErrTOTPRequired,
	"ErrNotSignedIn":        access.ErrNotSignedIn,
	"ErrTOTPBlocked":        access.ErrTOTPBlocked,
	"ErrForbidden":          access.ErrForbidden,
	"ErrNotFound":           access.ErrNotFound,
	"ErrImportTooLong":      access.ErrImportTooLong,
	"ErrUnavailable":        access.ErrUnavailable,
	"ChangeRequiredError":   &access.ChangeRequiredError{Next: access.NextNewPassword},
	"TooManyAttemptsError":  &access.TooManyAttemptsError{RetryAfter: 1500 * time.Millisecond},
	"CaptchaRequiredError":  &access.CaptchaRequiredError{Purpose: access.CaptchaLogin},
	"PolicyError":           &access.PolicyError{Broken: []password.Rule{password.RuleMinLength, password.RuleCommon}, Policy: access.DefaultPolicy()},
	"InputError":            &access.InputError{Fields: []access.FieldError{{Field: "login", Code: "missing"}}},
	"ConflictError":         &access.ConflictError{Reason: "username_taken", Field: "username"},
}

// kindsOfRefusal reads the names of all kinds from the source that defines them.
func kindsOfRefusal(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../access/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			switch x := spec.(type) {
			case *ast.ValueSpec:
				for _, n := range x.Names {
					if strings.HasPrefix(n.Name, "Err") {
						names = append(names, n.Name)
					}
				}
			case *ast.TypeSpec:
				if strings.HasSuffix(x.Name.Name, "Error") && x.Name.Name != "FieldError" {
					names = append(names, x.Name.Name)
				}
			}
		}
	}
	return names
}

func TestEveryKindOfRefusalIsInTheTable(t *testing.T) {
	names := kindsOfRefusal(t)
	if len(names) < len(examples) {
		t.Fatalf("read %d kinds from access/errors.go, there are at least %d", len(names), len(examples))
	}
	for _, name := range names {
		err := examples[name]
		if err == nil {
			t.Errorf("%s has no example here", name)
			continue
		}
		wrapped := fmt.Errorf("do something: %w", err)
		if k, ok := kindOf(wrapped); !ok {
			t.Errorf("%s is not in the table: %d", name, k.status)
		}
		p := problem(wrapped, languages.For("en"), "r1", "newPassword")
		if p.Title == "" || p.Detail == "" || p.Code == "" || p.RequestID != "r1" || strings.Contains(p.Detail, "{") {
			t.Errorf("%s: problem %+v", name, p)
		}
		for _, e := range p.Errors {
			if e.Field == "" || e.Code == "" || e.Message == "" || strings.Contains(e.Message, "{") {
				t.Errorf("%s: entry %+v", name, e)
			}
		}
	}
}

func TestProblemTellsWhatTheErrorHolds(t *testing.T) {
	text := languages.For("en")
	if p := problem(examples["TooManyAttemptsError"], text, "", ""); p.retryAfter != 1500*time.Millisecond ||
		p.header("x").Get("Retry-After") != "2" || !strings.Contains(p.Detail, "2 seconds") {
		t.Errorf("too many attempts: %+v, Retry-After %q, want 2", p, p.header("x").Get("Retry-After"))
	}
	if p := problem(examples["PolicyError"], text, "", "newPassword"); len(p.Errors) != 2 || p.Errors[0].Field != "newPassword" ||
		p.Errors[0].Code != "min_length" || !strings.Contains(p.Errors[0].Message, "15") || p.Status != 422 {
		t.Errorf("password policy: %+v", p)
	}
	if p := problem(access.ErrUnavailable, text, "", ""); p.header("x").Get("Retry-After") != "1" {
		t.Errorf("unavailable: Retry-After %q, want 1", p.header("x").Get("Retry-After"))
	}
	if p := problem(fmt.Errorf("x: %w", context.DeadlineExceeded), text, "", ""); p.Code != "unavailable" {
		t.Errorf("deadline: %s, want unavailable", p.Code)
	}
	if p := problem(errors.New("secret detail"), text, "", ""); p.Status != http.StatusInternalServerError || strings.Contains(p.Detail, "secret") {
		t.Errorf("unknown error: %+v", p)
	}
}

// Whatever code or reason stands in the source has a text.
func TestEveryReasonHasWords(t *testing.T) {
	patterns := map[string]*regexp.Regexp{
		"field.":            regexp.MustCompile(`(?:Code: |FieldError\{+[a-zA-Z"]+, |fieldError\([^"\n]*(?:"[a-zA-Z]*", )?|refuse\((?:[a-z.]+, )?|wrong\("[a-z]+", )"([a-z_0-9]+)"`),
		"problem.conflict.": regexp.MustCompile(`(?:Reason: |ConflictError\{)"([a-z_]+)"`),
	}
	var files []string
	for _, dir := range []string{".", "../access", "../csvfile", "../totp", "../totp/pskc"} {
		found, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	text, seen := languages.For("en"), 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for prefix, p := range patterns {
			for _, m := range p.FindAllStringSubmatch(string(source), -1) {
				seen++
				if !text.Has(prefix + m[1]) {
					t.Errorf("%s: %s has no text", name, prefix+m[1])
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("found only %d codes and reasons: the patterns do not fit the source any more", seen)
	}
}
