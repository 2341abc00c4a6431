package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

func newTokensDelete(o *clientOptions) *cobra.Command {
	var f tokenFlags
	var yes bool
	cmd := &cobra.Command{
		Use:     "delete",
		Short:   "Delete a hardware token that is assigned to nobody",
		Example: `  postern --endpoint https://id.example.com tokens delete --account acme --serial 1000133508267 --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := f.path(o)
			if err != nil {
				return err
			}
			if err := o.confirm(cmd, yes, fmt.Sprintf("Delete token %s of account %s?", f.serial, f.account)); err != nil {
				return err
			}
			if err := o.ask(cmd.Context(), "DELETE", path+"/"+url.PathEscape(f.serial), nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Deleted token %s.\n", f.serial)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return cmd
}
