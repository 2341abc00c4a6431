package access

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/shared/chain"
	"postern/shared/keys"
	"postern/shared/store"
)

const (
	// sealChunk is how many notices one commit seals: with the head they are all that a commit, and a read, may hold.
	sealChunk = store.MaxChanges - 1
	// sealBatch is how many due notices are looked at together before they are sorted by account.
	sealBatch = 1000
)

// errHead says that a chain's head is not one that this Postern signed. Nothing is sealed after it: what is wrong would be
// buried.
var errHead = errors.New("the head of the log is not as it was signed: see postern notices verify; " +
	"if the key was replaced, restore it from its backup")

// SealNotices is the scheduled sealer: it numbers what was noted since its last run, chains it to what was sealed before, and signs
// the new end, account by account (behaviour 7.7; package chain). At most limit notices in one run; 0: all that are due. It gives
// how many were sealed, also with an error; what fails is left for the next run and does not keep other accounts waiting.
//
// Notices are sealed in the order of their times, as far as they are there: one that is committed later with an earlier time is
// numbered later. So nothing has to settle first, and the order of the numbers is that of sealing. Two sealers at once, a late
// run, and one that is cut off anywhere end in the same chain: each commit holds notices and head, all under their versions.
func (s *Service) SealNotices(ctx context.Context, limit int) (int, error) {
	if s.signer == nil {
		return 0, errors.New("seal notices: no key to sign with was configured")
	}
	due := s.dueInOrder(store.Notices)
	sealed, failed := 0, map[string]bool{}
	var errs []error
	for ctx.Err() == nil {
		size := sealBatch
		if limit > 0 {
			size = min(size, limit-sealed)
		}
		if size == 0 {
			break
		}
		var accounts []string // in the order of their first notice
		ids := map[string][]string{}
		for range size {
			item, ok := due.next(ctx)
			if !ok {
				break
			}
			if ids[item.Partition] == nil {
				accounts = append(accounts, item.Partition)
			}
			ids[item.Partition] = append(ids[item.Partition], item.Sort)
		}
		if len(accounts) == 0 {
			break
		}
		for _, id := range accounts {
			for chunk := range slices.Chunk(ids[id], sealChunk) {
				if failed[id] {
					break
				}
				n, err := s.sealNotices(ctx, id, chunk)
				if sealed += n; err != nil {
					errs, failed[id] = append(errs, fmt.Errorf("seal notices of %s: %w", id, err)), true
				}
			}
		}
	}
	return sealed, errors.Join(append(errs, due.errs...)...)
}

// sealState is what one commit of sealing goes by.
type sealState struct {
	head    noticeHead
	notices []*notice // by time
}

// sealNotices seals some of an account's notices, at most sealChunk, in one commit.
func (s *Service) sealNotices(ctx context.Context, accountID string, ids []string) (int, error) {
	return commit(ctx, s, func(now time.Time) (int, changes, error) {
		st := &sealState{head: noticeHead{AccountID: accountID}}
		records := []record{&st.head}
		for _, id := range ids {
			n := &notice{AccountID: accountID, ID: id}
			st.notices = append(st.notices, n)
			records = append(records, n)
		}
		if err := s.get(ctx, records...); err != nil {
			return 0, nil, fmt.Errorf("load notices: %w", err)
		}
		if st.head.exists() {
			public, err := s.noticeKey(ctx)
			if err != nil {
				return 0, nil, err
			}
			if !st.head.signed(public) {
				return 0, nil, errHead
			}
		}
		sealed, done := decideSealNotices(st, now)
		if sealed == 0 {
			return 0, nil, nil
		}
		// Signing is no part of deciding: it asks a key service. What is signed here and loses the race is never shown.
		signature, err := s.signer.Sign(ctx, st.head.chain().Bytes())
		if err != nil {
			return 0, nil, fmt.Errorf("sign head: %w", unavailable(err))
		}
		st.head.Signature = signature
		return sealed, done, nil
	})
}

// decideSealNotices is pure. The head still wants its signature.
func decideSealNotices(st *sealState, now time.Time) (sealed int, done changes) {
	head := st.head.chain()
	for _, n := range st.notices {
		if !n.exists() || n.Seq != 0 {
			continue // sealed meanwhile: the index lags behind
		}
		var in chain.Sealed
		in, head = chain.Seal(head, n.entry(), now)
		n.Seq, n.SealVersion, n.Prev, n.Hash = in.Seq, in.Version, in.Prev[:], in.Hash[:]
		n.due = time.Time{}
		done = append(done, put(n))
	}
	if len(done) == 0 {
		return 0, nil
	}
	st.head.Seq, st.head.Hash, st.head.At = head.Seq, head.Hash[:], head.At
	return len(done), append(done, put(&st.head))
}

// noticeHead is the signed end of an account's chain of notices. It stands with the notices, because that is the table from which
// no function may delete.
type noticeHead struct {
	stored
	AccountID string
	Seq       int64
	Hash      []byte
	At        time.Time
	Signature []byte
}

func (h *noticeHead) key() store.Key {
	return store.Key{Table: store.Notices, Partition: h.AccountID, Sort: "head"}
}

func (h *noticeHead) fields(c *codec) {
	number(c, "seq", &h.Seq)
	c.bytes("hash", &h.Hash)
	c.time("at", &h.At)
	c.bytes("signature", &h.Signature)
}

func (h *noticeHead) chain() chain.Head {
	c := chain.Head{Account: h.AccountID, Seq: h.Seq, At: h.At}
	copy(c.Hash[:], h.Hash)
	return c
}

// signed reports whether the head is as it was signed. Without a public key nothing is known to be.
func (h *noticeHead) signed(public *ecdsa.PublicKey) bool {
	return public != nil && len(h.Hash) == len(chain.Hash{}) && keys.VerifySignature(public, h.chain().Bytes(), h.Signature)
}

// noticeKey is the public key that heads verify under; nil without a signer.
func (s *Service) noticeKey(ctx context.Context) (*ecdsa.PublicKey, error) {
	if s.signer == nil {
		return nil, nil
	}
	raw, err := s.signer.PublicKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("get public key: %w", unavailable(err))
	}
	public, err := keys.ParsePublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("get public key: %w", err)
	}
	return public, nil
}

// dueItems gives the items of a table that are due, of all shards, the earliest first.
type dueItems struct {
	s      *Service
	table  store.Table
	until  time.Time
	shards [store.DueShards]dueShard
	errs   []error // of shards that could not be read to their end
}

// dueShard is how far one shard was read.
type dueShard struct {
	items  []store.Item
	cursor string
	done   bool
}

func (s *Service) dueInOrder(table store.Table) *dueItems {
	return &dueItems{s: s, table: table, until: s.now()}
}

// next gives the next item, until there is none.
func (d *dueItems) next(ctx context.Context) (store.Item, bool) {
	first := -1
	for i := range d.shards {
		if d.fill(ctx, i); len(d.shards[i].items) > 0 && (first < 0 || earlier(d.shards[i].items[0], d.shards[first].items[0])) {
			first = i
		}
	}
	if first < 0 {
		return store.Item{}, false
	}
	shard := &d.shards[first]
	item := shard.items[0]
	shard.items = shard.items[1:]
	return item, true
}

func earlier(a, b store.Item) bool {
	if c := a.Due.Compare(b.Due); c != 0 {
		return c < 0
	}
	return strings.Compare(a.Sort, b.Sort) < 0
}

// fill reads a shard on when nothing of it is left.
func (d *dueItems) fill(ctx context.Context, shard int) {
	at := &d.shards[shard]
	for len(at.items) == 0 && !at.done {
		page, err := d.s.store.Due(ctx, d.table, shard, d.until, 100, at.cursor)
		if err != nil {
			d.errs = append(d.errs, fmt.Errorf("due in shard %d: %w", shard, unavailable(err)))
			at.done = true
			return
		}
		at.items, at.cursor, at.done = page.Items, page.Next, page.Next == ""
	}
}
