package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"postern/shared/access"
	"postern/shared/onemachine"
)

func newInit() *cobra.Command {
	var c onemachine.Config
	var a access.CreateAccount
	var admin access.CreateOperator
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the first account and its administrator in a folder of this machine",
		Long: `Make an account and its first administrator in the folder that "postern serve" will use. The server must not be running.

The administrator's temporary password is printed this once, on standard output. It must be changed at the first login.`,
		Example: `  postern init --data /var/lib/postern --account acme --name "Acme Ltd" \
      --username alice --email alice@acme.example --first-name Alice --last-name Arden`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Log = slog.New(slog.DiscardHandler)
			a.Administrator = &admin
			created, err := onemachine.Init(cmd.Context(), c, a)
			if input := (*access.InputError)(nil); errors.As(err, &input) {
				return &exitError{exitUsage, fmt.Errorf("nothing was made: %s", describe(input))}
			}
			if conflict := (*access.ConflictError)(nil); errors.As(err, &conflict) {
				return &exitError{exitRefused, fmt.Errorf("nothing was made: the account %s is there already", a.AccountID)}
			}
			if err != nil {
				return &exitError{exitConfiguration, err}
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Made account %s with administrator %s. The temporary password, good until %s:\n",
				created.Account.AccountID, admin.Username, created.ExpiresAt.Format("2 January 2006 15:04 UTC"))
			fmt.Fprintln(cmd.OutOrStdout(), created.TemporaryPassword.Reveal())
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Data, "data", ".postern", "folder that everything is kept in; made if it is not there")
	f.StringVar(&c.KeyFile, "key-file", "", "file of the keys that protect what is kept (default: keys in the data folder)")
	f.StringVar(&a.AccountID, "account", "", "Account ID: 1 to 64 of a-z, 0-9, - and _")
	f.StringVar(&a.Name, "name", "", "name of the account as people know it (default: the Account ID)")
	f.StringVar(&admin.Username, "username", "", "username of the administrator")
	f.StringVar(&admin.Email, "email", "", "address of the administrator")
	f.StringVar(&admin.FirstName, "first-name", "", "first name of the administrator")
	f.StringVar(&admin.LastName, "last-name", "", "last name of the administrator")
	return cmd
}

// flagOf names the flag that a field comes from.
var flagOf = map[string]string{
	"accountId": "--account", "name": "--name", "username": "--username", "email": "--email", "firstName": "--first-name",
	"lastName": "--last-name",
}

// describe says which flags are wrong, and how.
func describe(e *access.InputError) string {
	var parts []string
	for _, f := range e.Fields {
		what := map[string]string{"missing": "is missing", "invalid_account_id": "is not an Account ID (1 to 64 of a-z, 0-9, - and _)",
			"invalid_username": "is not a username (no spaces, no @)", "invalid_email": "is not an address"}[f.Code]
		if what == "" {
			what = "is " + strings.ReplaceAll(f.Code, "_", " ")
		}
		name := flagOf[strings.TrimPrefix(f.Field, "administrator.")]
		parts = append(parts, name+" "+what)
	}
	return strings.Join(parts, ", ")
}
