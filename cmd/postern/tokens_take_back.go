package main

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

func newTokensTakeBack(o *clientOptions) *cobra.Command {
	var f tokenFlags
	var reason string
	cmd := &cobra.Command{
		Use:   "take-back",
		Short: "Take a hardware token back from whom it is assigned to",
		Long: `Take a hardware token back from whom it is assigned to, who signs in with the password alone from then on and is told by mail. The
token can be assigned again, or deleted.`,
		Example: `  postern --endpoint https://id.example.com tokens take-back --account acme --serial 1000133508267 --reason "lost, ticket 17"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := f.path(o)
			if err != nil {
				return err
			}
			var found access.TokenView
			for t, err := range items[access.TokenView](cmd.Context(), o, path, nil) {
				if err != nil {
					return err
				}
				if t.Serial == f.serial {
					found = t
				}
				if t.Serial >= f.serial { // they come in order
					break
				}
			}
			switch {
			case found.Serial == "":
				return &exitError{exitRefused, fmt.Errorf("there is no token %s", f.serial)}
			case found.AssignedTo == "":
				return &exitError{exitRefused, errors.New("the token is assigned to nobody")}
			}
			operators, err := operatorsPath(f.account)
			if err != nil {
				return err
			}
			operator := operators + "/" + url.PathEscape(found.AssignedTo)
			if err := o.ask(cmd.Context(), "DELETE", operator+"/totp", map[string]string{"reason": reason}, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Token %s is nobody's; operator %s signs in with the password alone now, and was told by mail.\n", f.serial, found.AssignedTo)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the notices; up to 500 characters")
	return cmd
}
