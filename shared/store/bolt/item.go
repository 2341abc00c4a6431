package bolt

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"postern/shared/store"
)

// An item is stored as: a byte with the version of this form; its version and dates as varints; its commit id; the number of
// its fields; for each, in the order of their names, the name, a byte with the type, and the value. Texts and bytes stand
// behind their length.
const itemVersion = 1

// Types of values.
const (
	typeText byte = iota + 1
	typeNumber
	typeBytes
	typeFalse
	typeTrue
)

var errCorrupt = errors.New("bolt: stored item is damaged")

func encode(i store.Item) []byte {
	b := make([]byte, 1, 256)
	b[0] = itemVersion
	b = binary.AppendVarint(b, i.Version)
	b = appendTime(b, i.Expires, time.Time.Unix)
	b = appendTime(b, i.Due, time.Time.UnixMilli)
	b = appendText(b, i.CommitID)
	b = binary.AppendUvarint(b, uint64(len(i.Fields)))
	for _, name := range slices.Sorted(maps.Keys(i.Fields)) {
		b = appendText(b, name)
		switch v := i.Fields[name].(type) {
		case store.Text:
			b = appendText(append(b, typeText), string(v))
		case store.Number:
			b = binary.AppendVarint(append(b, typeNumber), int64(v))
		case store.Bytes:
			b = appendText(append(b, typeBytes), string(v))
		case store.Bool:
			if v {
				b = append(b, typeTrue)
			} else {
				b = append(b, typeFalse)
			}
		}
	}
	return b
}

// appendTime writes 0 for the zero time, else 1 and the time.
func appendTime(b []byte, t time.Time, unit func(time.Time) int64) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), unit(t))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes an encoded item apart; the first thing that does not fit sets bad, and all later reads give zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) time(unit func(int64) time.Time) time.Time {
	switch r.byte() {
	case 0:
	case 1:
		return unit(r.varint()).UTC()
	default:
		r.bad = true
	}
	return time.Time{}
}

// decode copies everything out of raw, which is the database's memory.
func decode(k store.Key, raw []byte) (store.Item, error) {
	r := &reader{b: raw}
	if r.byte() != itemVersion {
		return store.Item{}, errCorrupt
	}
	i := store.Item{Key: k, Version: r.varint()}
	i.Expires = r.time(func(s int64) time.Time { return time.Unix(s, 0) })
	i.Due = r.time(time.UnixMilli)
	i.CommitID = r.text()
	n := r.uvarint()
	if n > uint64(len(r.b)) { // each field takes a byte and more
		return store.Item{}, errCorrupt
	}
	i.Fields = make(store.Fields, n)
	for range n {
		name := r.text()
		switch r.byte() {
		case typeText:
			i.Fields[name] = store.Text(r.text())
		case typeNumber:
			i.Fields[name] = store.Number(r.varint())
		case typeBytes:
			i.Fields[name] = store.Bytes(r.text())
		case typeFalse:
			i.Fields[name] = store.Bool(false)
		case typeTrue:
			i.Fields[name] = store.Bool(true)
		default:
			r.bad = true
		}
		if r.bad {
			return store.Item{}, errCorrupt
		}
	}
	if r.bad || len(r.b) > 0 || uint64(len(i.Fields)) != n || i.Version < 0 {
		return store.Item{}, errCorrupt
	}
	return i, nil
}
