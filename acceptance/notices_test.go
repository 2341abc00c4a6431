package acceptance

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sealed has everything sealed that was noted.
func sealed(t *testing.T) {
	t.Helper()
	newBrowser(t).post("/_local/run/sealnotices", nil).want(200)
}

// The log is numbered without gaps, verifies, and is exported as it is listed (behaviour 7.7).
func TestTheLogIsSealed(t *testing.T) {
	p := operator(t, "operator")
	for _, d := range doors(t) {
		t.Run(strings.Trim(d.name, "/"), func(t *testing.T) {
			get := func(path string) *answer {
				t.Helper()
				return d.do(t, "GET", d.prefix+path, nil, nil)
			}
			sealed(t)
			report := get("/notices/verify").want(200)
			if report.field("ok") != true || report.field("unsealed") != 0.0 || report.field("entries") != report.field("sealedTo") || report.text("sealedAt") == "" ||
				!strings.HasPrefix(report.text("publicKey"), "-----BEGIN PUBLIC KEY-----") {
				t.Errorf("verify: %s", report.body)
			}
			if strings.Contains(string(report.body), "firstBad") {
				t.Errorf("a good log names a bad entry: %s", report.body)
			}
			export := get("/notices/export").want(200)
			if got := export.header.Get("Content-Disposition"); got != `attachment; filename="notices-demo.csv"` {
				t.Errorf("Content-Disposition: %s", got)
			}
			if strings.Contains(strings.ReplaceAll(string(export.body), "\r\n", ""), "\n") {
				t.Error("a line of the export ends in LF alone")
			}
			rows, err := csv.NewReader(strings.NewReader(string(export.body))).ReadAll()
			if err != nil || len(rows) < 4 || !slices.Equal(rows[0][:6], []string{"seq", "at", "type", "actor", "operatorId", "detail"}) {
				t.Fatalf("export: %v, %v", rows[:1], err)
			}
			// The account is made in the first moment, perhaps some operators too.
			if rows[1][0] != "1" || !slices.ContainsFunc(rows[1:], func(r []string) bool { return r[2] == "account.created" && r[1] == rows[1][1] }) {
				t.Errorf("the first entries: %q", rows[1:3])
			}
			byNumber := map[string][]string{}
			for _, r := range rows[1:] {
				if r[0] == "" || byNumber[r[0]] != nil {
					t.Errorf("number %q: %q", r[0], r)
				}
				byNumber[r[0]] = r
			}
			if got := float64(len(byNumber)); got != report.field("entries") {
				t.Errorf("%v entries are exported, and %v verified", got, report.field("entries"))
			}
			list := get("/notices?limit=200&operatorId=" + p.id).want(200)
			var page struct {
				Items []struct {
					Seq    *json.Number
					At     string
					Type   string
					Actor  string
					Detail map[string]string
				}
			}
			if err := json.Unmarshal(list.body, &page); err != nil || len(page.Items) < 2 {
				t.Fatalf("%v: %s", err, list.body)
			}
			for _, n := range page.Items {
				if n.Seq == nil {
					t.Fatalf("not sealed: %+v", n)
				}
				r := byNumber[n.Seq.String()]
				var detail map[string]string
				if r == nil || json.Unmarshal([]byte(r[5]), &detail) != nil || r[2] != n.Type || r[3] != n.Actor || r[4] != p.id || len(detail) != len(n.Detail) {
					t.Errorf("listed %+v, exported %q", n, r)
				}
			}
			get("/notices/export?cursor=forged").refused(400, "invalid_request")
		})
	}
	p.get("/manage/notices/verify").refused(403, "forbidden")
	p.get("/manage/notices/export").refused(403, "forbidden")
	for _, path := range []string{"/verify", "/export"} {
		newBrowser(t).get("/manage/notices"+path).refused(401, "not_signed_in")
		alice(t).do("POST", "/manage/notices"+path, nil).refused(405, "method_not_allowed")
	}
}

// On the command line: what is exported verifies without the server, and what was done to the file is named.
func TestNoticesOnTheCommandLine(t *testing.T) {
	p := operator(t, "operator")
	sealed(t)
	run := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		out, errs, code := postern(t, nil, append([]string{"--endpoint", demo.URL, "notices"}, args...)...)
		if code != want {
			t.Fatalf("notices %v: exit %d, want %d\n%s%s", args, code, want, out, errs)
		}
		return out, errs
	}
	out, _ := run(0, "list", "--account", demo.AccountID, "--operator", p.id, "--output", "json")
	if !strings.Contains(out, "operator.created") || !strings.Contains(out, "password.changed") {
		t.Errorf("list: %s", out)
	}
	if out, _ = run(0, "list", "--account", demo.AccountID, "--operator", p.id); !strings.HasPrefix(out, "NO.") || !strings.Contains(out, "operator.created") {
		t.Errorf("list: %s", out)
	}
	if out, _ = run(0, "verify", "--account", demo.AccountID); !strings.Contains(out, "true") {
		t.Errorf("verify: %s", out)
	}
	dir := t.TempDir()
	key, file := filepath.Join(dir, "key.pem"), filepath.Join(dir, "notices.csv")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pem, _ := run(0, "public-key", "--account", demo.AccountID)
	write(key, pem)
	whole, _ := run(0, "export", "--account", demo.AccountID)
	offline := func(want int, text string) string {
		t.Helper()
		write(file, text)
		out, errs := run(want, "verify", "--file", file, "--public-key", key)
		return out + errs
	}
	if got := offline(0, whole); !strings.Contains(got, demo.AccountID) {
		t.Errorf("offline: %s", got)
	}
	run(1, "verify", "--file", file, "--public-key", key, "--account", "other")
	lines := strings.SplitAfter(whole, "\r\n")
	number := func(line int) string { seq, _, _ := strings.Cut(lines[line], ","); return seq }
	made := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "Postern demo") })
	for name, c := range map[string]struct{ text, want string }{
		"edit":      {strings.Replace(whole, "Postern demo", "Postern", 1), "entry " + number(made) + " was altered"},
		"deletion":  {strings.Join(slices.Delete(slices.Clone(lines), 3, 4), ""), "entry " + number(3) + " is missing"},
		"cut tail":  {strings.Join(lines[:4], ""), "entry 4 is missing"},
		"insertion": {strings.Join(slices.Insert(slices.Clone(lines), 5, lines[3]), ""), "entry " + number(3) + " stands there more than once"},
		"swap": {strings.Join(slices.Concat(lines[:3], []string{
			strings.Replace(lines[4], number(4), number(3), 1), strings.Replace(lines[3], number(3), number(4), 1),
		}, lines[5:]), ""), "entry " + number(3) + " was altered"},
	} {
		if got := offline(1, c.text); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	run(254, "verify", "--account", "nowhere")
}
