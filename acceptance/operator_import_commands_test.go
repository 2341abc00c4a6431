package acceptance

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// reported reads the report of an import: mode 0600, and each row with a password that was made for it.
func reported(t *testing.T, file string) [][]string {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %s", file, info.Mode())
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 || strings.Join(rows[0], ",") != "row,username,result,message,temporaryPassword" {
		t.Fatalf("report %s: %v, %v", file, err, rows)
	}
	return rows[1:]
}

func importCommand(account, file string, more ...string) []string {
	return append([]string{"operators", "import", "--account", account, "--file", file}, more...)
}

// newAccount makes an account without anybody, where an import is in nobody's way.
func newAccount(t *testing.T) string {
	t.Helper()
	id := unused("import")
	signed(t, "POST", "/admin/accounts", map[string]string{"accountId": id}, nil, nil).want(201)
	return id
}

// mustChange logs in with a temporary password, which has to be changed at once.
func mustChange(t *testing.T, account, name, password string) {
	t.Helper()
	a := newBrowser(t).post("/login", map[string]string{"accountId": account, "login": name, "password": password}).want(200)
	if a.text("next") != "new_password" {
		t.Errorf("login of %s: %s", name, a.body)
	}
}

func writeFile(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestImportCommand(t *testing.T) {
	env := []string{"POSTERN_ENDPOINT=" + demo.URL}
	account, name := newAccount(t), unused("cmd")
	file := writeFile(t, append(operatorFile(name, 2), []byte(name+"3,no address,,X,king\r\n"+name+"4,"+name+"4@import.example,A,B,operator,too much\r\n")...))
	report := strings.TrimSuffix(file, ".csv") + "-report.csv"

	out, said, code := postern(t, env, importCommand(account, file, "--dry-run")...)
	if code != 1 || !strings.Contains(said, "4 rows: 2 would be created, 0 there already, 2 wrong.") || !strings.Contains(out, "email: Not an email address.") {
		t.Errorf("dry run: exit %d\n%s%s", code, out, said)
	}
	if _, err := os.Stat(report); err == nil {
		t.Error("a dry run left a report")
	}
	out, said, code = postern(t, env, importCommand(account, file)...)
	if code != 1 || !strings.Contains(said, "4 rows: 2 created, 0 there already, 2 wrong.") || !strings.Contains(said, report) || !strings.Contains(out, "more cells") {
		t.Errorf("import: exit %d\n%s%s", code, out, said)
	}
	rows := reported(t, report)
	if len(rows) != 4 || rows[0][2] != "created" || rows[2][2] != "error" || rows[3][2] != "error" || !strings.Contains(rows[2][3], "role: ") {
		t.Fatalf("report: %v", rows)
	}
	for _, r := range rows[:2] {
		if strings.Contains(out+said, r[4]) {
			t.Errorf("the password of %s was printed", r[1])
		}
		mustChange(t, account, r[1], r[4])
	}
	if _, err := os.Stat(report + ".resume"); err == nil {
		t.Error("what an import is gone on with was left behind")
	}
	if _, said, code = postern(t, env, importCommand(account, file)...); code != 252 || !strings.Contains(said, "is there already") {
		t.Errorf("again: exit %d\n%s", code, said)
	}
	other := filepath.Join(t.TempDir(), "other.csv")
	if out, said, code = postern(t, env, importCommand(account, file, "--report", other, "--output", "json")...); code != 1 || !strings.Contains(said, "0 created, 2 there already, 2 wrong") || !strings.Contains(out, `"row": 3`) {
		t.Errorf("again with another report: exit %d\n%s%s", code, out, said)
	}
	if rows = reported(t, other); rows[0][2] != "unchanged" || rows[0][4] != "" {
		t.Errorf("report: %v", rows)
	}
	good := writeFile(t, operatorFile(name, 1))
	if out, said, code = postern(t, env, importCommand(account, good)...); code != 0 || out != "" || !strings.Contains(said, "1 rows: 0 created, 1 there already, 0 wrong.") {
		t.Errorf("of a file without a fault: exit %d\n%s%s", code, out, said)
	}
	out, said, code = postern(t, env, "operators", "export", "--account", account, "--query", name, "--state", "active")
	if code != 0 || said != "" || !strings.HasPrefix(out, "username,") || strings.Count(out, "\r\n") != 3 {
		t.Errorf("export: exit %d\n%s%s", code, out, said)
	}
	if _, said, code = postern(t, env, "operators", "import", "--account", "nobody", "--file", good, "--report", filepath.Join(t.TempDir(), "r.csv")); code != 254 || !strings.Contains(said, "not_found") || strings.Contains(said, "go on") {
		t.Errorf("into an account that is not there: exit %d\n%s", code, said)
	}
}

// Somebody who stands twice in a file is made once and told once, also if the rows are sent in two requests.
func TestImportCommandOfTheSameTwice(t *testing.T) {
	env := []string{"POSTERN_ENDPOINT=" + demo.URL}
	account, name := newAccount(t), unused("twice")
	content := operatorFile(name, 500)
	first := operatorFile(name, 1)[len(operatorColumns):]
	file := writeFile(t, append(content, first...))
	out, said, code := postern(t, env, importCommand(account, file)...)
	if code != 1 || !strings.Contains(said, "501 rows: 500 created, 0 there already, 1 wrong.") || !strings.Contains(out, "The same as in row 1.") {
		t.Errorf("import: exit %d\n%s%s", code, out, said)
	}
	rows := reported(t, strings.TrimSuffix(file, ".csv")+"-report.csv")
	if rows[0][2] != "created" || rows[0][4] == "" || rows[500][2] != "error" || rows[500][4] != "" {
		t.Errorf("report: %v, %v", rows[0], rows[500])
	}
}

// relay stands between the command line and the service. At the nth import that is asked for it lets the service do it, and then does
// something else than to give its answer.
func relay(t *testing.T, nth int64, instead func(w http.ResponseWriter, r *http.Request)) string {
	t.Helper()
	target, err := url.Parse(demo.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }} // the host is signed
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" && asked.Add(1) == nth {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			instead(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Cut off at any moment, the same command again goes on: nobody is made twice, and every temporary password is in the report.
func TestImportIsGoneOnWith(t *testing.T) {
	const n = 501 // a request for 500, and one more
	for _, c := range []struct {
		name string
		nth  int64 // import whose answer is lost
		code int
		cut  func(command *os.Process, w http.ResponseWriter, r *http.Request)
	}{
		{"the network is cut at the first request", 1, 255, func(_ *os.Process, _ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }},
		// Go sends it again over another connection, since it has an Idempotency-Key.
		{"the network is cut at the second", 2, 0, func(_ *os.Process, _ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }},
		{"Ctrl-C", 2, 130, func(command *os.Process, _ http.ResponseWriter, r *http.Request) {
			_ = command.Signal(os.Interrupt)
			<-r.Context().Done()
		}},
		{"kill -9", 1, -1, func(command *os.Process, _ http.ResponseWriter, r *http.Request) {
			_ = command.Signal(syscall.SIGKILL)
			<-r.Context().Done()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			account, name := newAccount(t), unused("cut")
			file := writeFile(t, operatorFile(name, n))
			report := strings.TrimSuffix(file, ".csv") + "-report.csv"
			started := make(chan *os.Process, 1)
			endpoint := relay(t, c.nth, func(w http.ResponseWriter, r *http.Request) { c.cut(<-started, w, r) })
			cmd := exec.Command(binary, importCommand(account, file)...)
			cmd.Env = append(os.Environ(), "AWS_PROFILE=postern", "AWS_EC2_METADATA_DISABLED=true", "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(folder, "admin-credentials"), "POSTERN_ENDPOINT="+endpoint)
			var said strings.Builder
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			started <- cmd.Process
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Fatalf("exit %d, want %d\n%s", code, c.code, said.String())
			}
			done := (c.nth - 1) * 500
			if c.code == 0 {
				done = n
			} else if c.code != -1 && !strings.Contains(said.String(), fmt.Sprintf("%d of %d rows are done; type the same command again to go on", done, n)) {
				t.Errorf("it said %s", said.String())
			}
			if rows := reported(t, report); int64(len(rows)) != done {
				t.Errorf("%d rows are reported, want %d", len(rows), done)
			}

			errs, code := said.String(), c.code
			if code != 0 {
				_, errs, code = postern(t, []string{"POSTERN_ENDPOINT=" + endpoint}, importCommand(account, file)...)
			}
			if code != 0 || !strings.Contains(errs, fmt.Sprintf("%d rows: %d created, 0 there already, 0 wrong.", n, n)) {
				t.Fatalf("again: exit %d\n%s", code, errs)
			}
			rows := reported(t, report)
			passwords := map[string]bool{}
			for i, r := range rows {
				if r[0] != fmt.Sprint(i+1) || r[1] != fmt.Sprint(name, i) || r[2] != "created" || len(r[4]) != 19 || passwords[r[4]] {
					t.Fatalf("row %d: %v", i+1, r)
				}
				passwords[r[4]] = true
			}
			if len(rows) != n {
				t.Fatalf("%d rows are reported", len(rows))
			}
			for _, i := range []int{0, 499, 500} {
				mustChange(t, account, rows[i][1], rows[i][4])
			}
			out, _, _ := postern(t, []string{"POSTERN_ENDPOINT=" + demo.URL}, "operators", "export", "--account", account, "--query", name)
			if made := strings.Count(out, "\r\n") - 1; made != n {
				t.Errorf("%d operators were made, want %d", made, n)
			}
		})
	}
}
