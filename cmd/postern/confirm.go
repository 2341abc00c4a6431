package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// confirm asks on a terminal whether what cannot be taken back is meant; elsewhere, and with --no-input, --yes must say so.
func (o *clientOptions) confirm(cmd *cobra.Command, yes bool, question string) error {
	switch {
	case yes:
		return nil
	case o.noInput || !isTerminal(cmd.InOrStdin()):
		return &exitError{exitUsage, errors.New("this cannot be taken back: say --yes if you mean it")}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := readLine(cmd.Context(), cmd.InOrStdin())
	if err != nil {
		return err
	}
	if !strings.EqualFold(answer, "y") && !strings.EqualFold(answer, "yes") {
		return &exitError{exitInterrupted, errors.New("nothing was done")}
	}
	return nil
}

// isTerminal reports whether a person can be asked through r.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// readLine reads one line, until ctx ends: Ctrl-C does not wait for the Enter key.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	line := make(chan string, 1)
	go func() {
		s, _ := bufio.NewReader(r).ReadString('\n') // cut off means no
		line <- strings.TrimSpace(s)
	}()
	select {
	case s := <-line:
		return s, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
