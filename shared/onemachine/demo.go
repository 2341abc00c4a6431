package onemachine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postern/shared/access"
	"postern/shared/atomicfile"
)

// Demo is what demo mode made, as it stands in DIR/demo.json (api.md "On one machine"; details 15).
type Demo struct {
	URL       string         `json:"url"`
	InboxURL  string         `json:"inboxUrl"`
	AccountID string         `json:"accountId"`
	Operators []DemoOperator `json:"operators"`

	first bool // the first start: passwords are printed this once
}

// DemoOperator is one of the demo's operators. TemporaryPassword is null once it was replaced.
type DemoOperator struct {
	Username          string      `json:"username"`
	Email             string      `json:"email"`
	FirstName         string      `json:"firstName"`
	Role              access.Role `json:"role"`
	TemporaryPassword *string     `json:"temporaryPassword"`
}

// demoAccount is the Account ID of the demo.
const demoAccount = "demo"

// demoPeople are the demo's operators; the first is made together with the account.
var demoPeople = []access.CreateOperator{
	{Username: "alice", Email: "alice@demo.example", FirstName: "Alice", LastName: "Arden", Role: access.RoleAdministrator},
	{Username: "bob", Email: "bob@demo.example", FirstName: "Bob", LastName: "Birch", Role: access.RoleAdministrator},
	{Username: "carol", Email: "carol@demo.example", FirstName: "Carol", LastName: "Cedar", Role: access.RoleOperator},
}

// startDemo makes whatever of the demo is not there yet, and writes demo.json, by which others see that the server is ready.
func (s *Server) startDemo(ctx context.Context) error {
	path := filepath.Join(s.config.Data, demoFile)
	before, err := readDemo(path)
	if err != nil {
		return err
	}
	d := &Demo{URL: s.URL, InboxURL: s.Inbox, AccountID: demoAccount}
	made := map[string]string{}
	if _, err := s.service.Settings(ctx, demoAccount); errors.Is(err, access.ErrNotFound) {
		created, err := s.service.CreateAccount(ctx, access.System,
			access.CreateAccount{AccountID: demoAccount, Name: "Postern demo", Administrator: &demoPeople[0]})
		if err != nil {
			return fmt.Errorf("make demo account: %w", err)
		}
		d.first = true
		made[demoPeople[0].Username] = created.TemporaryPassword.Reveal()
	} else if err != nil {
		return err
	}
	for _, p := range demoPeople {
		kind, err := s.demoOperator(ctx, p, made)
		if err != nil {
			return err
		}
		o := DemoOperator{Username: p.Username, Email: p.Email, FirstName: p.FirstName, Role: p.Role}
		if kind == access.PasswordTemporary {
			if text, ok := made[p.Username]; ok {
				o.TemporaryPassword = &text
			} else {
				o.TemporaryPassword = before[p.Username]
			}
		}
		d.Operators = append(d.Operators, o)
	}
	raw, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	s.Demo = d
	return atomicfile.Write(path, append(raw, '\n'))
}

// demoOperator makes one of the demo's operators if it is not there (a first start may have been cut off in the middle),
// notes its password in made, and gives the kind of its password.
func (s *Server) demoOperator(ctx context.Context, p access.CreateOperator, made map[string]string) (access.PasswordKind, error) {
	page, err := s.service.ListOperators(ctx, demoAccount, access.ListOperators{Query: p.Username})
	if err != nil {
		return "", fmt.Errorf("look for demo operator: %w", err)
	}
	for _, o := range page.Items {
		if o.Username == p.Username {
			return o.Password.Kind, nil
		}
	}
	created, err := s.service.CreateOperator(ctx, access.System, demoAccount, p)
	if conflict := (*access.ConflictError)(nil); errors.As(err, &conflict) {
		return access.PasswordNone, nil // somebody else has the name or address by now: leave things alone
	}
	if err != nil {
		return "", fmt.Errorf("make demo operator: %w", err)
	}
	made[p.Username] = created.TemporaryPassword.Reveal()
	return access.PasswordTemporary, nil
}

// readDemo gives the passwords that the demo.json of an earlier start held.
func readDemo(path string) (map[string]*string, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var d Demo
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("read %s: remove it, and start again: %w", path, err)
	}
	passwords := map[string]*string{}
	for _, o := range d.Operators {
		passwords[o.Username] = o.TemporaryPassword
	}
	return passwords, nil
}

// print writes the demo's facts; passwords on the first start only.
func (d *Demo) print(w io.Writer, s *Server) {
	fmt.Fprintf(w, "\n  Account ID  %s\n", d.AccountID)
	for _, o := range d.Operators {
		password := "(as before; see " + filepath.Join(s.config.Data, demoFile) + ")"
		if d.first && o.TemporaryPassword != nil {
			password = *o.TemporaryPassword
		}
		fmt.Fprintf(w, "  %-10s  %-13s  temporary password  %s\n", o.Username, o.Role, password)
	}
	fmt.Fprintf(w, "\n  On the command line:\n    %s\n\n", d.commandLine(s))
	fmt.Fprintln(w, "This is the demo: for trying things, not for use. `postern serve --help` tells how to run it for real.")
}

// commandLine is a line to paste into a shell, in the folder that the server was started in.
func (d *Demo) commandLine(s *Server) string {
	return strings.Join([]string{
		"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(s.config.Data, credentialsFile), "AWS_PROFILE=postern",
		"go run ./cmd/postern --endpoint", d.URL, "operators list --account", d.AccountID,
	}, " ")
}
