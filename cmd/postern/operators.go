package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

// operatorFlags say which operator a command is about.
type operatorFlags struct{ account, operator string }

func (f *operatorFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.account, "account", "", "Account ID")
	cmd.Flags().StringVar(&f.operator, "operator", "", "username, email or operatorId")
}

func operatorsPath(account string) (string, error) {
	path, err := accountPath(account)
	return path + "/operators", err
}

// find gives the operator that is meant, and the path of what is done to them. It costs two requests at the most: the list by
// username, or by address for what holds an @, begins with the name that is exactly the query.
func (f *operatorFlags) find(ctx context.Context, o *clientOptions) (access.OperatorView, string, error) {
	none := access.OperatorView{}
	path, err := operatorsPath(f.account)
	if err != nil {
		return none, "", err
	}
	if f.operator == "" {
		return none, "", &exitError{exitUsage, errors.New("say which operator, with --operator: username, email or operatorId")}
	}
	if err := o.checkOutput(); err != nil {
		return none, "", err
	}
	var page access.OperatorPage
	query := url.Values{"limit": {"1"}, "query": {f.operator}}
	if err := o.ask(ctx, "GET", path+"?"+query.Encode(), nil, &page); err != nil {
		return none, "", err
	}
	for _, v := range page.Items {
		if strings.EqualFold(v.Username, f.operator) || strings.EqualFold(v.Email, f.operator) {
			return v, path + "/" + v.OperatorID, nil
		}
	}
	path += "/" + url.PathEscape(f.operator)
	err = o.ask(ctx, "GET", path, nil, &none)
	if p := (*problem)(nil); errors.As(err, &p) && p.Code == "not_found" {
		err = &exitError{exitRefused, fmt.Errorf("account %s has no operator whose username, email or operatorId is %q", f.account, f.operator)}
	}
	return none, path, err
}

// changeOperator sends a request about the operator that is meant, and prints the operator that is answered.
func changeOperator(cmd *cobra.Command, o *clientOptions, f *operatorFlags, body any) error {
	_, path, err := f.find(cmd.Context(), o)
	if err != nil {
		return err
	}
	var v access.OperatorView
	if err := o.ask(cmd.Context(), "PATCH", path, body, &v); err != nil {
		return err
	}
	return printOperators(cmd.OutOrStdout(), o.output, []access.OperatorView{v})
}

func newOperatorsGet(o *clientOptions) *cobra.Command {
	var f operatorFlags
	cmd := &cobra.Command{
		Use:     "get",
		Short:   "Show an operator",
		Example: `  postern --endpoint https://id.example.com operators get --account acme --operator alice`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, _, err := f.find(cmd.Context(), o)
			if err != nil {
				return err
			}
			return printOperators(cmd.OutOrStdout(), o.output, []access.OperatorView{v})
		},
	}
	f.add(cmd)
	return cmd
}

func newOperatorsCreate(o *clientOptions) *cobra.Command {
	var account string
	body := struct {
		Username  string `json:"username"`
		Email     string `json:"email"`
		FirstName string `json:"firstName"`
		LastName  string `json:"lastName"`
		Role      string `json:"role"`
		Deliver   string `json:"deliver,omitempty"`
	}{}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make an operator",
		Long: `Make an operator. The temporary password is printed this once, on standard output, and must be changed at the first login. With
--deliver email a single-use code is mailed instead.`,
		Example: `  postern --endpoint https://id.example.com operators create --account acme --username bob --email bob@acme.example \
      --first-name Bob --last-name Birch`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := operatorsPath(account)
			if err != nil {
				return err
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			var made struct {
				Operator  access.OperatorView `json:"operator"`
				Password  string              `json:"temporaryPassword,omitempty"`
				ExpiresAt *time.Time          `json:"temporaryPasswordExpiresAt,omitempty"`
			}
			if err := o.ask(cmd.Context(), "POST", path, body, &made); err != nil {
				return err
			}
			if o.output == "json" {
				return printRows(cmd.OutOrStdout(), o.output, made, nil, nil)
			}
			if made.Password == "" {
				return printOperators(cmd.OutOrStdout(), o.output, []access.OperatorView{made.Operator})
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Made operator %s. The temporary password, good until %s:\n", made.Operator.Username, made.ExpiresAt.Format("2 January 2006 15:04 UTC"))
			fmt.Fprintln(cmd.OutOrStdout(), made.Password)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "Account ID")
	f.StringVar(&body.Username, "username", "", "username")
	f.StringVar(&body.Email, "email", "", "address")
	f.StringVar(&body.FirstName, "first-name", "", "first name")
	f.StringVar(&body.LastName, "last-name", "", "last name")
	f.StringVar(&body.Role, "role", "operator", "operator or administrator")
	f.StringVar(&body.Deliver, "deliver", "", "display (the default) or email")
	return cmd
}

func newOperatorsUpdate(o *clientOptions) *cobra.Command {
	var f operatorFlags
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Change an operator's username, address, names or role",
		Example: `  postern --endpoint https://id.example.com operators update --account acme --operator bob --email bob@new.example
  postern operators update --account acme --operator bob --role administrator`,
	}
	f.add(cmd)
	fields := map[string]string{"username": "username", "email": "email", "first-name": "firstName", "last-name": "lastName", "role": "role"}
	for name := range fields {
		cmd.Flags().String(name, "", "the new "+strings.ReplaceAll(name, "-", " "))
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		body := map[string]string{}
		for name, field := range fields {
			if flag := cmd.Flags().Lookup(name); flag.Changed {
				body[field] = flag.Value.String()
			}
		}
		if len(body) == 0 {
			return &exitError{exitUsage, errors.New("say what to change, with --username, --email, --first-name, --last-name or --role")}
		}
		return changeOperator(cmd, o, &f, body)
	}
	return cmd
}

func newOperatorsState(o *clientOptions, verb string, state access.OperatorState, short string) *cobra.Command {
	var f operatorFlags
	cmd := &cobra.Command{
		Use:     verb,
		Short:   short,
		Example: `  postern --endpoint https://id.example.com operators ` + verb + ` --account acme --operator bob`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return changeOperator(cmd, o, &f, map[string]access.OperatorState{"state": state})
		},
	}
	f.add(cmd)
	return cmd
}

func newOperatorsDelete(o *clientOptions) *cobra.Command {
	var f operatorFlags
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete an operator",
		Long: `Delete an operator. They can no longer sign in, at once; username and address are free again; what the notices tell of them stays.
To keep somebody out for a while, use disable.`,
		Example: `  postern --endpoint https://id.example.com operators delete --account acme --operator bob --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, path, err := f.find(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := o.confirm(cmd, yes, fmt.Sprintf("Delete %s (%s %s, %s) of account %s?", v.Username, v.FirstName, v.LastName, v.Email, f.account)); err != nil {
				return err
			}
			if err := o.ask(cmd.Context(), "DELETE", path, nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Deleted %s.\n", v.Username)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return cmd
}

func newOperatorsResetPassword(o *clientOptions) *cobra.Command {
	var f operatorFlags
	cmd := &cobra.Command{
		Use:   "reset-password",
		Short: "Give an operator a temporary password",
		Long: `Give an operator a temporary password, which must be changed at the next login. It is printed this once, on standard output. Their
sessions end, and they are told by mail that it happened.`,
		Example: `  postern --endpoint https://id.example.com operators reset-password --account acme --operator bob`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, path, err := f.find(cmd.Context(), o)
			if err != nil {
				return err
			}
			var made struct {
				Password  string    `json:"temporaryPassword"`
				ExpiresAt time.Time `json:"expiresAt"`
			}
			if err := o.ask(cmd.Context(), "POST", path+"/password-reset", nil, &made); err != nil {
				return err
			}
			if o.output == "json" {
				return printRows(cmd.OutOrStdout(), o.output, made, nil, nil)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "The temporary password of %s, good until %s:\n", v.Username, made.ExpiresAt.Format("2 January 2006 15:04 UTC"))
			fmt.Fprintln(cmd.OutOrStdout(), made.Password)
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func newOperatorsRemoveTOTP(o *clientOptions) *cobra.Command {
	var f operatorFlags
	var reason string
	cmd := &cobra.Command{
		Use:     "remove-totp",
		Short:   "Switch off an operator's two-factor authentication, for a device that is lost",
		Example: `  postern --endpoint https://id.example.com operators remove-totp --account acme --operator bob --reason "phone lost, ticket 17"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, path, err := f.find(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := o.ask(cmd.Context(), "DELETE", path+"/totp", map[string]string{"reason": reason}, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s signs in with the password alone now, and was told by mail.\n", v.Username)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the notices; up to 500 characters")
	return cmd
}

func newOperatorsSessions(o *clientOptions) *cobra.Command {
	var f operatorFlags
	cmd := &cobra.Command{
		Use:     "sessions",
		Short:   "List where an operator is signed in",
		Example: `  postern --endpoint https://id.example.com operators sessions --account acme --operator bob`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, path, err := f.find(cmd.Context(), o)
			if err != nil {
				return err
			}
			all, err := allItems[access.SessionInfo](cmd.Context(), o, path+"/sessions", nil)
			if err != nil {
				return err
			}
			var rows [][]string
			for _, s := range all {
				rows = append(rows, []string{s.LastUsedAt.Format(time.RFC3339), s.CreatedAt.Format(time.RFC3339), string(s.Kind), s.Address, s.UserAgent})
			}
			return printRows(cmd.OutOrStdout(), o.output, all, []string{"LAST USED", "SIGNED IN", "KIND", "ADDRESS", "BROWSER"}, rows)
		},
	}
	f.add(cmd)
	return cmd
}

func newOperatorsEndSessions(o *clientOptions) *cobra.Command {
	var f operatorFlags
	cmd := &cobra.Command{
		Use:     "end-sessions",
		Short:   "Sign an operator out everywhere",
		Example: `  postern --endpoint https://id.example.com operators end-sessions --account acme --operator bob`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, path, err := f.find(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := o.ask(cmd.Context(), "DELETE", path+"/sessions", nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s is signed in nowhere now.\n", v.Username)
			return nil
		},
	}
	f.add(cmd)
	return cmd
}
