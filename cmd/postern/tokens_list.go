package main

import (
	"slices"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

func newTokensList(o *clientOptions) *cobra.Command {
	var account string
	var free bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List hardware tokens, by serial number",
		Example: `  postern --endpoint https://id.example.com tokens list --account acme
  postern tokens list --account acme --free --output csv`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := accountPath(account)
			if err != nil {
				return err
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			all, err := allItems[access.TokenView](cmd.Context(), o, path+"/tokens", nil)
			if err != nil {
				return err
			}
			return printTokens(cmd.OutOrStdout(), o.output, slices.DeleteFunc(all, func(t access.TokenView) bool { return free && t.AssignedTo != "" }))
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	cmd.Flags().BoolVar(&free, "free", false, "only those that are assigned to nobody")
	return cmd
}
