package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"postern/shared/onemachine"
)

// finding is what doctor found of one thing.
type finding struct {
	Check  string `json:"check"`
	Status status `json:"status"`
	Found  string `json:"found"`
	Do     string `json:"do"` // what to do about it; empty if all is well
}

type status string

const (
	statusOK      status = "ok"
	statusWarning status = "warning" // it works, and should be looked at
	statusFailed  status = "failed"  // it does not work like that
)

func newDoctor(o *clientOptions) *cobra.Command {
	var account, stack, mailFrom, data, keyFile string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why something does not work, and say what to do",
		Long: `Look at everything that has to be right, one line for each thing: ok, warning or failed, and what to do about it. Nothing is changed.

With --endpoint (or $POSTERN_ENDPOINT): credentials and region, whether the service answers and is Postern, the clock of this machine
against the service's (signatures are good for five minutes), and whether a signed request is accepted.

With --stack, on AWS: tables, their protection, the key, the queues and what was given up in them, whether SES sends, and for whom. It
needs to read DynamoDB, KMS, SQS and SES in the AWS account of the deployment.

With --data, on one machine: the folder, the store, the key files and who can read them; also while the server runs.

The exit code is 1 if anything failed.`,
		Example: `  postern doctor --endpoint https://id.example.com --account acme
  postern doctor --stack postern --mail-from postern@example.com
  postern doctor --data /var/lib/postern`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.checkOutput(); err != nil {
				return err
			}
			if o.endpoint == "" && stack == "" && data == "" {
				return &exitError{exitUsage, errors.New("say what to look at, with --endpoint or $POSTERN_ENDPOINT, with --stack, or with --data")}
			}
			var all []finding
			if data != "" {
				all = append(all, examineFolder(data, keyFile)...)
			}
			if o.endpoint != "" {
				all = append(all, o.examineService(cmd.Context(), account)...)
			}
			if stack != "" {
				all = append(all, examineStack(cmd.Context(), stack, mailFrom)...)
			}
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			return printFindings(cmd, o, all)
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "Account ID to ask for, where your credentials may do no more than that")
	f.StringVar(&stack, "stack", "", "name of the CloudFormation stack")
	f.StringVar(&mailFrom, "mail-from", "", "address that the deployment's mails come from; with --stack")
	f.StringVar(&data, "data", "", "folder of a server on this machine")
	f.StringVar(&keyFile, "key-file", "", "file of its keys (default: keys in the data folder)")
	return cmd
}

// printFindings writes what was found; it is an error if anything failed.
func printFindings(cmd *cobra.Command, o *clientOptions, all []finding) error {
	var rows [][]string
	var wrong []string
	for _, f := range all {
		rows = append(rows, []string{string(f.Status), f.Check, f.Found, f.Do})
		if f.Status == statusFailed {
			wrong = append(wrong, f.Check)
		}
	}
	if err := printRows(cmd.OutOrStdout(), o.output, all, []string{"STATUS", "CHECK", "FOUND", "WHAT TO DO"}, rows); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return &exitError{exitFindings, fmt.Errorf("%d of %d checks failed: %s", len(wrong), len(all), strings.Join(wrong, ", "))}
	}
	return nil
}

func examineFolder(data, keyFile string) []finding {
	var all []finding
	for _, f := range onemachine.Inspect(data, keyFile) {
		found := finding{f.What, statusOK, f.Found, f.Do}
		switch {
		case f.Wrong:
			found.Status = statusFailed
		case f.Odd:
			found.Status = statusWarning
		}
		all = append(all, found)
	}
	return all
}
