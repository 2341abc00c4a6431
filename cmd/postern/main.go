// Command postern is Postern on one machine (serve, init), and the administrators' command line for every Postern.
//
// Data goes to standard output, everything else to standard error, and exit codes tell what kind of thing went wrong: see
// rootHelp. A file per command, noun first.
package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

// Exit codes, those of the AWS CLI where it has one.
const (
	exitFindings      = 1
	exitInterrupted   = 130
	exitUsage         = 252
	exitConfiguration = 253
	exitRefused       = 254
	exitFailed        = 255
)

// exitError is an error that knows its exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	exit := (*exitError)(nil)
	known := errors.As(err, &exit)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) && !(known && exit.code == exitInterrupted) {
		fmt.Fprintln(os.Stderr, "postern: interrupted") // whatever it was that was cut off
		return exitInterrupted
	}
	fmt.Fprintln(os.Stderr, "postern:", err)
	switch {
	case known:
		return exit.code
	case ctx.Err() != nil:
		return exitInterrupted
	}
	return exitFailed
}

// rootHelp is the manual of what all commands have in common.
const rootHelp = `Postern is a way in for the people who work in a portal, and a way back in when they are locked out. This program is the server for one
machine (serve, init), and the administrators' command line for every Postern.

Requests are signed with your AWS credentials, found as the AWS CLI finds them: AWS_PROFILE, AWS_ACCESS_KEY_ID, aws sso login, roles.
"postern serve" writes a key pair of its own to admin-credentials in its data folder: set AWS_SHARED_CREDENTIALS_FILE to that file and
AWS_PROFILE to postern. No secret is ever given in a flag. If something does not work, "postern doctor" says why.

Data goes to standard output, everything else to standard error. Nothing is ever coloured, with or without NO_COLOR. Commands that
cannot be taken back ask on a terminal first; --yes answers for you, and with --no-input, or without a terminal, they refuse instead.

Exit codes:
  0    done
  1    done, but something was found wrong, or part of a bulk job failed
  130  interrupted (Ctrl-C)
  252  wrong usage: a flag or an argument
  253  wrong configuration: credentials, region, endpoint, a folder
  254  the service understood, and refused
  255  anything else: no network, no answer in time`

const rootExample = `  postern serve --demo
  postern --endpoint https://id.example.com operators list --account acme
  POSTERN_ENDPOINT=https://id.example.com AWS_PROFILE=acme postern policy get --account acme --output json
  source <(postern completion bash)`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "postern",
		Short:         "A way in for the people who work in a portal, and a way back in",
		Long:          rootHelp,
		Example:       rootExample,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          showHelp,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &exitError{exitUsage, fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
	})
	var o clientOptions
	root.PersistentFlags().BoolVar(&o.noInput, "no-input", false, "never ask anything: refuse what would need an answer")
	root.PersistentFlags().StringVar(&o.endpoint, "endpoint", os.Getenv("POSTERN_ENDPOINT"), "where the service is, as https://host[/stage]; default $POSTERN_ENDPOINT")
	root.PersistentFlags().StringVar(&o.output, "output", "table", "table, json or csv")
	root.AddCommand(newServe(), newInit(), newDoctor(&o), newAccounts(&o),
		group("operators", "The operators of an account", newOperatorsList(&o), newOperatorsGet(&o), newOperatorsCreate(&o), newOperatorsUpdate(&o),
			newOperatorsImport(&o), newOperatorsExport(&o),
			newOperatorsState(&o, "disable", access.StateDisabled, "Keep an operator out, and end their sessions"),
			newOperatorsState(&o, "enable", access.StateActive, "Let an operator in again who was disabled"),
			newOperatorsDelete(&o), newOperatorsResetPassword(&o), newOperatorsRemoveTOTP(&o), newOperatorsSessions(&o), newOperatorsEndSessions(&o)),
		group("tokens", "The hardware tokens of an account", newTokensList(&o), newTokensCreate(&o), newTokensImport(&o), newTokensAssign(&o),
			newTokensTakeBack(&o), newTokensDelete(&o)),
		group("policy", "The password policy of an account", newPolicyGet(&o), newPolicySet(&o), newPolicyPreview(&o), newPolicyPresets(&o)),
		group("settings", "What an account says of itself", newSettingsGet(&o), newSettingsSet(&o)),
		group("notices", "The System Notifications log of an account", newNoticesList(&o), newNoticesExport(&o), newNoticesVerify(&o), newNoticesPublicKey(&o)),
		group("mail", "The mail queue of an account", newMailList(&o), newMailRetry(&o)),
		group("queue", "The queues of a deployment on AWS", newQueueList(&o), newQueueRedrive(&o)))
	completeFlags(root)
	for c := range commands(root) {
		if c.Args == nil {
			c.Args = usageArgs(cobra.NoArgs)
		}
	}
	return root
}

// group makes a command that only has others below it. Its examples are theirs.
func group(name, short string, below ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: name, Short: short, RunE: showHelp}
	g.AddCommand(below...)
	for _, c := range below {
		first, _, _ := strings.Cut(c.Example, "\n  postern")
		g.Example = strings.TrimPrefix(g.Example+"\n"+first, "\n")
	}
	return g
}

// commands walks over a command and all below it.
func commands(c *cobra.Command) iter.Seq[*cobra.Command] {
	return func(yield func(*cobra.Command) bool) {
		if !yield(c) {
			return
		}
		for _, below := range c.Commands() {
			for each := range commands(below) {
				if !yield(each) {
					return
				}
			}
		}
	}
}

// showHelp is what a command does that only has others below it.
func showHelp(c *cobra.Command, _ []string) error { return c.Help() }

// usageArgs gives a check of arguments its exit code.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return &exitError{exitUsage, fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
		}
		return nil
	}
}
