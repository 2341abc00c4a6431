package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// export writes a file that comes in parts to standard output.
func (o *clientOptions) export(cmd *cobra.Command, path string) error {
	for path != "" {
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
}

// nextPart gives the path of the part after the one that came with header; "" after the last. Of the link only the cursor counts: the
// endpoint, and what is asked of it, stay those that were typed.
func (o *clientOptions) nextPart(path string, header http.Header) (string, error) {
	link := header.Get("Link")
	if link == "" {
		return "", nil
	}
	target, _, ok := strings.Cut(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	next, err := url.Parse(target)
	if !ok || err != nil || next.Query().Get("cursor") == "" {
		return "", fmt.Errorf("%s named the next part in a way that is not understood: the export is not whole", o.endpoint)
	}
	path, asked, _ := strings.Cut(path, "?")
	query, err := url.ParseQuery(asked)
	if err != nil {
		return "", err // unreachable: it was made here
	}
	query.Set("cursor", next.Query().Get("cursor"))
	return path + "?" + query.Encode(), nil
}
