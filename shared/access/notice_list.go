package access

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// ListNotices asks for a page of an account's notices. Empty fields filter nothing.
type ListNotices struct {
	Type       string // a NoticeType
	OperatorID string
	Query      string    // stands anywhere in type, actor or detail; case aside
	From, To   time.Time // From inclusive, To exclusive
	Limit      int       // 1 to MaxPageSize; 0: DefaultPageSize
	Cursor     string
}

// NoticePage is a page of notices.
type NoticePage struct {
	Items []NoticeView `json:"items"`
	Next  *string      `json:"next"`
}

// ListNotices lists notices, the newest first. [InputError].
func (s *Service) ListNotices(ctx context.Context, accountID string, c ListNotices) (NoticePage, error) {
	none := NoticePage{Items: []NoticeView{}}
	var bad []FieldError
	if c.Type != "" && !slices.Contains(NoticeTypes(), NoticeType(c.Type)) {
		bad = append(bad, FieldError{Field: "type", Code: "unknown_value"})
	}
	if c.OperatorID != "" && !isID(c.OperatorID) {
		bad = append(bad, FieldError{Field: "operatorId", Code: "unknown_value"})
	}
	if !utf8.ValidString(c.Query) || utf8.RuneCountInString(c.Query) > MaxName {
		bad = append(bad, tooLong("query", MaxName))
	}
	if len(bad) > 0 {
		return none, &InputError{bad}
	}
	limit, err := pageSize(c.Limit)
	if err != nil {
		return none, err
	}
	seal := []string{"notices", accountID, c.Type, c.OperatorID, c.Query, c.From.UTC().String(), c.To.UTC().String()}
	position, err := s.openCursor(ctx, c.Cursor, seal...)
	if err != nil {
		return none, err
	}
	q := noticesOf(accountID)
	q.Reverse, q.Limit = true, 200
	if !c.From.IsZero() {
		q.From = timeBound(c.From)
	}
	if !c.To.IsZero() {
		q.To = timeBound(c.To)
	}
	if position != "" {
		q.To = min(q.To, position)
	}
	if q.From >= q.To {
		return none, nil
	}
	for read := 0; ; {
		page, err := s.store.Query(ctx, q)
		if err != nil {
			return none, fmt.Errorf("query notices: %w", unavailable(err))
		}
		for _, item := range page.Items {
			n := &notice{AccountID: accountID, ID: item.Sort}
			if err := s.decode(ctx, item, n); err != nil {
				return none, err
			}
			if c.Type != "" && string(n.Type) != c.Type || c.OperatorID != "" && n.OperatorID != c.OperatorID ||
				c.Query != "" && !n.matches(c.Query) {
				position = n.ID
				continue
			}
			if len(none.Items) == limit {
				return s.noticePage(ctx, none.Items, position, seal)
			}
			position = n.ID
			none.Items = append(none.Items, n.view())
		}
		if page.Next == "" {
			return none, nil
		}
		if read += len(page.Items); read >= maxListReads {
			return s.noticePage(ctx, none.Items, position, seal)
		}
		q.Cursor = page.Next
	}
}

// timeBound is timeKey without an ID, for any time that a client may name: those that no key holds are brought to the end that they
// are beyond.
func timeBound(t time.Time) string {
	const last = 9_999_999_999_999 // 13 digits
	return timeKey(time.UnixMilli(min(max(t.UnixMilli(), 0), last)), "")
}

func (s *Service) noticePage(ctx context.Context, items []NoticeView, position string, seal []string) (NoticePage, error) {
	next, err := s.sealCursor(ctx, position, seal...)
	if err != nil {
		return NoticePage{}, err
	}
	return NoticePage{Items: items, Next: &next}, nil
}
