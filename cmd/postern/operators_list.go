package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

func newOperatorsList(o *clientOptions) *cobra.Command {
	var account string
	var filter access.ListOperators
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the operators of an account, by username",
		Example: `  postern --endpoint http://localhost:3000 operators list --account demo --totp disabled`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if account == "" {
				return &exitError{exitUsage, errors.New("say which account, with --account")}
			}
			if !slices.Contains([]string{"table", "json", "csv"}, o.output) {
				return &exitError{exitUsage, errors.New("--output is table, json or csv")}
			}
			all := []access.OperatorView{}
			query := url.Values{"limit": {"200"}}
			for name, v := range map[string]string{
				"query": filter.Query, "role": filter.Role, "state": filter.State, "totp": filter.TOTP, "passwordKind": filter.PasswordKind,
			} {
				if v != "" {
					query.Set(name, v)
				}
			}
			for {
				var page access.OperatorPage
				if err := o.ask(cmd.Context(), "GET", "/admin/accounts/"+url.PathEscape(account)+"/operators?"+query.Encode(), nil, &page); err != nil {
					return err
				}
				all = append(all, page.Items...)
				if page.Next == nil {
					break
				}
				query.Set("cursor", *page.Next)
			}
			return printOperators(cmd.OutOrStdout(), o.output, all)
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "Account ID")
	f.StringVar(&filter.Query, "query", "", "prefix of username, email, first or last name")
	f.StringVar(&filter.Role, "role", "", "operator or administrator")
	f.StringVar(&filter.State, "state", "", "active or disabled")
	f.StringVar(&filter.TOTP, "totp", "", "enabled, disabled or blocked")
	f.StringVar(&filter.PasswordKind, "password-kind", "", "permanent, temporary or none")
	return cmd
}

// printOperators writes operators as a table for people, as JSON, or as CSV with a guard against formulas (details 33).
func printOperators(w io.Writer, output string, all []access.OperatorView) error {
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	header := []string{"USERNAME", "NAME", "EMAIL", "ROLE", "STATE", "TOTP", "PASSWORD", "LAST LOGIN", "OPERATOR ID"}
	row := func(o access.OperatorView) []string {
		totp, last := "off", "never"
		switch {
		case o.TOTP.Blocked:
			totp = "blocked"
		case o.TOTP.Enabled:
			totp = o.TOTP.Source
		}
		if o.LastLoginAt != nil {
			last = o.LastLoginAt.Format(time.RFC3339)
		}
		return []string{o.Username, o.FirstName + " " + o.LastName, o.Email, string(o.Role), string(o.State), totp,
			string(o.Password.Kind), last, o.OperatorID}
	}
	if output == "csv" {
		c := csv.NewWriter(w)
		c.UseCRLF = true
		_ = c.Write(header) // errors stay in the writer
		for _, o := range all {
			cells := row(o)
			for i, cell := range cells {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					cells[i] = "'" + cell
				}
			}
			_ = c.Write(cells)
		}
		c.Flush()
		return c.Error()
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(header, "\t"))
	for _, o := range all {
		fmt.Fprintln(t, strings.Join(row(o), "\t"))
	}
	return t.Flush()
}
