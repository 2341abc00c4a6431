package main

import (
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/shared/access"
)

// noticesPath is where an account's log is asked for.
func noticesPath(account string) (string, error) {
	path, err := accountPath(account)
	return path + "/notices", err
}

func newNoticesList(o *clientOptions) *cobra.Command {
	var account, kind, operatorID, from, to, search string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the log of an account, newest first",
		Example: `  postern --endpoint http://localhost:3000 notices list --account demo --type password.reset
  postern notices list --account demo --from 2026-11-01T00:00:00Z --to 2026-12-01T00:00:00Z --output csv`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := noticesPath(account)
			if err != nil {
				return err
			}
			if err := o.checkOutput(); err != nil {
				return err
			}
			query := url.Values{}
			for name, v := range map[string]string{"type": kind, "operatorId": operatorID, "from": from, "to": to, "query": search} {
				if v != "" {
					query.Set(name, v)
				}
			}
			all, err := allItems[access.NoticeView](cmd.Context(), o, path, query)
			if err != nil {
				return err
			}
			return printNotices(cmd.OutOrStdout(), o.output, all)
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "Account ID")
	f.StringVar(&kind, "type", "", "type of the entries, such as password.reset")
	f.StringVar(&operatorID, "operator", "", "operatorId of whom they are about")
	f.StringVar(&from, "from", "", "entries from that time on, as 2026-11-23T00:00:00Z or 2026-11-23")
	f.StringVar(&to, "to", "", "entries before that time; a day counts whole")
	f.StringVar(&search, "query", "", "stands anywhere in type, actor or detail")
	return cmd
}

// printNotices writes notices in the form that was asked for.
func printNotices(w io.Writer, output string, all []access.NoticeView) error {
	var rows [][]string
	for _, n := range all {
		seq := ""
		if n.Seq != nil {
			seq = strconv.FormatInt(*n.Seq, 10)
		}
		var detail []string
		for _, name := range slices.Sorted(maps.Keys(n.Detail)) {
			detail = append(detail, name+": "+n.Detail[name])
		}
		rows = append(rows, []string{seq, n.At.Format(time.RFC3339), string(n.Type), n.Actor, n.OperatorID, strings.Join(detail, ", ")})
	}
	return printRows(w, output, all, []string{"NO.", "TIME", "TYPE", "BY", "OPERATOR ID", "DETAIL"}, rows)
}
