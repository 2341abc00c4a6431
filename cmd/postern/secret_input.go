package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// readSecret asks for a secret without showing it, or reads the first line of standard input if that is no terminal. Secrets are not
// given in flags: every user of a machine sees those.
func (o *clientOptions) readSecret(cmd *cobra.Command, what string) (string, error) {
	in := cmd.InOrStdin()
	if !isTerminal(in) {
		return firstLine(in, what)
	}
	if o.noInput {
		return "", &exitError{exitUsage, fmt.Errorf("%s is missing: give it on standard input", what)}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s: ", what)
	typed, err := typedHidden(cmd, int(in.(*os.File).Fd()))
	fmt.Fprintln(cmd.ErrOrStderr())
	if err == nil && typed == "" {
		err = &exitError{exitUsage, errors.New("nothing was typed")}
	}
	return typed, err
}

// typedHidden reads a line that is not shown, until the command is interrupted: then the terminal shows what is typed again.
func typedHidden(cmd *cobra.Command, terminal int) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	type result struct {
		typed []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		typed, err := term.ReadPassword(terminal)
		done <- result{typed, err}
	}()
	select {
	case r := <-done:
		return string(r.typed), r.err
	case <-cmd.Context().Done():
		return "", errors.Join(cmd.Context().Err(), term.Restore(terminal, before))
	}
}

// firstLine is the first line of a file, without its end.
func firstLine(r io.Reader, what string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", &exitError{exitUsage, fmt.Errorf("%s is missing: give it on standard input", what)}
	}
	return line, nil
}
