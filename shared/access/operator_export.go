package access

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"postern/shared/csvfile"
)

// OperatorExport is an export of an account's operators, or a part of one.
type OperatorExport struct {
	CSV  []byte // of package csvfile; the header stands in the first part only, so that parts can be joined
	Next string // cursor of the next part; empty when the list ends here
}

// ExportOperators gives the operators that [Service.ListOperators] lists, in its order, in parts of maxExport bytes; c.Limit does not
// count. ErrNotFound: no such account. [InputError].
func (s *Service) ExportOperators(ctx context.Context, accountID string, c ListOperators) (OperatorExport, error) {
	if _, err := s.loadAccount(ctx, accountID); err != nil {
		return OperatorExport{}, err
	}
	var b bytes.Buffer
	w := csvfile.NewWriter(&b)
	if c.Cursor == "" {
		w.Write([]string{"username", "email", "firstName", "lastName", "role", "state", "totp", "lastLoginAt"})
	}
	c.Limit = MaxPageSize
	for {
		page, err := s.ListOperators(ctx, accountID, c)
		if err != nil {
			return OperatorExport{}, err
		}
		for _, o := range page.Items {
			w.Write([]string{o.Username, o.Email, o.FirstName, o.LastName, string(o.Role), string(o.State), o.TOTP.state(), exportTime(o.LastLoginAt)})
		}
		if err := w.Flush(); err != nil {
			return OperatorExport{}, fmt.Errorf("write export: %w", err)
		}
		if page.Next == nil {
			return OperatorExport{CSV: b.Bytes()}, nil
		}
		if b.Len() >= maxExport || closing(ctx) {
			return OperatorExport{CSV: b.Bytes(), Next: *page.Next}, nil
		}
		c.Cursor = *page.Next
	}
}

func exportTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
