package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func newNoticesExport(o *clientOptions) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export the whole log of an account as CSV, oldest first",
		Long: `Export the whole log of an account as CSV, oldest first, to standard output.

The last columns are what "postern notices verify --file" needs. Keep exports, and the public key ("postern notices
public-key"), where those who can change the store cannot: then an export shows later what the log was.`,
		Example: `  postern --endpoint http://localhost:3000 notices export --account demo > notices.csv`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := noticesPath(account)
			if err != nil {
				return err
			}
			for path += "/export"; path != ""; {
				part, header, err := o.send(cmd.Context(), "GET", path, nil)
				if err != nil {
					return err
				}
				if _, err := cmd.OutOrStdout().Write(part); err != nil {
					return fmt.Errorf("write export: %w", err)
				}
				if path, err = o.nextPart(path, header); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "Account ID")
	return cmd
}

// nextPart gives the path of the part after the one that came with header; "" after the last. Of the link only the cursor counts: the
// endpoint, and what is asked of it, stay those that were typed.
func (o *clientOptions) nextPart(path string, header http.Header) (string, error) {
	link := header.Get("Link")
	if link == "" {
		return "", nil
	}
	target, _, ok := strings.Cut(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	u, err := url.Parse(target)
	if !ok || err != nil || u.Query().Get("cursor") == "" {
		return "", fmt.Errorf("%s named the next part in a way that is not understood: the export is not whole", o.endpoint)
	}
	path, _, _ = strings.Cut(path, "?")
	return path + "?cursor=" + url.QueryEscape(u.Query().Get("cursor")), nil
}
