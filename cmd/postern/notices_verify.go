package main

import (
	"crypto/ecdsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"postern/shared/access"
	"postern/shared/chain"
	"postern/shared/keys"
)

func newNoticesVerify(o *clientOptions) *cobra.Command {
	var account, file, publicKey string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify that the log of an account, or an export of it, is as it was sealed",
		Long: `Verify that the log of an account is as it was sealed: that no sealed entry was edited, deleted, inserted or moved, and that
nothing was cut off its end. If it is not, the first bad entry is named, and the exit code is 1.

With --file and --public-key an export is verified on this machine alone; nothing is asked. The public key has to come
from somewhere that can be trusted: "postern notices public-key", when the log was known to be good.

Entries that are not sealed yet are counted and not looked at. A log, or an export, that was put back as a whole to an
earlier state verifies: compare the number it is sealed to with an export, or a verification, that was kept elsewhere.`,
		Example: `  postern --endpoint http://localhost:3000 notices verify --account demo
  postern notices verify --file notices.csv --public-key postern-notices.pem`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			var r access.NoticeReport
			if (file == "") != (publicKey == "") {
				return &exitError{exitUsage, errors.New("--file and --public-key go together")}
			}
			if file != "" {
				found, err := verifyFile(file, publicKey)
				if err != nil {
					return err
				}
				if account != "" && account != found.Account {
					return &exitError{exitFindings, fmt.Errorf("%s is an export of the log of %q, not of %q", file, found.Account, account)}
				}
				account, r = found.Account, reportOf(found)
			} else {
				path, err := noticesPath(account)
				if err != nil {
					return err
				}
				if err := o.ask(cmd.Context(), "GET", path+"/verify", nil, &r); err != nil {
					return err
				}
			}
			if err := printReport(cmd.OutOrStdout(), o.output, account, r); err != nil {
				return err
			}
			switch {
			case r.FirstBad != nil:
				return &exitError{exitFindings, fmt.Errorf("the log of %s is not as it was sealed: %s", account, chain.Bad{Seq: *r.FirstBad, How: r.How})}
			case !r.OK:
				return &exitError{exitFindings, fmt.Errorf("the log of %s could not be verified: the service has no key to tell who signed it", account)}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "Account ID; with --file, the one that the export has to be of")
	f.StringVar(&file, "file", "", "export to verify instead of the log itself")
	f.StringVar(&publicKey, "public-key", "", "file with the public key of the service, in PEM; with --file")
	return cmd
}

// verifyFile verifies an export.
func verifyFile(file, publicKey string) (chain.Report, error) {
	public, err := readPublicKey(publicKey)
	if err != nil {
		return chain.Report{}, &exitError{exitUsage, fmt.Errorf("--public-key: %w", err)}
	}
	f, err := os.Open(file)
	if err != nil {
		return chain.Report{}, &exitError{exitUsage, fmt.Errorf("--file: %w", err)}
	}
	defer f.Close()
	r, err := chain.VerifyExport(f, func(h chain.SignedHead) bool { return keys.VerifySignature(public, h.Bytes(), h.Signature) })
	if errors.Is(err, chain.ErrNoExport) {
		return r, &exitError{exitFindings, fmt.Errorf("%s: %w", file, err)}
	}
	return r, err
}

func readPublicKey(path string) (*ecdsa.PublicKey, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM", path)
	}
	return keys.ParsePublicKey(block.Bytes)
}

func reportOf(r chain.Report) access.NoticeReport {
	out := access.NoticeReport{OK: r.Bad == nil, Entries: r.Entries, Unsealed: r.Unsealed, SealedTo: r.SealedTo}
	if r.SealedTo > 0 {
		out.SealedAt = &r.SealedAt
	}
	if r.Bad != nil {
		out.FirstBad, out.How = &r.Bad.Seq, r.Bad.How
	}
	return out
}

// printReport writes what was found in the form that was asked for.
func printReport(w io.Writer, output, account string, r access.NoticeReport) error {
	at, bad := "never", ""
	if r.SealedAt != nil {
		at = r.SealedAt.Format(time.RFC3339)
	}
	if r.FirstBad != nil {
		bad = strconv.FormatInt(*r.FirstBad, 10)
	}
	return printRows(w, output, r, []string{"ACCOUNT", "OK", "ENTRIES", "SEALED TO", "SEALED AT", "NOT SEALED", "FIRST BAD", "HOW"}, [][]string{{
		account, strconv.FormatBool(r.OK), strconv.FormatInt(r.Entries, 10), strconv.FormatInt(r.SealedTo, 10), at,
		strconv.FormatInt(r.Unsealed, 10), bad, string(r.How),
	}})
}
