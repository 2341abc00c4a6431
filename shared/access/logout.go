package access

import (
	"context"
	"time"

	"postern/shared/secret"
)

// Logout ends whichever of the three is there.
type Logout struct{ Session, Pending, Replacement secret.Text }

// Logout ends a session, a pending login and a replacement prompt on the server (behaviour 1.7). It does not tell which
// there were.
func (s *Service) Logout(ctx context.Context, c Logout) error {
	_, err := commit(ctx, s, func(time.Time) (struct{}, changes, error) {
		var found []record
		var check []func() bool
		if b, value, ok := parseBearer(bearerSession, c.Session); ok {
			r := &session{bearer: b}
			found, check = append(found, r), append(check, func() bool { return r.exists() && r.holds(value) })
		}
		if b, value, ok := parseBearer(bearerPending, c.Pending); ok {
			r := &pendingLogin{bearer: b}
			found, check = append(found, r), append(check, func() bool { return r.exists() && r.holds(value) })
		}
		if b, value, ok := parseBearer(bearerReplacement, c.Replacement); ok {
			r := &replacement{bearer: b}
			found, check = append(found, r), append(check, func() bool { return r.exists() && r.holds(value) })
		}
		if len(found) == 0 {
			return struct{}{}, nil, nil
		}
		if err := s.get(ctx, found...); err != nil {
			return struct{}{}, nil, err
		}
		var done changes
		for i, r := range found {
			if check[i]() {
				done.add(removeAny(r))
			}
		}
		return struct{}{}, done, nil
	})
	return err
}
