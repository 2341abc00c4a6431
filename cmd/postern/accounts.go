package main

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

func newAccounts(o *clientOptions) *cobra.Command {
	return group("accounts", "The accounts of a deployment", newAccountsList(o), newAccountsGet(o), newAccountsCreate(o), newAccountsRename(o),
		newAccountsState(o, "suspend", access.AccountSuspended, "Close an account: logins, sessions, codes and mails stop at once"),
		newAccountsState(o, "resume", access.AccountActive, "Open a suspended account again; everybody signs in anew"))
}

func printAccounts(cmd *cobra.Command, o *clientOptions, all ...access.AccountSummary) error {
	rows := make([][]string, len(all))
	for i, a := range all {
		rows[i] = []string{a.AccountID, a.Name, string(a.State), a.CreatedAt.Format(time.RFC3339)}
	}
	return printRows(cmd.OutOrStdout(), o.output, all, []string{"ACCOUNT ID", "NAME", "STATE", "CREATED"}, rows)
}

func newAccountsList(o *clientOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Example: `  postern --endpoint https://id.example.com accounts list`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			all, err := allItems[access.AccountSummary](cmd.Context(), o, "/admin/accounts", nil)
			if err != nil {
				return err
			}
			return printAccounts(cmd, o, all...)
		},
	}
}

// accountPath is the path of the account that --account names.
func accountPath(account string) (string, error) {
	if account == "" {
		return "", &exitError{exitUsage, errors.New("say which account, with --account")}
	}
	return "/admin/accounts/" + url.PathEscape(account), nil
}

// changeAccount sends a request about one account, and prints the account that is answered.
func changeAccount(cmd *cobra.Command, o *clientOptions, account, method string, body any) error {
	path, err := accountPath(account)
	if err != nil {
		return err
	}
	if err := o.checkOutput(); err != nil {
		return err
	}
	var a access.AccountSummary
	if err := o.ask(cmd.Context(), method, path, body, &a); err != nil {
		return err
	}
	return printAccounts(cmd, o, a)
}

func newAccountsGet(o *clientOptions) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:     "get",
		Short:   "Show an account",
		Example: `  postern --endpoint https://id.example.com accounts get --account acme`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return changeAccount(cmd, o, account, "GET", nil) },
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	return cmd
}

func newAccountsCreate(o *clientOptions) *cobra.Command {
	type administrator struct {
		Username  string `json:"username"`
		Email     string `json:"email"`
		FirstName string `json:"firstName"`
		LastName  string `json:"lastName"`
	}
	var body struct {
		AccountID     string         `json:"accountId"`
		Name          string         `json:"name,omitempty"`
		Administrator *administrator `json:"administrator,omitempty"`
	}
	var first administrator
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an account and its first administrator",
		Long: `Make an account and, unless all their flags are left out, its first administrator.

The administrator's temporary password is printed this once, on standard output. It must be changed at the first login.`,
		Example: `  postern --endpoint https://id.example.com accounts create --account acme --name "Acme Ltd" \
      --username alice --email alice@acme.example --first-name Alice --last-name Arden`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := accountPath(body.AccountID); err != nil {
				return err
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			if first != (administrator{}) {
				body.Administrator = &first
			}
			var made struct {
				Account   access.AccountSummary `json:"account"`
				Operator  *access.OperatorView  `json:"operator,omitempty"`
				Password  string                `json:"temporaryPassword,omitempty"`
				ExpiresAt *time.Time            `json:"temporaryPasswordExpiresAt,omitempty"`
			}
			if err := o.ask(cmd.Context(), "POST", "/admin/accounts", body, &made); err != nil {
				return err
			}
			if o.output == "json" {
				return printRows(cmd.OutOrStdout(), o.output, made, nil, nil)
			}
			if made.Operator == nil {
				return printAccounts(cmd, o, made.Account)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Made account %s with administrator %s. The temporary password, good until %s:\n",
				made.Account.AccountID, made.Operator.Username, made.ExpiresAt.Format("2 January 2006 15:04 UTC"))
			fmt.Fprintln(cmd.OutOrStdout(), made.Password)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&body.AccountID, "account", "", "Account ID: 1 to 64 of a-z, 0-9, - and _")
	f.StringVar(&body.Name, "name", "", "name of the account as people know it (default: the Account ID)")
	f.StringVar(&first.Username, "username", "", "username of the administrator")
	f.StringVar(&first.Email, "email", "", "address of the administrator")
	f.StringVar(&first.FirstName, "first-name", "", "first name of the administrator")
	f.StringVar(&first.LastName, "last-name", "", "last name of the administrator")
	return cmd
}

func newAccountsRename(o *clientOptions) *cobra.Command {
	var account, name string
	cmd := &cobra.Command{
		Use:     "rename",
		Short:   "Change the name that pages and mails call an account by",
		Example: `  postern --endpoint https://id.example.com accounts rename --account acme --name "Acme Group"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return &exitError{exitUsage, errors.New("say the new name, with --name")}
			}
			return changeAccount(cmd, o, account, "PATCH", map[string]string{"name": name})
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	cmd.Flags().StringVar(&name, "name", "", "the new name, up to 100 characters")
	return cmd
}

func newAccountsState(o *clientOptions, verb string, state access.AccountState, short string) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:     verb,
		Short:   short,
		Example: `  postern --endpoint https://id.example.com accounts ` + verb + ` --account acme`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return changeAccount(cmd, o, account, "PATCH", map[string]access.AccountState{"state": state})
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	return cmd
}
