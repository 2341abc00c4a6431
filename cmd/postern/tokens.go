package main

import (
	"errors"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

// tokenFlags say which hardware token a command is about.
type tokenFlags struct{ account, serial string }

func (f *tokenFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.account, "account", "", "Account ID")
	cmd.Flags().StringVar(&f.serial, "serial", "", "serial number of the token")
}

// path checks what was typed, and gives the path of the account's tokens.
func (f *tokenFlags) path(o *clientOptions) (string, error) {
	path, err := accountPath(f.account)
	if err != nil {
		return "", err
	}
	if f.serial == "" {
		return "", &exitError{exitUsage, errors.New("say which token, with --serial")}
	}
	return path + "/tokens", o.checkOutput()
}

func printTokens(w io.Writer, output string, all []access.TokenView) error {
	var rows [][]string
	for _, t := range all {
		rows = append(rows, []string{t.Serial, strconv.Itoa(t.Digits), strconv.Itoa(t.Period), string(t.Algorithm), t.AssignedTo})
	}
	return printRows(w, output, all, []string{"SERIAL", "DIGITS", "PERIOD", "ALGORITHM", "ASSIGNED TO"}, rows)
}
