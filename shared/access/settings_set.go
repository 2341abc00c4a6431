package access

import (
	"context"
	"io"
	"slices"
	"strconv"
	"time"
)

// Settings gives an account's settings. ErrNotFound.
func (s *Service) Settings(ctx context.Context, accountID string) (Settings, error) {
	a, err := s.loadAccount(ctx, accountID)
	if err != nil {
		return Settings{}, err
	}
	return a.Settings, nil
}

// MaxSupportContact is the longest support contact, in characters.
const MaxSupportContact = 200

// Languages lists the tags of the languages that an account can have.
func Languages() []string { return []string{"en"} }

func (c Settings) check() error {
	bad := slices.Concat(checkName("name", c.Name, MaxName, true), checkName("supportContact", c.SupportContact, MaxSupportContact, false),
		checkName("mailFromName", c.MailFromName, MaxName, false))
	if !slices.Contains(Languages(), c.Language) {
		bad = append(bad, FieldError{Field: "language", Code: "unknown_value"})
	}
	if len(bad) > 0 {
		return &InputError{bad}
	}
	return nil
}

// SetSettings replaces an account's settings as a whole. [InputError]; ErrNotFound.
func (s *Service) SetSettings(ctx context.Context, by Actor, accountID string, c Settings) (Settings, error) {
	if err := c.check(); err != nil {
		return Settings{}, err
	}
	return commit(ctx, s, func(now time.Time) (Settings, changes, error) {
		a, err := s.loadAccount(ctx, accountID)
		if err != nil {
			return Settings{}, nil, err
		}
		return decideSetSettings(a, by, c, now, s.random)
	})
}

func decideSetSettings(a *account, by Actor, c Settings, now time.Time, random io.Reader) (Settings, changes, error) {
	var details []detail
	for _, f := range []struct{ name, from, to string }{
		{"name", a.Settings.Name, c.Name}, {"supportContact", a.Settings.SupportContact, c.SupportContact},
		{"language", a.Settings.Language, c.Language}, {"mailFromName", a.Settings.MailFromName, c.MailFromName},
	} {
		if f.from != f.to {
			details = append(details, detail{f.name, strconv.Quote(f.from) + " -> " + strconv.Quote(f.to)})
		}
	}
	if len(details) == 0 {
		return a.Settings, nil, nil
	}
	a.Settings = c
	n, err := newNotice(NoticeSettingsChanged, by, a.ID, "", now, random, details...)
	if err != nil {
		return Settings{}, nil, err
	}
	return a.Settings, changes{put(a), put(n)}, nil
}
