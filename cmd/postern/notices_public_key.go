package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

func newNoticesPublicKey(o *clientOptions) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "public-key",
		Short: "Print the public key that the log's seal verifies under, in PEM",
		Example: `  postern --endpoint http://localhost:3000 notices public-key --account demo > postern-notices.pem
  openssl pkey -pubin -in postern-notices.pem -text`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := noticesPath(account)
			if err != nil {
				return err
			}
			var r access.NoticeReport
			if err := o.ask(cmd.Context(), "GET", path+"/verify", nil, &r); err != nil {
				return err
			}
			if r.PublicKey == "" {
				return &exitError{exitRefused, errors.New("the service has no key to sign the log with")}
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), r.PublicKey)
			return err
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID of any account: all have the same key")
	return cmd
}
