package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"postern/shared/access"
	"postern/shared/totp"
)

// completions are the values of flags that shells complete, by the flag's name. "postern completion" gives a shell the rest.
var completions = map[string][]string{
	"output": {"table", "json", "csv"}, "role": {string(access.RoleOperator), string(access.RoleAdministrator)},
	"state":         {string(access.StateActive), string(access.StateDisabled)},
	"totp":          {"enabled", "disabled", "blocked"},
	"password-kind": {string(access.PasswordPermanent), string(access.PasswordTemporary), string(access.PasswordNone)},
	"encoding":      {totp.EncodingHex, totp.EncodingBase32}, "algorithm": access.TokenAlgorithms(), "digits": {"6", "7", "8"}, "period": {"60", "30"},
	"deliver": {"display", "email"}, "enforce": {"next_login"}, "language": access.Languages(),
	"preset": slices.Sorted(maps.Keys(access.PolicyPresets())), "queue": slices.Sorted(maps.Keys(queueNames)),
	"type": texts(access.NoticeTypes()), "status": texts(access.MailStatuses()),
}

func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// completeFlags has shells complete the flags of all commands.
func completeFlags(root *cobra.Command) {
	for c := range commands(root) {
		for name, values := range completions {
			if f := c.LocalNonPersistentFlags().Lookup(name); f != nil || c == root && name == "output" {
				must(c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
			}
		}
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for c := range commands(root) {
		switch c.Name() {
		case "completion":
			c.Example = "  source <(postern completion bash)"
		case "bash", "zsh", "fish", "powershell":
			c.Example = "  postern completion " + c.Name()
		case "help":
			c.Example = "  postern help operators create"
		}
	}
}

// must is for what only a mistake in this program can make fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
