package access

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"postern/shared/keys"
)

// Cursors go out to clients and come back: they are sealed to the list, the account and the filter that they belong to, so
// that a forged or foreign one is refused (api.md "Conventions").

const cursorMAC = 16

// sealCursor makes a cursor of a position; of none, none.
func (s *Service) sealCursor(ctx context.Context, position string, list ...string) (string, error) {
	if position == "" {
		return "", nil
	}
	mac, err := s.keys.Derive(ctx, append(keys.Context{"cursor", position}, list...))
	if err != nil {
		return "", fmt.Errorf("seal cursor: %w", unavailable(err))
	}
	return base64.RawURLEncoding.EncodeToString(append(mac[:cursorMAC:cursorMAC], position...)), nil
}

// openCursor gives the position that a cursor of that list holds. [InputError] about "cursor" if it is not one.
func (s *Service) openCursor(ctx context.Context, cursor string, list ...string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= cursorMAC || len(raw) > 4096 || strings.ContainsAny(cursor, "\r\n") { // which decoding would pass over
		return "", &InputError{[]FieldError{{Field: "cursor", Code: "invalid_cursor"}}}
	}
	position := string(raw[cursorMAC:])
	mac, err := s.keys.Derive(ctx, append(keys.Context{"cursor", position}, list...))
	if err != nil {
		return "", fmt.Errorf("open cursor: %w", unavailable(err))
	}
	if !hmac.Equal(mac[:cursorMAC], raw[:cursorMAC]) {
		return "", &InputError{[]FieldError{{Field: "cursor", Code: "invalid_cursor"}}}
	}
	return position, nil
}

// Sizes of pages.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// pageSize reads a limit: 0 is the default. [InputError] about "limit" outside 1 to MaxPageSize.
func pageSize(limit int) (int, error) {
	switch {
	case limit == 0:
		return DefaultPageSize, nil
	case limit < 0 || limit > MaxPageSize:
		return 0, &InputError{[]FieldError{{"limit", "out_of_range", map[string]string{"min": "1", "max": strconv.Itoa(MaxPageSize)}}}}
	}
	return limit, nil
}
