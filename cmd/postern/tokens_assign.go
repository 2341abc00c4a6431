package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

func newTokensAssign(o *clientOptions) *cobra.Command {
	var f operatorFlags
	var serial string
	var withCode bool
	cmd := &cobra.Command{
		Use:   "assign",
		Short: "Assign a hardware token to an operator",
		Long: `Assign a hardware token to an operator, who is told by mail. With --with-code the code that it shows now is asked for, or read from
standard input, and it is the second factor at once; without, its first code is asked for at the operator's next login.`,
		Example: `  postern --endpoint https://id.example.com tokens assign --account acme --operator bob --serial 1000133508267
  postern tokens assign --account acme --operator bob --serial 1000133508267 --with-code`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t := tokenFlags{f.account, serial}
			if _, err := t.path(o); err != nil {
				return err
			}
			_, path, err := f.find(cmd.Context(), o)
			if err != nil {
				return err
			}
			body := map[string]string{"serial": serial}
			if withCode {
				if body["code"], err = o.readSecret(cmd, "code that the token shows"); err != nil {
					return err
				}
			}
			var v access.OperatorView
			if err := o.ask(cmd.Context(), "PUT", path+"/totp", body, &v); err != nil {
				return err
			}
			if o.output == "json" {
				return printRows(cmd.OutOrStdout(), o.output, v, nil, nil)
			}
			if v.TOTP.Enabled {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s signs in with token %s from now on.\n", v.Username, serial)
			} else {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s is asked for a code of token %s at the next login.\n", v.Username, serial)
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&serial, "serial", "", "serial number of the token")
	cmd.Flags().BoolVar(&withCode, "with-code", false, "ask for the code that the token shows, and make it the second factor at once")
	return cmd
}
