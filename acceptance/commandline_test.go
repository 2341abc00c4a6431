package acceptance

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// postern runs a command as somebody does who has the server's key pair.
func postern(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(append(os.Environ(), "AWS_PROFILE=postern", "AWS_EC2_METADATA_DISABLED=true", "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(folder, "admin-credentials")), env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// The line that the demo prints works as it is printed, in every form of output, and with another key it does not.
func TestCommandLine(t *testing.T) {
	p := operator(t, "operator")
	list := []string{"--endpoint", demo.URL, "operators", "list", "--account", demo.AccountID, "--query", p.username}
	out, errs, code := postern(t, nil, list...)
	if code != 0 || errs != "" || !strings.Contains(out, p.email) || !strings.HasPrefix(out, "USERNAME") {
		t.Errorf("table: exit %d\n%s%s", code, out, errs)
	}
	out, _, code = postern(t, []string{"POSTERN_ENDPOINT=" + demo.URL}, append([]string{"--output", "json"}, list[2:]...)...)
	var all []map[string]any
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 || len(all) != 1 || all[0]["operatorId"] != p.id {
		t.Errorf("json: exit %d, %v\n%s", code, err, out)
	}
	alice(t).do("PATCH", "/manage/operators/"+p.id, map[string]string{"firstName": "=1+1"}).want(200)
	out, _, code = postern(t, nil, append([]string{"--output", "csv"}, list...)...)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || code != 0 || len(rows) != 2 || rows[1][1] != "'=1+1 Last" {
		t.Errorf("csv: exit %d, %v\n%s", code, err, out)
	}
	_, errs, code = postern(t, []string{"AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y", "AWS_PROFILE="}, list...)
	if code != 254 || !strings.Contains(errs, "forbidden") {
		t.Errorf("another key: exit %d\n%s", code, errs)
	}
	_, errs, code = postern(t, nil, "--endpoint", demo.URL, "operators", "list", "--account", demo.AccountID, "--role", "boss")
	if code != 254 || !strings.Contains(errs, "invalid_request") {
		t.Errorf("a bad filter: exit %d\n%s", code, errs)
	}
}

// Accounts on the command line, from making one to closing it.
func TestAccountCommands(t *testing.T) {
	id := unused("cli")
	run := func(want int, args ...string) (string, string) {
		t.Helper()
		out, errs, code := postern(t, nil, append([]string{"--endpoint", demo.URL, "accounts"}, args...)...)
		if code != want {
			t.Fatalf("accounts %v: exit %d\n%s%s", args, code, out, errs)
		}
		return out, errs
	}
	password, said := run(0, "create", "--account", id, "--name", "By hand", "--username", "alice", "--email", "a@x.example", "--first-name", "A", "--last-name", "B")
	if !strings.Contains(said, "administrator alice") {
		t.Errorf("create says %q", said)
	}
	in := newBrowser(t).post("/login", map[string]string{"accountId": id, "login": "alice", "password": strings.TrimSpace(password)})
	if in.want(200).text("next") != "new_password" {
		t.Errorf("the printed password: %s", in.body)
	}
	if _, said = run(254, "create", "--account", id); !strings.Contains(said, "already") {
		t.Errorf("the same again: %q", said)
	}
	if out, _ := run(0, "suspend", "--account", id); !strings.Contains(out, "suspended") {
		t.Errorf("suspend: %q", out)
	}
	if out, _ := run(0, "resume", "--account", id, "--output", "json"); !strings.Contains(out, `"active"`) {
		t.Errorf("resume: %q", out)
	}
	if out, _ := run(0, "rename", "--account", id, "--name", "=Renamed", "--output", "csv"); !strings.Contains(out, "'=Renamed") {
		t.Errorf("rename: %q", out)
	}
	if out, _ := run(0, "list"); !strings.Contains(out, id) || !strings.HasPrefix(out, "ACCOUNT ID") {
		t.Errorf("list: %q", out)
	}
	if out, _ := run(0, "get", "--account", id); !strings.Contains(out, "=Renamed") {
		t.Errorf("get: %q", out)
	}
	run(254, "get", "--account", unused("nobody"))
	run(252, "suspend")
	run(252, "rename", "--account", id)
}
