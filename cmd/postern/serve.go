package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"postern/shared/mail/smtp"
	"postern/shared/onemachine"
	"postern/shared/secret"
)

func newServe() *cobra.Command {
	var c onemachine.Config
	var smtpPlain, verbose bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run Postern on this machine",
		Long: `Run Postern on this machine: one process that keeps everything in one folder.

Make the first account and its administrator with "postern init", then serve. A server that others reach stands behind
something that speaks HTTPS for it (Caddy, nginx, a load balancer): say with --origin what people type into their
browsers. Sessions need HTTPS everywhere but on localhost.

The folder holds the store (postern.db), the key file (keys) without which the store is useless, the key that seals the
notice log (keys-sign.pem, always beside the key file), the key pair that signs administrators' requests
(admin-credentials), and the local inbox if there is no --smtp. Copy all of it, with the server stopped, to make a
backup; keep both key files apart from it.

Without --smtp mail goes nowhere but to the local inbox, a page of this server.

With --demo it makes an account to try things on, and prints passwords: listens on this machine only, not for use.`,
		Example: `  postern serve --demo
  postern serve --data /var/lib/postern --listen 127.0.0.1:8080 --origin https://login.example.com \
      --smtp smtp.example.com:587 --smtp-user postern --mail-from login@example.com`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			level := slog.LevelInfo
			if c.Demo && !verbose {
				level = slog.LevelWarn
			}
			c.Log = slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
			slog.SetDefault(c.Log)
			if err := checkOrigin(c.Origin); err != nil {
				return err
			}
			c.SMTP.Password = secret.New(os.Getenv("POSTERN_SMTP_PASSWORD"))
			if smtpPlain {
				c.SMTP.TLS = smtp.TLSOff
			}
			s, err := onemachine.Start(cmd.Context(), c)
			if err != nil {
				return &exitError{exitConfiguration, err}
			}
			s.Print(cmd.OutOrStdout())
			if err := s.Wait(cmd.Context()); err != nil {
				return errors.Join(err, s.Stop())
			}
			fmt.Fprintln(cmd.ErrOrStderr(), "Stopping: finishing what is running.")
			return s.Stop()
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Listen, "listen", "127.0.0.1:3000", "address to listen on; port 0 picks a free one")
	f.StringVar(&c.Data, "data", ".postern", "folder that everything is kept in; made if it is not there")
	f.StringVar(&c.KeyFile, "key-file", "", "file of the keys that protect what is kept (default: keys in the data folder); may lie on another disk")
	f.StringVar(&c.Origin, "origin", "", "what people type to reach the server, as https://login.example.com (default: http://localhost and the port)")
	f.StringSliceVar(&c.AppOrigins, "app-origin", nil, "origin of an application that a login may continue to; may be given more than once")
	f.StringVar(&c.Account, "account", "", "Account ID of the one account: then nobody is asked for it")
	f.StringVar(&c.SMTP.Addr, "smtp", "", "mail server, as host:port; STARTTLS is required unless the host is this machine (default: the local inbox)")
	f.StringVar(&c.SMTP.Username, "smtp-user", "", "user to log in to the mail server as; the password comes from $POSTERN_SMTP_PASSWORD")
	f.BoolVar(&smtpPlain, "smtp-plain", false, "send to the mail server unencrypted: only where the network in between is yours")
	f.StringVar(&c.MailFrom, "mail-from", "", "address that mails come from; required with --smtp")
	f.BoolVar(&c.Demo, "demo", false, "make an account to try things on, and print its passwords")
	f.BoolVar(&verbose, "verbose", false, "log every request, also in the demo")
	return cmd
}

// checkOrigin refuses an origin that cookies and links could not work with.
func checkOrigin(origin string) error {
	if origin == "" || strings.HasPrefix(origin, "https://") && !strings.HasSuffix(origin, "/") {
		return nil
	}
	if strings.HasPrefix(origin, "http://localhost") && !strings.HasSuffix(origin, "/") {
		return nil
	}
	return &exitError{exitConfiguration, fmt.Errorf("--origin %s: it must be https://host without a slash at the end (plain http works on localhost only: browsers keep session cookies for https)", origin)}
}
