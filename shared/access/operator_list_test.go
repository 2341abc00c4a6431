package access_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/shared/access"
	"postern/shared/access/accesstest"
)

// listed gives the usernames of a list, all pages of limit each, and how many pages there are.
func listed(p *accesstest.Place, c access.ListOperators) (names []string, pages int) {
	p.T.Helper()
	for pages = 1; ; pages++ {
		page, err := p.Service.ListOperators(p.T.Context(), accesstest.Account, c)
		if err != nil {
			p.T.Fatalf("ListOperators %+v: %v", c, err)
		}
		for _, o := range page.Items {
			names = append(names, o.Username)
		}
		if page.Next == nil {
			return names, pages
		}
		c.Cursor = *page.Next
	}
}

// What a page asks of the store does not depend on how many operators there are (issue "Numbers"). A filter that lets few through is
// bounded: its page reads so many names at the most, and goes on in the next.
func TestListingCostsTheSameInLargeAccounts(t *testing.T) {
	const large = 20_000 // BenchmarkListOperators has 100,000
	p := accesstest.New(t)
	if err := access.SeedOperators(t.Context(), p.Service, p.Store, accesstest.Account, 0, 600); err != nil {
		t.Fatal(err)
	}
	asked := func(c access.ListOperators) int {
		t.Helper()
		p.Faults.Heal()
		page, err := p.Service.ListOperators(t.Context(), accesstest.Account, c)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		n := 0
		for _, call := range p.Faults.Calls() {
			if strings.HasPrefix(call.Label, "store.") {
				n++
			}
		}
		t.Logf("%d operators by %d store requests: %+v", len(page.Items), n, c)
		return n
	}
	second := func(c access.ListOperators) access.ListOperators {
		t.Helper()
		page, err := p.Service.ListOperators(t.Context(), accesstest.Account, c)
		if err != nil || page.Next == nil {
			t.Fatalf("%+v has no second page: %v", c, err)
		}
		c.Cursor = *page.Next
		return c
	}
	questions := []access.ListOperators{
		{}, second(access.ListOperators{}), {Limit: 1}, {Limit: 200}, {Query: "person000123"}, {Query: "person0001"}, {Query: "person000123@seeded"},
		{Query: "given123"}, {Query: "family00123"}, {Query: "nobody"}, {State: "active"}, {Role: "operator", Limit: 200}, {TOTP: "disabled", Query: "person0"},
	}
	few := []access.ListOperators{{State: "disabled"}, {State: "disabled", Limit: 1}, {Role: "administrator"}, {PasswordKind: "temporary", Limit: 1}, {TOTP: "blocked", Query: "person"}}
	var small []int
	for _, c := range questions {
		small = append(small, asked(c))
	}
	if err := access.SeedOperators(t.Context(), p.Service, p.Store, accesstest.Account, 600, large-600); err != nil {
		t.Fatal(err)
	}
	for i, c := range questions {
		if got := asked(c); got != small[i] || got > 8 {
			t.Errorf("%+v: %d store requests with %d operators, %d with 600", c, got, large, small[i])
		}
	}
	for _, c := range few {
		if got := asked(c); got > 40 {
			t.Errorf("%+v: %d store requests", c, got)
		}
	}
	if names, pages := listed(p, access.ListOperators{State: "disabled", Limit: 200}); len(names) != large/100 || !slices.IsSorted(names) || pages > large/1000+2 {
		t.Errorf("%d disabled operators in %d pages, want %d", len(names), pages, large/100)
	}
}

// BenchmarkListOperators is a page, a search and a page under a filter that lets one in a hundred through, of 100,000 operators.
func BenchmarkListOperators(b *testing.B) {
	p := accesstest.New(b)
	if err := access.SeedOperators(b.Context(), p.Service, p.Store, accesstest.Account, 0, 100_000); err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]access.ListOperators{"page": {}, "search": {Query: "family04711"}, "filter": {State: "disabled"}} {
		b.Run(name, func(b *testing.B) {
			p.Faults.Heal()
			for b.Loop() {
				if _, err := p.Service.ListOperators(b.Context(), accesstest.Account, c); err != nil {
					b.Fatal(err)
				}
			}
			asked := 0
			for _, call := range p.Faults.Calls() {
				if strings.HasPrefix(call.Label, "store.") {
					asked++
				}
			}
			b.ReportMetric(float64(asked)/float64(b.N), "requests/op")
		})
	}
}

// A search finds whoever has a name that begins with what was typed, each once, whatever alphabet it is in.
func TestSearch(t *testing.T) {
	p := accesstest.New(t)
	make := func(username, first, last string) {
		t.Helper()
		_, err := p.Service.CreateOperator(t.Context(), access.System, accesstest.Account, access.CreateOperator{
			Username: username, Email: username + "@x.example", FirstName: first, LastName: last, Role: access.RoleOperator,
		})
		if err != nil {
			t.Fatalf("%s: %v", username, err)
		}
	}
	make("anna", "Anna", "Annason")
	make("пётр", "Пётр", "Петров")
	make("о-next", "Ольга", "Рыбина") // in the order of bytes beside the one before
	make("jose", "Jose\u0301", "Mary Ann")
	make("jürgen", "JÜRGEN", "ÿ")
	make("edge", "\uD7FF", "\U0010ffff\U0010ffff")
	for query, want := range map[string]string{
		"an": "[anna]", "ANNA": "[anna]", " anna ": "[anna]", "annas": "[anna]", "п": "[пётр]", "П": "[пётр]", "пЁ": "[пётр]", "петров": "[пётр]",
		"о": "[о-next]", "р": "[о-next]", "josé": "[jose]", "jose\u0301": "[jose]", "mary a": "[jose]", "mary b": "[]", "j": "[jose jürgen]",
		"ÿ": "[jürgen]", "jÜ": "[jürgen]", "\uD7FF": "[edge]", "\U0010ffff": "[edge]", "anna@x.example": "[anna]", "@": "[]", "": "[anna edge jose jürgen о-next пётр]",
	} {
		for _, limit := range []int{1, 50} {
			if got, _ := listed(p, access.ListOperators{Query: query, Limit: limit}); fmt.Sprint(got) != want {
				t.Errorf("query %q in pages of %d: %v, want %s", query, limit, got, want)
			}
		}
	}
	for _, query := range []string{"\xff", strings.Repeat("a", 255)} {
		if _, err := p.Service.ListOperators(t.Context(), accesstest.Account, access.ListOperators{Query: query}); !errors.As(err, new(*access.InputError)) {
			t.Errorf("query %.5q: %v", query, err)
		}
	}
}

// A cursor is good for the list, the account and the filter that it came from, and for nothing else.
func TestCursorsOfOtherLists(t *testing.T) {
	p := accesstest.New(t)
	if err := access.SeedOperators(t.Context(), p.Service, p.Store, accesstest.Account, 0, 5); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Service.CreateAccount(t.Context(), access.System, access.CreateAccount{AccountID: "other"}); err != nil {
		t.Fatal(err)
	}
	page, err := p.Service.ListOperators(t.Context(), accesstest.Account, access.ListOperators{Limit: 1})
	if err != nil || page.Next == nil {
		t.Fatal(err)
	}
	cursor := *page.Next
	for name, ask := range map[string]func() error{
		"another account": func() error {
			_, err := p.Service.ListOperators(t.Context(), "other", access.ListOperators{Cursor: cursor})
			return err
		},
		"another filter": func() error {
			_, err := p.Service.ListOperators(t.Context(), accesstest.Account, access.ListOperators{Role: "operator", Cursor: cursor})
			return err
		},
		"notices": func() error {
			_, err := p.Service.ListNotices(t.Context(), accesstest.Account, access.ListNotices{Cursor: cursor})
			return err
		},
		"mail": func() error {
			_, err := p.Service.ListMail(t.Context(), accesstest.Account, access.ListMail{Cursor: cursor})
			return err
		},
		"accounts": func() error { _, err := p.Service.ListAccounts(t.Context(), 0, cursor); return err },
		"export": func() error {
			_, err := p.Service.ExportNotices(t.Context(), accesstest.Account, cursor)
			return err
		},
		"a letter less": func() error {
			_, err := p.Service.ListOperators(t.Context(), accesstest.Account, access.ListOperators{Cursor: cursor[1:]})
			return err
		},
	} {
		if err := ask(); !errors.As(err, new(*access.InputError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Service.ListOperators(t.Context(), accesstest.Account, access.ListOperators{Limit: 2, Cursor: cursor}); err != nil {
		t.Errorf("its own list, in pages of another size: %v", err)
	}
}

// Whatever is sent as a cursor is refused as input, or was one of ours.
func FuzzCursors(f *testing.F) {
	p := accesstest.New(f)
	if err := access.SeedOperators(f.Context(), p.Service, p.Store, accesstest.Account, 0, 3); err != nil {
		f.Fatal(err)
	}
	page, err := p.Service.ListOperators(f.Context(), accesstest.Account, access.ListOperators{Limit: 1})
	if err != nil {
		f.Fatal(err)
	}
	ours := *page.Next
	for _, seed := range []string{ours, ours + "A", ours[:len(ours)-1], "", "A", "AAAA", strings.Repeat("A", 22), strings.Repeat("A", 40), strings.Repeat("A", 8000),
		"=", "..", "%00", "\x00", "\xff\xfe", ours + "=", ours + "\n", strings.ToUpper(ours), "dQ", strings.Repeat("_", 64)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		var errs []error
		_, err := p.Service.ListOperators(t.Context(), accesstest.Account, access.ListOperators{Cursor: cursor, Limit: 1})
		if cursor != "" && cursor != ours && err == nil {
			t.Errorf("operators: %q passes", cursor)
		}
		errs = append(errs, err)
		_, err = p.Service.ListNotices(t.Context(), accesstest.Account, access.ListNotices{Cursor: cursor})
		errs = append(errs, err)
		_, err = p.Service.ListMail(t.Context(), accesstest.Account, access.ListMail{Cursor: cursor})
		errs = append(errs, err)
		_, err = p.Service.ListAccounts(t.Context(), 0, cursor)
		errs = append(errs, err)
		_, err = p.Service.ExportNotices(t.Context(), accesstest.Account, cursor)
		errs = append(errs, err)
		for i, err := range errs {
			if err != nil && !errors.As(err, new(*access.InputError)) {
				t.Errorf("list %d: %q: %v", i, cursor, err)
			}
		}
	})
}
