package access

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"postern/shared/chain"
)

// NoticeExport is an export of an account's log, or a part of one.
type NoticeExport struct {
	CSV  []byte // of package chain; the header stands in the first part only, so that parts can be joined
	Next string // cursor of the next part; empty when the log ends here
}

// maxExport is how long a part gets, in bytes, give or take a row. A function on AWS answers with 6 MB at the most, and what is
// quoted in CSV is escaped once more on the way.
const maxExport = 3 << 20

// ExportNotices gives the whole log of an account, the oldest first, as it was when the first part was asked for: what is sealed
// later is told as not sealed yet, so that the parts verify together. [InputError] about the cursor; ErrNotFound.
func (s *Service) ExportNotices(ctx context.Context, accountID, cursor string) (NoticeExport, error) {
	list := []string{"notices export", accountID}
	position, err := s.openCursor(ctx, cursor, list...)
	if err != nil {
		return NoticeExport{}, err
	}
	// A position is the number of the head that the first part had, and the last notice.
	sealedTo, last, _ := strings.Cut(position, " ")
	var head *chain.SignedHead
	to, _ := strconv.ParseInt(sealedTo, 10, 64) // ours, or empty
	if position == "" {
		a, err := s.loadAccount(ctx, accountID)
		if err != nil {
			return NoticeExport{}, err
		}
		h, err := s.loadHead(ctx, a.ID)
		if err != nil {
			return NoticeExport{}, err
		}
		if to = h.Seq; to > 0 {
			head = &chain.SignedHead{Head: h.chain(), Signature: h.Signature}
		}
	}
	public, err := s.noticeKey(ctx)
	if err != nil {
		return NoticeExport{}, err
	}
	now := to // where the head is by now, as far as it was asked
	var b bytes.Buffer
	x := chain.NewExporter(&b, position == "")
	for n, err := range s.notices(ctx, accountID, last) {
		if err != nil {
			return NoticeExport{}, err
		}
		if b.Len() >= maxExport {
			next, err := s.sealCursor(ctx, strconv.FormatInt(to, 10)+" "+last, list...)
			return NoticeExport{CSV: b.Bytes(), Next: next}, err
		}
		r := chain.Row{Sealed: n.sealed(), Head: head}
		if n.Seq > now {
			if now, err = s.sealedTo(ctx, accountID, public); err != nil {
				return NoticeExport{}, err
			}
		}
		if n.Seq > to && n.Seq <= now { // and what is beyond any head is told as it stands, to be found
			r.Sealed = chain.Sealed{Entry: r.Entry}
		}
		x.Write(r)
		if err := x.Flush(); err != nil {
			return NoticeExport{}, fmt.Errorf("write export: %w", err)
		}
		head, last = nil, n.ID
	}
	if err := x.Flush(); err != nil {
		return NoticeExport{}, fmt.Errorf("write export: %w", err)
	}
	return NoticeExport{CSV: b.Bytes()}, nil
}
