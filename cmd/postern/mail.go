package main

import (
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

func mailPath(account string) (string, error) {
	path, err := accountPath(account)
	return path + "/mail", err
}

func newMailList(o *clientOptions) *cobra.Command {
	var account, status string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what waits in an account's mail queue, and what became of the mails of the last 30 days",
		Long:  "List what waits in an account's mail queue, and what became of the mails of the last 30 days, newest first. What stands in a mail is never shown.",
		Example: `  postern --endpoint https://id.example.com mail list --account acme --status bounced
  postern mail list --account acme --output csv`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := mailPath(account)
			if err != nil {
				return err
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			query := url.Values{}
			if status != "" {
				query.Set("status", status)
			}
			all, err := allItems[access.QueuedMail](cmd.Context(), o, path, query)
			if err != nil {
				return err
			}
			return printMail(cmd, o, all, all)
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "Account ID")
	f.StringVar(&status, "status", "", "queued, sent, bounced, complained, expired or failed")
	return cmd
}

func newMailRetry(o *clientOptions) *cobra.Command {
	var account, id string
	cmd := &cobra.Command{
		Use:   "retry",
		Short: "Send a mail again that bounced, was complained about, was given up, or waits",
		Long: `Send a mail again that bounced, was complained about, was given up, or waits for its next attempt. Its address may be written to
again from then on.`,
		Example: `  postern --endpoint https://id.example.com mail retry --account acme --id 1795000000000-k3v2`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := mailPath(account)
			if err != nil {
				return err
			}
			if id == "" {
				return &exitError{exitUsage, errors.New("say which mail, with --id: postern mail list gives the ids")}
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			var m access.QueuedMail
			if err := o.ask(cmd.Context(), "POST", path+"/"+url.PathEscape(id)+"/retry", nil, &m); err != nil {
				return err
			}
			return printMail(cmd, o, m, []access.QueuedMail{m})
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "Account ID")
	f.StringVar(&id, "id", "", "id of the mail")
	return cmd
}

// printMail writes mails in the form that was asked for; as JSON, what is given as such.
func printMail(cmd *cobra.Command, o *clientOptions, json any, all []access.QueuedMail) error {
	var rows [][]string
	for _, m := range all {
		sent := ""
		if m.SentAt != nil {
			sent = m.SentAt.Format(time.RFC3339)
		}
		rows = append(rows, []string{
			m.ID, m.To, m.Template, string(m.Status), strconv.Itoa(m.Attempts), m.QueuedAt.Format(time.RFC3339), sent, m.LastError,
		})
	}
	return printRows(cmd.OutOrStdout(), o.output, json, []string{"ID", "TO", "MAIL", "STATUS", "ATTEMPTS", "QUEUED", "SENT", "LAST ERROR"}, rows)
}
