package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"postern/shared/chain"
	"postern/shared/store"
)

// NoticeReport is what came of verifying an account's log.
type NoticeReport struct {
	OK       bool       `json:"ok"`       // every sealed entry is the one that was sealed
	Entries  int64      `json:"entries"`  // sealed entries
	Unsealed int64      `json:"unsealed"` // entries that wait to be sealed: not protected yet, and not looked at
	SealedTo int64      `json:"sealedTo"` // number of the signed head; 0: nothing is sealed
	SealedAt *time.Time `json:"sealedAt"` // when the head was signed; null: nothing is sealed
	FirstBad *int64     `json:"firstBad,omitempty"`
	How      chain.How  `json:"how,omitempty"` // in what way it is bad; or HowNoKey
	// PublicKey is what the head's signature verifies under: PEM, PKIX. Empty without a signer.
	PublicKey string `json:"publicKey,omitempty"`
}

// HowNoKey says that the entries lead to the head, but that nobody knows who signed it: the Service has no key.
const HowNoKey chain.How = "no_key"

// VerifyNotices reads the whole log of an account and verifies its chain (behaviour 7.7). ErrNotFound. It changes nothing.
func (s *Service) VerifyNotices(ctx context.Context, accountID string) (NoticeReport, error) {
	a, err := s.loadAccount(ctx, accountID)
	if err != nil {
		return NoticeReport{}, err
	}
	public, err := s.noticeKey(ctx)
	if err != nil {
		return NoticeReport{}, err
	}
	// The head first: all that it covers was committed with it or before, so it is found sealed.
	head, err := s.loadHead(ctx, a.ID)
	if err != nil {
		return NoticeReport{}, err
	}
	v := chain.NewVerifier(a.ID)
	var unsealed int64
	var later []chain.Sealed
	for n, err := range s.notices(ctx, a.ID, "") {
		switch {
		case err != nil:
			return NoticeReport{}, err
		case n.Seq == 0:
			unsealed++
		case n.Seq > head.Seq:
			later = append(later, n.sealed())
		default:
			v.Add(n.sealed())
		}
	}
	// What is beyond the head was sealed while this read, or has no business to be there.
	sealedTo := head.Seq
	if len(later) > 0 {
		if sealedTo, err = s.sealedTo(ctx, a.ID, public); err != nil {
			return NoticeReport{}, err
		}
	}
	for _, in := range later {
		if in.Seq <= sealedTo {
			unsealed++
		} else {
			v.Add(in)
		}
	}
	r := NoticeReport{Entries: v.Entries(), Unsealed: unsealed, SealedTo: head.Seq, PublicKey: publicPEM(public)}
	if head.Seq > 0 {
		r.SealedAt = &head.At
	}
	bad := v.Check(head.chain(), public == nil || head.signed(public))
	if bad == nil && r.Entries+unsealed == 0 { // the making of the account is noted
		bad = &chain.Bad{Seq: 1, How: chain.Missing}
	}
	switch {
	case bad != nil:
		r.FirstBad, r.How = &bad.Seq, bad.How
	case public == nil && head.Seq > 0:
		r.How = HowNoKey
	default:
		r.OK = true
	}
	return r, nil
}

// loadHead loads the head of an account's log. One that cannot be read counts as none.
func (s *Service) loadHead(ctx context.Context, accountID string) (*noticeHead, error) {
	h := &noticeHead{AccountID: accountID}
	if err := s.get(ctx, h); errors.Is(err, errFieldType) {
		s.log.ErrorContext(ctx, "the head of a log cannot be read", "account", accountID, "error", err)
		return &noticeHead{AccountID: accountID}, nil
	} else if err != nil {
		return nil, fmt.Errorf("load head: %w", err)
	}
	return h, nil
}

// sealedTo is the number of the head as it is now; 0 if its signature is wrong.
func (s *Service) sealedTo(ctx context.Context, accountID string, public *ecdsa.PublicKey) (int64, error) {
	head, err := s.loadHead(ctx, accountID)
	if err != nil || public != nil && !head.signed(public) {
		return 0, err
	}
	return head.Seq, nil
}

func publicPEM(public *ecdsa.PublicKey) string {
	if public == nil {
		return ""
	}
	raw, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "" // it was parsed from that form
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: raw}))
}

// notices gives the notices of an account by time, those after an ID. One that cannot be read, which no commit leaves behind, comes
// with its number if it has one, and fits no hash; without a number it is left out, and missing in the chain.
func (s *Service) notices(ctx context.Context, accountID, after string) iter.Seq2[*notice, error] {
	return func(yield func(*notice, error) bool) {
		q := noticesOf(accountID)
		q.Limit = 1000
		if after != "" {
			q.From = after + "\x00"
		}
		for page, err := range s.pages(ctx, q) {
			if err != nil {
				yield(nil, fmt.Errorf("query notices: %w", unavailable(err)))
				return
			}
			for _, item := range page.Items {
				n := &notice{AccountID: accountID, ID: item.Sort}
				if err := s.decode(ctx, item, n); errors.Is(err, errFieldType) {
					seq, _ := item.Fields["seq"].(store.Number)
					s.log.ErrorContext(ctx, "a notice cannot be read", "account", accountID, "seq", int64(seq), "error", err)
					if seq <= 0 {
						continue
					}
					n = &notice{AccountID: accountID, ID: item.Sort, Seq: int64(seq)}
				} else if err != nil {
					yield(nil, err)
					return
				}
				if !yield(n, nil) {
					return
				}
			}
		}
	}
}

// pages gives the pages of a query. The next is read while one is worked on: half of the time that a long log takes is the store's.
func (s *Service) pages(ctx context.Context, q store.Query) iter.Seq2[store.Page, error] {
	return func(yield func(store.Page, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var reading sync.WaitGroup
		defer reading.Wait() // nothing is asked of the store once this has returned
		defer cancel()
		var page store.Page
		var err error
		read := func() { page, err = s.store.Query(ctx, q) }
		reading.Go(read)
		for {
			reading.Wait()
			now, failed := page, err
			if q.Cursor = now.Next; q.Cursor != "" && failed == nil {
				reading.Go(read)
			}
			if !yield(now, failed) || failed != nil || now.Next == "" {
				return
			}
		}
	}
}
