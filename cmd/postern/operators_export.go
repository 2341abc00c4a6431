package main

import (
	"github.com/spf13/cobra"

	"postern/shared/access"
)

func newOperatorsExport(o *clientOptions) *cobra.Command {
	var account string
	var filter access.ListOperators
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export the operators of an account as CSV",
		Long: `Export the operators of an account as CSV, to standard output: username, email, firstName, lastName, role, state, totp, lastLoginAt.
"postern operators import" takes such a file. Cells that a spreadsheet would take for a formula have an apostrophe before them.`,
		Example: `  postern --endpoint https://id.example.com operators export --account acme --state active > operators.csv`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := operatorsPath(account)
			if err != nil {
				return err
			}
			return o.export(cmd, path+"/export?"+filterQuery(filter).Encode())
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	filterFlags(cmd, &filter)
	return cmd
}
