package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/shared/store"
)

// Account is what an operator sees of themselves. It asks the store for nothing more.
func (s *Service) Account(_ context.Context, id *Identity) (AccountView, error) {
	o, a := id.operator, id.account
	v := AccountView{
		SessionView: id.View, Email: o.Email, LastName: o.LastName,
		Password: o.passwordView(o.expiresAt(a)), SupportContact: a.Settings.SupportContact, Policy: a.Policy.passwordView(),
	}
	if o.asksForCode() {
		v.TOTP = TOTPView{
			Enabled: o.TOTP.Enabled, Period: o.TOTP.Period, Digits: o.TOTP.Digits, Source: o.TOTP.Source, Serial: o.TOTP.Serial,
		}
	}
	return v, nil
}

// SessionInfo is one of an operator's sessions, as shown to them (behaviour 1.7).
type SessionInfo struct {
	ID         string      `json:"id"`
	Current    bool        `json:"current"`
	Kind       SessionKind `json:"kind"`
	CreatedAt  time.Time   `json:"createdAt"`
	LastUsedAt time.Time   `json:"lastUsedAt"`
	Address    string      `json:"address"`
	UserAgent  string      `json:"userAgent"`
}

// maxSessions is how many live sessions are shown; the oldest beyond are left out. All can be ended at once.
const maxSessions = 1000

// ListSessions lists the operator's live sessions, those used last first, in pages of limit (0: 50; up to 200).
func (s *Service) ListSessions(ctx context.Context, id *Identity, limit int, cursor string) ([]SessionInfo, string, error) {
	return s.listSessions(ctx, id.operator, id.account, id.SessionID, limit, cursor)
}

// listSessions lists the live sessions of o; current is the id of the one that asks, if one does.
func (s *Service) listSessions(ctx context.Context, o *operator, a *account, current string, limit int, cursor string) ([]SessionInfo, string, error) {
	all, err := s.sessions(ctx, o, a)
	if err != nil {
		return nil, "", err
	}
	from, err := s.openCursor(ctx, cursor, "sessions", o.AccountID, o.ID)
	if err != nil {
		return nil, "", err
	}
	limit, err = pageSize(limit)
	if err != nil {
		return nil, "", err
	}
	infos := []SessionInfo{}
	last := ""
	for _, r := range all {
		position := timeKey(r.LastUsedAt, r.ID)
		if from != "" && position >= from {
			continue
		}
		if len(infos) == limit {
			next, err := s.sealCursor(ctx, last, "sessions", o.AccountID, o.ID)
			return infos, next, err
		}
		infos = append(infos, SessionInfo{
			ID: r.ID, Current: r.ID == current, Kind: r.Kind, CreatedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt,
			Address: r.Address, UserAgent: r.UserAgent,
		})
		last = position
	}
	return infos, "", nil
}

// sessions reads the live sessions of an operator, those used last first.
func (s *Service) sessions(ctx context.Context, o *operator, a *account) ([]*session, error) {
	now := s.now()
	var live []*session
	cursor := ""
	for len(live) < maxSessions {
		page, err := s.store.Query(ctx, store.Query{
			Table: store.Sessions, Partition: partition(o.AccountID, o.ID), Prefix: string(bearerSession), Limit: 200, Cursor: cursor,
		})
		if err != nil {
			return nil, fmt.Errorf("query sessions: %w", unavailable(err))
		}
		for _, item := range page.Items {
			r := &session{bearer: bearer{
				kind: bearerSession, AccountID: o.AccountID, OperatorID: o.ID, ID: strings.TrimPrefix(item.Sort, string(bearerSession)),
			}}
			if err := s.decode(ctx, item, r); err != nil {
				return nil, err
			}
			if now.Before(r.ExpiresAt) && r.CredentialVersion == o.CredentialVersion && !r.CreatedAt.Before(a.ResumedAt) &&
				now.Before(r.LastUsedAt.Add(a.Policy.sessionIdle())) {
				live = append(live, r)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	slices.SortFunc(live, func(x, y *session) int {
		return strings.Compare(timeKey(y.LastUsedAt, y.ID), timeKey(x.LastUsedAt, x.ID))
	})
	return live, nil
}

// EndSession ends one of the operator's own sessions; the current one too, which is the same as logging out. ErrNotFound.
func (s *Service) EndSession(ctx context.Context, id *Identity, sessionID string) error {
	if !isID(sessionID) {
		return ErrNotFound
	}
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		r := &session{bearer: bearer{kind: bearerSession, AccountID: id.View.AccountID, OperatorID: id.View.OperatorID, ID: sessionID}}
		if err := s.get(ctx, r); err != nil {
			return struct{}{}, nil, fmt.Errorf("load session: %w", err)
		}
		if !r.exists() || !now.Before(r.ExpiresAt) || r.CredentialVersion != id.operator.CredentialVersion {
			return struct{}{}, nil, ErrNotFound
		}
		return struct{}{}, changes{removeAny(r)}, nil
	})
	return err
}

// EndOtherSessions ends all of the operator's sessions but the current one, and whatever code or pending login is open, in
// one commit however many there are: it raises the credential version, and lets the current session follow.
func (s *Service) EndOtherSessions(ctx context.Context, id *Identity) error {
	_, err := commit(ctx, s, func(now time.Time) (struct{}, changes, error) {
		fresh, err := s.loadSession(ctx, id.token, now)
		if err != nil {
			return struct{}{}, nil, err
		}
		fresh.operator.CredentialVersion++
		fresh.session.CredentialVersion = fresh.operator.CredentialVersion
		return struct{}{}, changes{put(fresh.operator), put(fresh.session)}, nil
	})
	return err
}
