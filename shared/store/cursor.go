package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// A cursor is where a page ended: a byte with its kind, which is the version of its form too, and the position. All
// adapters write the same, so that each refuses the same.
const (
	queryCursor byte = 'q' // then the sort key
	dueCursor   byte = 'd' // then the due time in ms (8 bytes, big-endian), the partition behind its length (2), the sort key
)

// QueryCursor is the Next of a page of [Store.Query] that ended at sort.
func QueryCursor(sort string) string { return sealCursor(append([]byte{queryCursor}, sort...)) }

// OpenQueryCursor gives the sort key after which q goes on; empty when it begins. It is one that q could have ended at,
// To included; any other cursor is an error that wraps ErrInvalid.
func OpenQueryCursor(q Query) (sort string, err error) {
	if q.Cursor == "" {
		return "", nil
	}
	raw, err := openCursor(q.Cursor, queryCursor)
	if err != nil {
		return "", err
	}
	sort = string(raw)
	inside := strings.HasPrefix(sort, q.Prefix) && sort >= q.From && (q.To == "" || sort <= q.To)
	if !inside || CheckKey(Key{q.Table, q.Partition, sort}) != nil {
		return "", errCursor
	}
	return sort, nil
}

// DueCursor is the Next of a page of [Store.Due] that ended at the item with that key and due time.
func DueCursor(k Key, due time.Time) string {
	b := binary.BigEndian.AppendUint64([]byte{dueCursor}, uint64(due.UnixMilli()))
	b = binary.BigEndian.AppendUint16(b, uint16(len(k.Partition)))
	return sealCursor(append(append(b, k.Partition...), k.Sort...))
}

// OpenDueCursor gives key and due time of the item after which a question to a due index goes on, if cursor is not empty.
// It is an item of that shard that is due at until or before; any other cursor is an error that wraps ErrInvalid.
func OpenDueCursor(cursor string, t Table, shard int, until time.Time) (k Key, due time.Time, err error) {
	raw, err := openCursor(cursor, dueCursor)
	if err != nil {
		return Key{}, time.Time{}, err
	}
	if len(raw) < 10 {
		return Key{}, time.Time{}, errCursor
	}
	due = time.UnixMilli(int64(binary.BigEndian.Uint64(raw))).UTC()
	n, rest := int(binary.BigEndian.Uint16(raw[8:])), raw[10:]
	if n > len(rest) {
		return Key{}, time.Time{}, errCursor
	}
	k = Key{t, string(rest[:n]), string(rest[n:])}
	if CheckKey(k) != nil || k.Shard() != shard || due.After(until) {
		return Key{}, time.Time{}, errCursor
	}
	return k, due, nil
}

var errCursor = fmt.Errorf("%w: malformed cursor", ErrInvalid)

func sealCursor(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func openCursor(cursor string, kind byte) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) == 0 || raw[0] != kind {
		return nil, errCursor
	}
	return raw[1:], nil
}
