// Command postern is Postern on one machine (serve, init), and the administrators' command line for every Postern.
//
// Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 done, and
// something was found wrong, 130 interrupted, 252 wrong usage, 253 wrong configuration, 254 refused by the service, 255
// anything else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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
	fmt.Fprintln(os.Stderr, "postern:", err)
	if exit := (*exitError)(nil); errors.As(err, &exit) {
		return exit.code
	}
	if ctx.Err() != nil {
		return exitInterrupted
	}
	return exitFailed
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "postern",
		Short:         "A way in for the people who work in a portal, and a way back in",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          showHelp,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &exitError{exitUsage, fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
	})
	var o clientOptions
	root.PersistentFlags().StringVar(&o.endpoint, "endpoint", os.Getenv("POSTERN_ENDPOINT"), "where the service is, as https://host[/stage]; default $POSTERN_ENDPOINT")
	root.PersistentFlags().StringVar(&o.output, "output", "table", "table, json or csv")
	operators := &cobra.Command{Use: "operators", Short: "The operators of an account", RunE: showHelp}
	operators.AddCommand(newOperatorsList(&o), newOperatorsGet(&o), newOperatorsCreate(&o), newOperatorsUpdate(&o),
		newOperatorsState(&o, "disable", access.StateDisabled, "Keep an operator out, and end their sessions"),
		newOperatorsState(&o, "enable", access.StateActive, "Let an operator in again who was disabled"),
		newOperatorsDelete(&o), newOperatorsResetPassword(&o), newOperatorsRemoveTOTP(&o), newOperatorsSessions(&o), newOperatorsEndSessions(&o))
	notices := &cobra.Command{Use: "notices", Short: "The System Notifications log of an account", RunE: showHelp}
	notices.AddCommand(newNoticesList(&o), newNoticesExport(&o), newNoticesVerify(&o), newNoticesPublicKey(&o))
	mails := &cobra.Command{Use: "mail", Short: "The mail queue of an account", RunE: showHelp}
	mails.AddCommand(newMailList(&o), newMailRetry(&o))
	queues := &cobra.Command{Use: "queue", Short: "The queues of a deployment on AWS", RunE: showHelp}
	queues.AddCommand(newQueueList(&o), newQueueRedrive(&o))
	root.AddCommand(newServe(), newInit(), newAccounts(&o), operators, notices, mails, queues)
	every := []*cobra.Command{root}
	for _, c := range root.Commands() {
		every = append(every, c)
		every = append(every, c.Commands()...)
	}
	for _, c := range every {
		if c.Args == nil {
			c.Args = usageArgs(cobra.NoArgs)
		}
	}
	return root
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
