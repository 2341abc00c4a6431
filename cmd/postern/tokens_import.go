package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"postern/shared/access"
	"postern/shared/totp/pskc"
	"postern/shared/web"
)

// tokensImport is one import of hardware tokens.
type tokensImport struct {
	account, file, keyFile string
	dryRun                 bool
}

func newTokensImport(o *clientOptions) *cobra.Command {
	var im tokensImport
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Add hardware tokens from a PSKC or CSV file",
		Long: `Add hardware tokens, assigned to nobody, from the file of their maker: PSKC (RFC 6030), or CSV with the columns serial, secret,
encoding (hex or base32) and, if need be, digits, period, algorithm, named in the first line. Up to 10,000 tokens and 5 MiB; with
--file - it is read from standard input.

Good rows are added, bad ones are told; tokens that are there already just so are left alone, so a file may be imported again.

The key of an encrypted PSKC file, in hex, or its passphrase, whichever it needs, is asked for, or is the first line of --key-file.

Exit code 1 says that some rows were not good.`,
		Example: `  postern --endpoint https://id.example.com tokens import --account acme --file tokens.xml --dry-run
  postern tokens import --account acme --file tokens.xml --key-file transport.key
  postern tokens import --account acme --file tokens.csv`,
		RunE: func(cmd *cobra.Command, _ []string) error { return im.run(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&im.account, "account", "", "Account ID")
	f.StringVar(&im.file, "file", "", "the PSKC or CSV file, or - for standard input")
	f.StringVar(&im.keyFile, "key-file", "", "a file whose first line is the PSKC file's key in hex, or its passphrase")
	f.BoolVar(&im.dryRun, "dry-run", false, "tell what would be done, and do nothing")
	return cmd
}

func (im *tokensImport) run(cmd *cobra.Command, o *clientOptions) error {
	path, err := accountPath(im.account)
	if err != nil {
		return err
	}
	if err := o.checkOutput(); err != nil {
		return err
	}
	content, err := im.read(cmd.InOrStdin())
	if err != nil {
		return err
	}
	header := []string{"Content-Type", access.TokenFileType(content)}
	key, err := im.key(cmd, o, content)
	if err != nil {
		return err
	}
	if key != "" {
		header = append(header, "X-Pskc-Key", key)
	}
	var said tokenReport
	if err := o.ask(cmd.Context(), "POST", path+"/tokens/import?dryRun="+strconv.FormatBool(im.dryRun), content, &said, header...); err != nil {
		return err
	}
	return said.print(cmd, o.output, im.dryRun)
}

// read reads the file.
func (im *tokensImport) read(in io.Reader) ([]byte, error) {
	if im.file == "" {
		return nil, &exitError{exitUsage, errors.New("say which file, with --file")}
	}
	if im.file != "-" {
		f, err := os.Open(im.file)
		if err != nil {
			return nil, &exitError{exitUsage, fmt.Errorf("--file: %w", err)}
		}
		defer f.Close()
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, web.MaxFile+1))
	switch {
	case err != nil:
		return nil, &exitError{exitUsage, fmt.Errorf("--file: %w", err)}
	case len(content) == 0:
		return nil, &exitError{exitUsage, errors.New("--file: it is empty")}
	case len(content) > web.MaxFile:
		return nil, &exitError{exitUsage, errors.New("--file: more than 5 MiB; split the file")}
	}
	return content, nil
}

// key gives the header X-Pskc-Key for a file that needs one, in hex.
func (im *tokensImport) key(cmd *cobra.Command, o *clientOptions, content []byte) (string, error) {
	needs := pskc.Protected(content)
	if needs == pskc.Unprotected {
		if im.keyFile != "" {
			return "", &exitError{exitUsage, errors.New("--key-file: the file is not encrypted")}
		}
		return "", nil
	}
	what := "key of the file, in hex"
	if needs == pskc.ByPassphrase {
		what = "passphrase of the file"
	}
	var typed string
	var err error
	switch {
	case im.keyFile != "":
		var f *os.File
		if f, err = os.Open(im.keyFile); err != nil {
			return "", &exitError{exitUsage, fmt.Errorf("--key-file: %w", err)}
		}
		defer f.Close()
		typed, err = firstLine(f, what)
	case im.file == "-":
		return "", &exitError{exitUsage, errors.New("the file is encrypted: say where its key is, with --key-file")}
	default:
		typed, err = o.readSecret(cmd, what)
	}
	if err != nil {
		return "", err
	}
	if needs == pskc.ByPassphrase {
		return hex.EncodeToString([]byte(typed)), nil
	}
	raw, err := hex.DecodeString(typed)
	if err != nil || len(raw) == 0 {
		return "", &exitError{exitUsage, errors.New("the key must be in hex: 32, 48 or 64 digits")}
	}
	return hex.EncodeToString(raw), nil
}

// tokenReport is what the service says of an import.
type tokenReport struct {
	Rows      int             `json:"rows"`
	Created   int             `json:"created"`
	Unchanged int             `json:"unchanged"`
	Errors    []tokenRowError `json:"errors"`
}

type tokenRowError struct {
	Row     int    `json:"row"`
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r tokenReport) print(cmd *cobra.Command, output string, dryRun bool) error {
	var rows [][]string
	wrong := map[int]bool{}
	for _, e := range r.Errors {
		rows = append(rows, []string{strconv.Itoa(e.Row), e.Field, e.Message})
		wrong[e.Row] = true
	}
	if len(rows) > 0 || output == "json" {
		if err := printRows(cmd.OutOrStdout(), output, r, []string{"ROW", "FIELD", "PROBLEM"}, rows); err != nil {
			return err
		}
	}
	made := "added"
	if dryRun {
		made = "would be added"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d rows: %d %s, %d there already, %d wrong.\n", r.Rows, r.Created, made, r.Unchanged, len(wrong))
	if len(wrong) > 0 {
		return &exitError{exitFindings, fmt.Errorf("%d of %d rows are wrong", len(wrong), r.Rows)}
	}
	return nil
}
