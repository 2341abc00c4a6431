package access

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"postern/shared/keys"
	"postern/shared/secret"
	"postern/shared/store"
)

// A record is a stored thing of the domain. Its fields method lists every field once and serves both directions, reading
// and writing, so that the two cannot drift apart.
//
// Records are only ever extended: a new field reads as zero from an old item, and fields that this code does not know (a
// newer version wrote them) are kept and written back.
type record interface {
	key() store.Key
	fields(c *codec)
	base() *stored
}

// stored is what every record carries about the item that it came from. Zero for a new record.
type stored struct {
	item    store.Item // as read; its Version is what a put or delete expects
	known   bool       // whether item was read (also: read and found absent)
	expires time.Time
	due     time.Time
}

func (b *stored) base() *stored { return b }

// exists reports whether the record was found when it was loaded.
func (b *stored) exists() bool { return b.known && b.item.Exists() }

// expect is what a change of the record relies on: what was seen, or that a new record is not there yet.
func (b *stored) expect() store.Expect {
	if !b.known {
		return store.Absent
	}
	return b.item.Seen()
}

// codec reads or writes the fields of one record. Errors are kept and reported at the end.
type codec struct {
	ctx     context.Context
	keys    keys.Keys
	key     store.Key
	reading bool
	in, out store.Fields
	known   map[string]bool // of writing
	err     error
}

func (c *codec) fail(name string, err error) {
	if c.err == nil {
		c.err = fmt.Errorf("field %s of %s: %w", name, c.key.Table, err)
	}
}

var errFieldType = errors.New("unexpected type")

// field handles a field whose stored form is of type V; zero is not stored.
func field[V store.Value, T any](c *codec, name string, p *T, zero bool, read func(V) T, write func(T) V) {
	if !c.reading {
		c.known[name] = true
		if !zero {
			c.out[name] = write(*p)
		}
		return
	}
	switch v := c.in[name].(type) {
	case nil:
		var none T
		*p = none
	case V:
		*p = read(v)
	default:
		c.fail(name, errFieldType)
	}
}

func text[T ~string](c *codec, name string, p *T) {
	field(c, name, p, *p == "", func(v store.Text) T { return T(v) }, func(t T) store.Text { return store.Text(t) })
}

func number[T ~int | ~int64](c *codec, name string, p *T) {
	field(c, name, p, *p == 0, func(v store.Number) T { return T(v) }, func(t T) store.Number { return store.Number(t) })
}

func (c *codec) bool(name string, p *bool) {
	field(c, name, p, !*p, func(v store.Bool) bool { return bool(v) }, func(t bool) store.Bool { return store.Bool(t) })
}

func (c *codec) bytes(name string, p *[]byte) {
	field(c, name, p, len(*p) == 0, func(v store.Bytes) []byte { return v }, func(t []byte) store.Bytes { return t })
}

// time is kept in milliseconds since 1970; the zero time is not stored.
func (c *codec) time(name string, p *time.Time) {
	field(c, name, p, p.IsZero(),
		func(v store.Number) time.Time { return time.UnixMilli(int64(v)).UTC() },
		func(t time.Time) store.Number { return store.Number(t.UnixMilli()) })
}

// secret is kept encrypted, bound to its table, item and field: moved anywhere else it does not decrypt (security.md,
// "Secrets": swapping two operators' values fails closed).
func (c *codec) secret(name string, p *secret.Text) {
	var sealed []byte
	where := keys.Context{"record", string(c.key.Table), c.key.Partition, c.key.Sort, name}
	if !c.reading && !p.Empty() {
		var err error
		if sealed, err = c.keys.Encrypt(c.ctx, []byte(p.Reveal()), where); err != nil {
			c.fail(name, err)
		}
	}
	c.bytes(name, &sealed)
	if c.reading {
		*p = secret.Text{}
		if len(sealed) > 0 {
			plain, err := c.keys.Decrypt(c.ctx, sealed, where)
			if err != nil {
				c.fail(name, err)
				return
			}
			*p = secret.New(string(plain))
		}
	}
}

// list handles a list of a few elements as numbered groups of fields: prefix.0.name and so on.
func list[T any](c *codec, prefix string, p *[]T, each func(prefix string, t *T)) {
	count := len(*p)
	number(c, prefix+".count", &count)
	if c.reading {
		if count < 0 || count > store.MaxItemBytes { // nothing that this code wrote
			c.fail(prefix+".count", errFieldType)
			count = 0
		}
		*p = make([]T, count)
	}
	for i := range *p {
		each(prefix+"."+strconv.Itoa(i)+".", &(*p)[i])
	}
	if c.reading {
		return
	}
	// Elements of a longer list of before must not come back as unknown fields.
	for name := range c.in {
		var i int
		if n, _ := fmt.Sscanf(name, prefix+".%d.", &i); n == 1 {
			c.known[name] = true
		}
	}
}

// encode makes the item of a record.
func (s *Service) encode(ctx context.Context, r record) (store.Item, error) {
	b := r.base()
	c := codec{ctx: ctx, keys: s.keys, key: r.key(), in: b.item.Fields, out: store.Fields{}, known: map[string]bool{}}
	r.fields(&c)
	if c.err != nil {
		return store.Item{}, unavailable(c.err)
	}
	for name, v := range b.item.Fields {
		if !c.known[name] {
			c.out[name] = v
		}
	}
	return store.Item{Key: c.key, Expires: b.expires, Due: b.due, Fields: c.out}, nil
}

// decode fills r from an item that was asked for by r's key; an absent item leaves r new, but remembers that it was absent.
func (s *Service) decode(ctx context.Context, item store.Item, r record) error {
	b := r.base()
	b.item, b.known, b.expires, b.due = item, true, item.Expires, item.Due
	if !item.Exists() {
		return nil
	}
	c := codec{ctx: ctx, keys: s.keys, key: item.Key, reading: true, in: item.Fields}
	r.fields(&c)
	return unavailable(c.err)
}

// get loads records by their keys in one round trip. Those that are absent stay new: ask exists.
func (s *Service) get(ctx context.Context, records ...record) error {
	var none []store.Item
	return s.getWith(ctx, nil, &none, records...)
}

// getWith is get for records and, in the same round trip, for items that are not records.
func (s *Service) getWith(ctx context.Context, others []store.Key, items *[]store.Item, records ...record) error {
	ks := make([]store.Key, 0, len(records)+len(others))
	for _, r := range records {
		ks = append(ks, r.key())
	}
	all, err := s.store.Get(ctx, append(ks, others...)...)
	if err != nil {
		return fmt.Errorf("get: %w", unavailable(err))
	}
	for i, r := range records {
		if err := s.decode(ctx, all[i], r); err != nil {
			return err
		}
	}
	*items = all[len(records):]
	return nil
}

// unavailable marks what may pass, of store and keys, as ErrUnavailable, and leaves other errors as they are.
func unavailable(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, keys.ErrUnavailable) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
