package main

import (
	"github.com/spf13/cobra"

	"postern/shared/access"
)

func newTokensCreate(o *clientOptions) *cobra.Command {
	var f tokenFlags
	body := struct {
		Serial    string `json:"serial"`
		Secret    string `json:"secret"`
		Encoding  string `json:"encoding"`
		Digits    int    `json:"digits"`
		Period    int    `json:"period"`
		Algorithm string `json:"algorithm"`
	}{}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Add one hardware token",
		Long: `Add one hardware token, assigned to nobody. Its secret is asked for, or read from standard input, in hex or base32 as its maker
prints it; it is never shown again.`,
		Example: `  postern --endpoint https://id.example.com tokens create --account acme --serial 1000133508267
  postern tokens create --account acme --serial 1000133508268 --encoding base32 --digits 8 --period 30 --algorithm SHA256 < secret.txt`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := f.path(o)
			if err != nil {
				return err
			}
			if body.Secret, err = o.readSecret(cmd, "secret of the token"); err != nil {
				return err
			}
			body.Serial = f.serial
			var made access.TokenView
			if err := o.ask(cmd.Context(), "POST", path, body, &made); err != nil {
				return err
			}
			return printTokens(cmd.OutOrStdout(), o.output, []access.TokenView{made})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&body.Encoding, "encoding", "hex", "how the secret is written: hex or base32")
	cmd.Flags().IntVar(&body.Digits, "digits", 6, "digits of a code: 6, 7 or 8")
	cmd.Flags().IntVar(&body.Period, "period", 60, "seconds that a code is shown: 30 or 60")
	cmd.Flags().StringVar(&body.Algorithm, "algorithm", "SHA1", "SHA1, SHA256 or SHA512")
	return cmd
}
