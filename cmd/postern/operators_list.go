package main

import (
	"io"
	"net/url"
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
			path, err := operatorsPath(account)
			if err != nil {
				return err
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			all, err := allItems[access.OperatorView](cmd.Context(), o, path, filterQuery(filter))
			if err != nil {
				return err
			}
			return printOperators(cmd.OutOrStdout(), o.output, all)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	filterFlags(cmd, &filter)
	return cmd
}

// filterFlags are the filters of the list and of the export.
func filterFlags(cmd *cobra.Command, filter *access.ListOperators) {
	f := cmd.Flags()
	f.StringVar(&filter.Query, "query", "", "prefix of username, email, first or last name")
	f.StringVar(&filter.Role, "role", "", "operator or administrator")
	f.StringVar(&filter.State, "state", "", "active or disabled")
	f.StringVar(&filter.TOTP, "totp", "", "enabled, disabled or blocked")
	f.StringVar(&filter.PasswordKind, "password-kind", "", "permanent, temporary or none")
}

// filterQuery is how the API is asked for what filters let through.
func filterQuery(filter access.ListOperators) url.Values {
	query := url.Values{}
	for name, v := range map[string]string{
		"query": filter.Query, "role": filter.Role, "state": filter.State, "totp": filter.TOTP, "passwordKind": filter.PasswordKind,
	} {
		if v != "" {
			query.Set(name, v)
		}
	}
	return query
}

// printOperators writes operators in the form that was asked for.
func printOperators(w io.Writer, output string, all []access.OperatorView) error {
	header := []string{"USERNAME", "NAME", "EMAIL", "ROLE", "STATE", "TOTP", "PASSWORD", "LAST LOGIN", "OPERATOR ID"}
	var rows [][]string
	for _, o := range all {
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
		rows = append(rows, []string{o.Username, o.FirstName + " " + o.LastName, o.Email, string(o.Role), string(o.State), totp,
			string(o.Password.Kind), last, o.OperatorID})
	}
	return printRows(w, output, all, header, rows)
}
