package main

import (
	"errors"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

func settingsPath(account string) (string, error) {
	path, err := accountPath(account)
	return path + "/settings", err
}

func printSettings(cmd *cobra.Command, o *clientOptions, s access.Settings) error {
	return printRows(cmd.OutOrStdout(), o.output, s, []string{"FIELD", "VALUE"}, [][]string{
		{"name", s.Name}, {"supportContact", s.SupportContact}, {"language", s.Language}, {"mailFromName", s.MailFromName},
	})
}

func newSettingsGet(o *clientOptions) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:     "get",
		Short:   "Show name, support contact, language and mail sender of an account",
		Example: `  postern --endpoint https://id.example.com settings get --account acme`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := settingsPath(account)
			if err != nil {
				return err
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			var s access.Settings
			if err := o.ask(cmd.Context(), "GET", path, nil, &s); err != nil {
				return err
			}
			return printSettings(cmd, o, s)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	return cmd
}

func newSettingsSet(o *clientOptions) *cobra.Command {
	var account string
	var to access.Settings
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change name, support contact, language or mail sender of an account",
		Long:  "Change name, support contact, language or mail sender of an account. What no flag names stays.",
		Example: `  postern --endpoint https://id.example.com settings set --account acme --support-contact help@acme.example
  postern settings set --account acme --mail-from-name ""`,
	}
	f := cmd.Flags()
	f.StringVar(&to.Name, "name", "", "what people know the account as")
	f.StringVar(&to.SupportContact, "support-contact", "", "whom people turn to who need help: an address, a number or a link; may be empty")
	f.StringVar(&to.Language, "language", "", "language of mails, such as en")
	f.StringVar(&to.MailFromName, "mail-from-name", "", "name that mails come from; empty for the account's name")
	f.StringVar(&account, "account", "", "Account ID")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		path, err := settingsPath(account)
		if err != nil {
			return err
		}
		changed := func(flag string) bool { return f.Lookup(flag).Changed }
		if !changed("name") && !changed("support-contact") && !changed("language") && !changed("mail-from-name") {
			return &exitError{exitUsage, errors.New("say what to change, with --name, --support-contact, --language or --mail-from-name")}
		}
		if err := o.checkOutput(); err != nil {
			return err
		}
		var s access.Settings
		if err := o.ask(cmd.Context(), "GET", path, nil, &s); err != nil {
			return err
		}
		for _, field := range []struct {
			flag     string
			now, new *string
		}{
			{"name", &s.Name, &to.Name}, {"support-contact", &s.SupportContact, &to.SupportContact},
			{"language", &s.Language, &to.Language}, {"mail-from-name", &s.MailFromName, &to.MailFromName},
		} {
			if changed(field.flag) {
				*field.now = *field.new
			}
		}
		if err := o.ask(cmd.Context(), "PUT", path, s, &s); err != nil {
			return err
		}
		return printSettings(cmd, o, s)
	}
	return cmd
}
