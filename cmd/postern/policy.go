package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

func policyPath(account string) (string, error) {
	path, err := accountPath(account)
	return path + "/policy", err
}

// presentPolicy asks for the policy of an account, and for the ETag that a change of it has to show.
func (o *clientOptions) presentPolicy(ctx context.Context, path string) (p access.Policy, etag string, err error) {
	header, err := o.askWithHeader(ctx, "GET", path, nil, &p)
	return p, header.Get("ETag"), err
}

// printPolicy writes a policy in the form that was asked for. As JSON it can be edited and given to policy set.
func printPolicy(cmd *cobra.Command, o *clientOptions, p access.Policy) error {
	fields, err := p.Fields()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		rows = append(rows, []string{name, access.PolicyText(fields[name])})
	}
	return printRows(cmd.OutOrStdout(), o.output, p, []string{"FIELD", "VALUE"}, rows)
}

func newPolicyGet(o *clientOptions) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Show the password policy of an account",
		Long: `Show the password policy of an account, on standard output, and its version on standard error. As JSON it can be edited and given to
"postern policy set --file"; with the version as --if-match it is then saved only if nobody else has changed the policy meanwhile.`,
		Example: `  postern --endpoint https://id.example.com policy get --account acme
  postern policy get --account acme --output json > policy.json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := policyPath(account)
			if err != nil {
				return err
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			p, etag, err := o.presentPolicy(cmd.Context(), path)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "Version %s.\n", access.PolicyText(json.RawMessage(etag)))
			return printPolicy(cmd, o, p)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	return cmd
}

func newPolicyPresets(o *clientOptions) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:     "presets",
		Short:   "Show the named policies to start from, side by side",
		Example: `  postern --endpoint https://id.example.com policy presets --account acme`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := policyPath(account)
			if err != nil {
				return err
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			presets, err := o.presets(cmd.Context(), path)
			if err != nil {
				return err
			}
			names := slices.Sorted(maps.Keys(presets))
			header, rows := append([]string{"FIELD"}, names...), map[string][]string{}
			for _, name := range names {
				fields, err := presets[name].Fields()
				if err != nil {
					return err
				}
				for field, v := range fields {
					if rows[field] == nil {
						rows[field] = []string{field}
					}
					rows[field] = append(rows[field], access.PolicyText(v))
				}
			}
			var sorted [][]string
			for _, field := range slices.Sorted(maps.Keys(rows)) {
				sorted = append(sorted, rows[field])
			}
			return printRows(cmd.OutOrStdout(), o.output, presets, header, sorted)
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID of any account: all have the same presets")
	return cmd
}

func (o *clientOptions) presets(ctx context.Context, policyPath string) (map[string]access.Policy, error) {
	var answer struct {
		Presets map[string]access.Policy `json:"presets"`
	}
	err := o.ask(ctx, "GET", policyPath+"/presets", nil, &answer)
	return answer.Presets, err
}
