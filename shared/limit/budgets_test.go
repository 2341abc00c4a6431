package limit

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var v4, v6 = netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8:1:2:3:4:5:6")

// all calls each constructor once.
func all() map[string]Budget {
	return map[string]Budget{
		"name":             Name("acme", "op1"),
		"browser":          Browser("acme", "op1", "b1"),
		"network":          Network(v4),
		"account":          Account("acme"),
		"failures-in-row":  FailuresInRow("acme", "op1"),
		"request-name":     RequestName("acme", "alice"),
		"request-network":  RequestNetwork(v4),
		"mail-hour":        MailHour("acme", "a@b.example"),
		"mail-day":         MailDay("acme", "a@b.example"),
		"mail-account":     AccountMail("acme"),
		"mail-deployment":  DeploymentMail(),
		"new-browser-mail": NewBrowserMail("acme", "op1"),
	}
}

// The numbers of api.md "Budgets" and details 5, in its words.
func TestNumbers(t *testing.T) {
	for kind, want := range map[string]struct {
		burst int
		each  time.Duration // in this time
		more  int           // so many more
	}{
		"name":             {10, time.Minute, 1},
		"browser":          {10, time.Minute, 1},
		"network":          {100, 2 * time.Second, 1},
		"account":          {1000, time.Second, 5},
		"request-name":     {5, 12 * time.Minute, 1},
		"request-network":  {30, 10 * time.Second, 1},
		"mail-hour":        {5, time.Hour, 5},
		"mail-day":         {10, 24 * time.Hour, 10},
		"new-browser-mail": {5, 24 * time.Hour, 5},
	} {
		b := all()[kind]
		if b.Burst != want.burst || b.Every*time.Duration(want.more) != want.each {
			t.Errorf("%s: got %d, one in %v, want %d, %d in %v", kind, b.Burst, b.Every, want.burst, want.more, want.each)
		}
	}
}

// Every row has its constructor, and makes sense: a window beyond 292 years would overflow.
func TestEveryRow(t *testing.T) {
	budgets := all()
	if len(budgets) != len(table) {
		t.Errorf("%d constructors in the test, %d rows in the table", len(budgets), len(table))
	}
	for kind, row := range table {
		b, ok := budgets[kind]
		if !ok || b.Burst != row.burst || b.Every != row.every || !strings.HasPrefix(b.Key, kind) {
			t.Errorf("%s: got %+v, want %+v", kind, b, row)
		}
		if b.Burst < 1 || b.Every <= 0 || b.window()/time.Duration(b.Burst) != b.Every {
			t.Errorf("%s: %d, one in %v, makes no sense", kind, b.Burst, b.Every)
		}
	}
	if got := FailuresInRow("acme", "op1").Burst; got != 100 || FailuresInRowMax != 100 {
		t.Errorf("failures in a row: got %d, want NIST's 100", got)
	}
}

// The page for those who run Postern says what the code does.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	short := func(d time.Duration) string { // 12m, not 12m0s
		return regexp.MustCompile(`([hm])0[ms](0s)?$`).ReplaceAllString(d.String(), "$1")
	}
	var want []string
	for kind, row := range table {
		want = append(want, fmt.Sprintf("| `%s` | %d | %s |", kind, row.burst, short(row.every)))
	}
	counts := []string{
		fmt.Sprintf("| `CaptchaNameFailures` | %d |", CaptchaNameFailures),
		fmt.Sprintf("| `CaptchaNetworkFailures` | %d |", CaptchaNetworkFailures),
		fmt.Sprintf("| `CaptchaWindow` | %s |", short(CaptchaWindow)),
		fmt.Sprintf("| `TOTPWrongInRow` | %d |", TOTPWrongInRow),
		fmt.Sprintf("| `CodeTries` | %d |", CodeTries),
		fmt.Sprintf("| `PendingTOTPTries` | %d |", PendingTOTPTries),
	}
	want = append(want, counts...)
	got := regexp.MustCompile("(?m)^\\| `[^`]+` \\| [^|]+ \\|( [^|]+ \\|)?").FindAllString(string(page), -1)
	for i, line := range got {
		if strings.HasPrefix(line, "| `C") || strings.HasPrefix(line, "| `T") || strings.HasPrefix(line, "| `P") {
			cells := strings.SplitAfter(line, "|")
			got[i] = strings.Join(cells[:3], "")
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("README.md and the table differ:\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestWhoSharesABudget(t *testing.T) {
	addr := netip.MustParseAddr
	for _, c := range []struct {
		name string
		a, b Budget
		same bool
	}{
		{"the same name", Name("acme", "op1"), Name("acme", "op1"), true},
		{"another account", Name("acme", "op1"), Name("acme2", "op1"), false},
		{"moved between parts", Name("acme", "op1"), Name("acmeo", "p1"), false},
		{"a delimiter in a part", Name("acme/3:op1", ""), Name("acme", "op1"), false},
		{"a browser and another", Browser("acme", "op1", "b1"), Browser("acme", "op1", "b2"), false},
		{"a browser that looks like a name", Browser("acme", "op1", ""), Name("acme", "op1"), false},
		{"the hour and the day", MailHour("acme", "a@b"), MailDay("acme", "a@b"), false},
		{"a request and a guess", RequestName("acme", "op1"), Name("acme", "op1"), false},
		{"a row and a name", FailuresInRow("acme", "op1"), Name("acme", "op1"), false},
		{"request and guess from a network", RequestNetwork(v4), Network(v4), false},
		{"account and account's mail", Account("acme"), AccountMail("acme"), false},
		{"neighbours in IPv4", Network(v4), Network(addr("192.0.2.8")), false},
		{"IPv4 in IPv6", Network(v4), Network(addr("::ffff:192.0.2.7")), true},
		{"one /64", Network(v6), Network(addr("2001:db8:1:2:ffff::1")), true},
		{"two /64", Network(v6), Network(addr("2001:db8:1:3::1")), false},
		{"zones", Network(addr("fe80::1%eth0")), Network(addr("fe80::1%eth1")), true},
		{"no address", Network(netip.Addr{}), Network(netip.Addr{}), true},
		{"no address and the zero address", Network(netip.Addr{}), Network(netip.IPv6Unspecified()), false},
	} {
		if same := c.a.Key == c.b.Key; same != c.same {
			t.Errorf("%s: %q and %q: got same %v, want %v", c.name, c.a.Key, c.b.Key, same, c.same)
		}
	}
}

func TestNetworkKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7%eth0": "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "::1": "::/64", "127.0.0.1": "127.0.0.1",
	} {
		if got := NetworkKey(netip.MustParseAddr(in)); got != want {
			t.Errorf("NetworkKey(%s): got %s, want %s", in, got, want)
		}
	}
	if got := NetworkKey(netip.Addr{}); got != "unknown" {
		t.Errorf("NetworkKey of no address: got %s, want unknown", got)
	}
}

// Two lists of parts have one key only if they are the same list, whatever is typed into them.
func TestKeysDoNotCollide(t *testing.T) {
	kinds := []string{}
	for kind := range table {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	kind := rapid.SampledFrom(kinds)
	part := rapid.OneOf(rapid.StringOfN(rapid.RuneFrom([]rune("01:/a")), 0, 6, -1), rapid.String())
	parts := rapid.SliceOfN(part, 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		k1, k2 := kind.Draw(t, "kind 1"), kind.Draw(t, "kind 2")
		p1 := parts.Draw(t, "parts 1")
		p2 := rapid.OneOf(parts, rapid.Just(p1), rapid.Permutation(p1)).Draw(t, "parts 2")
		same := k1 == k2 && slices.Equal(p1, p2)
		if got := of(k1, p1...).Key == of(k2, p2...).Key; got != same {
			t.Fatalf("%s %q and %s %q: got same key %v", k1, p1, k2, p2, got)
		}
	})
	// No kind is the beginning of a key of another: the first part's slash would have to be in its name.
	for _, k := range kinds {
		if strings.ContainsAny(k, "/:") {
			t.Errorf("budget %q: a delimiter in its name", k)
		}
	}
}

func TestUnknownRow(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a budget without a row: no panic")
		}
	}()
	of("no such row")
}
