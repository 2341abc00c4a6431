package main

import "github.com/spf13/cobra"

func newNoticesExport(o *clientOptions) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export the whole log of an account as CSV, oldest first",
		Long: `Export the whole log of an account as CSV, oldest first, to standard output.

The last columns are what "postern notices verify --file" needs. Keep exports, and the public key ("postern notices
public-key"), where those who can change the store cannot: then an export shows later what the log was.`,
		Example: `  postern --endpoint http://localhost:3000 notices export --account demo > notices.csv`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := noticesPath(account)
			if err != nil {
				return err
			}
			return o.export(cmd, path+"/export")
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	return cmd
}
