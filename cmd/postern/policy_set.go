package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

// policyEdit is what the flags of policy set and policy preview say.
type policyEdit struct {
	account, file, preset, enforce, ifMatch string
	set                                     []string // field=value
}

func (e *policyEdit) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.account, "account", "", "Account ID")
	f.StringVar(&e.file, "file", "", "file with the whole policy as JSON, as policy get gives it; - for standard input")
	f.StringVar(&e.preset, "preset", "", "start from that preset instead of the present policy")
	f.StringArrayVar(&e.set, "set", nil, "field=value, on top of the present policy, the file or the preset; may be given more than once")
	f.StringVar(&e.enforce, "enforce", "", "next_login: everybody has to choose a new password at the next sign-in")
	f.StringVar(&e.ifMatch, "if-match", "", "version that the policy must still have, as policy get tells it (default: the one it has now)")
}

// policyEdited is the policy that an edit comes to, the query that goes with it, and the ETag of the one that it replaces.
type policyEdited struct {
	path, etag string
	query      url.Values
	policy     any
}

func (e *policyEdit) apply(cmd *cobra.Command, o *clientOptions) (policyEdited, error) {
	none := policyEdited{}
	path, err := policyPath(e.account)
	if err != nil {
		return none, err
	}
	if err := e.check(); err != nil {
		return none, err
	}
	if err := o.checkOutput(); err != nil {
		return none, err
	}
	var document map[string]json.RawMessage
	if e.file != "" {
		if document, err = readPolicy(cmd, e.file); err != nil {
			return none, err
		}
	}
	present, etag, err := o.presentPolicy(cmd.Context(), path)
	if err != nil {
		return none, err
	}
	if document == nil {
		if document, err = e.base(cmd.Context(), o, path, present); err != nil {
			return none, err
		}
	}
	if err := setFields(document, present, e.set); err != nil {
		return none, err
	}
	if e.ifMatch != "" {
		etag = strconv.Quote(strings.Trim(e.ifMatch, `"`))
	}
	query := url.Values{}
	if e.enforce != "" {
		query.Set("enforce", e.enforce)
	}
	return policyEdited{path, etag, query, document}, nil
}

func (e *policyEdit) check() error {
	switch {
	case e.file != "" && e.preset != "":
		return &exitError{exitUsage, errors.New("--file and --preset are two policies: give one of them")}
	case e.file == "" && e.preset == "" && len(e.set) == 0 && e.enforce == "":
		return &exitError{exitUsage, errors.New("say what to change, with --file, --preset, --set or --enforce")}
	case e.enforce != "" && e.enforce != "next_login":
		return &exitError{exitUsage, errors.New("--enforce is next_login")}
	}
	return nil
}

// base is the policy that --set changes: the preset's, or the present one.
func (e *policyEdit) base(ctx context.Context, o *clientOptions, path string, present access.Policy) (map[string]json.RawMessage, error) {
	if e.preset != "" {
		presets, err := o.presets(ctx, path)
		if err != nil {
			return nil, err
		}
		preset, ok := presets[e.preset]
		if !ok {
			return nil, &exitError{exitUsage, fmt.Errorf("there is no preset %q: there are %s", e.preset, strings.Join(slices.Sorted(maps.Keys(presets)), ", "))}
		}
		present = preset
	}
	raw, err := json.Marshal(present)
	if err != nil {
		return nil, err
	}
	var document map[string]json.RawMessage
	return document, json.Unmarshal(raw, &document)
}

// maxPolicyFile is how long a policy may be, in bytes: what the service takes.
const maxPolicyFile = 8 << 10

// readPolicy reads a policy from a file or from standard input.
func readPolicy(cmd *cobra.Command, file string) (map[string]json.RawMessage, error) {
	in := cmd.InOrStdin()
	if file == "-" {
		if isTerminal(in) {
			return nil, &exitError{exitUsage, errors.New("--file - reads standard input, which is your terminal: give it a policy, as in postern policy set --file - < policy.json")}
		}
	} else {
		f, err := os.Open(file)
		if err != nil {
			return nil, &exitError{exitUsage, fmt.Errorf("--file: %w", err)}
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxPolicyFile+1))
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--file: %w", err)}
	}
	var document map[string]json.RawMessage
	if len(raw) > maxPolicyFile || json.Unmarshal(raw, &document) != nil || document == nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--file %s: this is no policy as JSON: postern policy get --output json gives one", file)}
	}
	return document, nil
}

// setFields applies field=value pairs to a policy document. Each value has to be of the kind that the field has in the present policy.
func setFields(document map[string]json.RawMessage, present access.Policy, pairs []string) error {
	known, err := present.Fields()
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		field, value, _ := strings.Cut(pair, "=")
		like, ok := known[field]
		if !ok {
			return &exitError{exitUsage, fmt.Errorf("--set %s: a policy has no field %q; it has %s", pair, field, strings.Join(slices.Sorted(maps.Keys(known)), ", "))}
		}
		raw, err := policyValue(like, value)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--set %s: %w", pair, err)}
		}
		if err := putField(document, field, raw); err != nil {
			return err
		}
	}
	return nil
}

// putField puts a value under a name, which may be dotted.
func putField(document map[string]json.RawMessage, field string, value json.RawMessage) error {
	outer, inner, nested := strings.Cut(field, ".")
	if !nested {
		document[field] = value
		return nil
	}
	object := map[string]json.RawMessage{}
	if old, ok := document[outer]; ok && json.Unmarshal(old, &object) != nil {
		return &exitError{exitUsage, fmt.Errorf("--set %s: %s is no object in the policy that was given", field, outer)}
	}
	object[inner] = value
	raw, err := json.Marshal(object)
	document[outer] = raw
	return err
}

// policyValue reads a value as it is typed, of the kind of another.
func policyValue(like json.RawMessage, typed string) (json.RawMessage, error) {
	var value any
	switch {
	case bytes.HasPrefix(like, []byte(`"`)):
		value = typed
	case bytes.HasPrefix(like, []byte("[")):
		numbers := []int{}
		for _, word := range strings.FieldsFunc(strings.Trim(typed, "[]"), func(r rune) bool { return r == ',' || r == ' ' }) {
			n, err := strconv.Atoi(word)
			if err != nil {
				return nil, errors.New("this is a list of whole numbers, such as 14,3,1")
			}
			numbers = append(numbers, n)
		}
		value = numbers
	case string(like) == "true", string(like) == "false":
		if typed != "true" && typed != "false" {
			return nil, errors.New("this is true or false")
		}
		value = typed == "true"
	default:
		n, err := strconv.Atoi(typed)
		if err != nil {
			return nil, errors.New("this is a whole number")
		}
		value = n
	}
	return json.Marshal(value)
}

func newPolicySet(o *clientOptions) *cobra.Command {
	var e policyEdit
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change the password policy of an account",
		Long: `Change the password policy of an account: to the whole policy of a file, to a preset, or field by field.

Stricter rules lock nobody out: they apply when a password is next changed or, with --enforce next_login, at everybody's next sign-in. What
a change would mean is told by --dry-run, which saves nothing. If somebody else changes the policy between reading and saving it, nothing
is saved, and the exit code is 254.`,
		Example: `  postern --endpoint https://id.example.com policy set --account acme --set minLength=16 --set warnDays=14,7,1 --dry-run
  postern policy set --account acme --preset pci-dss-4 --set totp=required_for_administrators --enforce next_login
  postern policy get --account acme --output json | jq '.captcha="always"' | postern policy set --account acme --file -`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			edited, err := e.apply(cmd, o)
			if err != nil {
				return err
			}
			if dryRun {
				return edited.preview(cmd, o)
			}
			var saved access.Policy
			header, err := o.askWithHeader(cmd.Context(), "PUT", edited.path+"?"+edited.query.Encode(), edited.policy, &saved, "If-Match", edited.etag)
			if err != nil {
				return err
			}
			if etag := header.Get("ETag"); etag == edited.etag {
				fmt.Fprintln(cmd.ErrOrStderr(), "The policy is like that already; nothing was changed.")
			} else {
				fmt.Fprintf(cmd.ErrOrStderr(), "Saved as version %s.\n", access.PolicyText(json.RawMessage(etag)))
			}
			return printPolicy(cmd, o, saved)
		},
	}
	e.add(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "tell what it would change, and for how many, and save nothing")
	return cmd
}

func newPolicyPreview(o *clientOptions) *cobra.Command {
	var e policyEdit
	cmd := &cobra.Command{
		Use:   "preview",
		Short: "Tell what a change of the password policy would mean, and change nothing",
		Long: `Tell what a change of the password policy would mean: which fields differ, and how many active operators it touches. All of them are
counted, however many there are. It takes the flags of "postern policy set", and is the same as that with --dry-run.

Whether a password that stands keeps new rules for its length or characters cannot be known from its hash, and is not told.`,
		Example: `  postern --endpoint https://id.example.com policy preview --account acme --set maxAgeDays=90
  postern policy preview --account acme --preset classic --enforce next_login --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			edited, err := e.apply(cmd, o)
			if err != nil {
				return err
			}
			return edited.preview(cmd, o)
		},
	}
	e.add(cmd)
	return cmd
}

// preview asks for all parts of what the change would mean, and prints them as one.
func (e policyEdited) preview(cmd *cobra.Command, o *clientOptions) error {
	var whole access.PolicyPreview
	for {
		var part access.PolicyPreview
		if err := o.ask(cmd.Context(), "POST", e.path+"/preview?"+e.query.Encode(), e.policy, &part, "If-Match", e.etag); err != nil {
			return err
		}
		whole.Changes = part.Changes
		whole.Impact.Add(part.Impact)
		if part.Next == nil {
			break
		}
		e.query.Set("cursor", *part.Next)
	}
	var rows [][]string
	for _, c := range whole.Changes {
		rows = append(rows, []string{c.Field, access.PolicyText(c.From), access.PolicyText(c.To)})
	}
	for _, count := range []struct {
		what string
		n    int
	}{
		{"(active operators)", whole.Impact.Operators},
		{"(with a password older than the new maxAgeDays)", whole.Impact.OldPasswords},
		{"(who have to choose a new password at the next sign-in)", whole.Impact.MustChange},
		{"(who have to set up TOTP at the next sign-in)", whole.Impact.MustSetUpTOTP},
	} {
		rows = append(rows, []string{count.what, "", strconv.Itoa(count.n)})
	}
	return printRows(cmd.OutOrStdout(), o.output, whole, []string{"FIELD", "NOW", "THEN"}, rows)
}
