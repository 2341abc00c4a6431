package store

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode/utf8"

	"postern/shared/limit"
)

// What every adapter must refuse, and what all must agree on, stands here.

const maxKeyBytes = 1024

// CheckKey refuses a key that no store can keep. The error wraps ErrInvalid.
func CheckKey(k Key) error {
	switch {
	case k.Table == "":
		return fmt.Errorf("%w: no table", ErrInvalid)
	case k.Partition == "" || k.Sort == "":
		return fmt.Errorf("%w: empty key in %s", ErrInvalid, k.Table)
	case len(k.Partition) > maxKeyBytes || len(k.Sort) > maxKeyBytes:
		return fmt.Errorf("%w: key of more than %d bytes in %s", ErrInvalid, maxKeyBytes, k.Table)
	case !utf8.ValidString(k.Partition) || !utf8.ValidString(k.Sort):
		return fmt.Errorf("%w: key is not UTF-8 in %s", ErrInvalid, k.Table)
	}
	return nil
}

// CheckGet refuses keys that cannot be read. The error wraps ErrInvalid.
func CheckGet(keys []Key) error {
	if len(keys) == 0 || len(keys) > MaxChanges {
		return fmt.Errorf("%w: get of %d keys", ErrInvalid, len(keys))
	}
	for _, k := range keys {
		if err := CheckKey(k); err != nil {
			return err
		}
	}
	return nil
}

// CheckCommit refuses what no store can commit. The error wraps ErrInvalid.
func CheckCommit(id string, changes []Change) error {
	if id == "" || len(changes) == 0 || len(changes) > MaxChanges {
		return fmt.Errorf("%w: commit %q of %d changes", ErrInvalid, id, len(changes))
	}
	seen := make(map[Key]bool, len(changes))
	for _, c := range changes {
		if err := CheckKey(c.Item.Key); err != nil {
			return err
		}
		if seen[c.Item.Key] {
			return fmt.Errorf("%w: an item of %s stands twice in one commit", ErrInvalid, c.Item.Table)
		}
		seen[c.Item.Key] = true
		senseless := c.Op == OpCheck && c.Expect == Any || c.Op == OpDelete && c.Expect == Absent
		if c.Op < OpPut || c.Op > OpCheck || c.Expect < Any || senseless {
			return fmt.Errorf("%w: operation %d with expectation %d", ErrInvalid, c.Op, c.Expect)
		}
		if c.Op != OpPut {
			continue
		}
		for name, v := range c.Item.Fields {
			if name == "" || strings.Trim(name, fieldCharacters) != "" {
				return fmt.Errorf("%w: field name %q", ErrInvalid, name)
			}
			switch v := v.(type) {
			case Text:
				if !utf8.ValidString(string(v)) {
					return fmt.Errorf("%w: field %s is not UTF-8", ErrInvalid, name)
				}
			case Number, Bytes, Bool:
			default: // nil, and what has the method because it holds or points to a value
				return fmt.Errorf("%w: field %s holds a %T", ErrInvalid, name, v)
			}
		}
		if n := c.Item.Size(); n > MaxItemBytes {
			return fmt.Errorf("%w: item of %d bytes in %s", ErrInvalid, n, c.Item.Table)
		}
	}
	return nil
}

const fieldCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

// CheckQuery refuses a query that no store can answer. The error wraps ErrInvalid.
func CheckQuery(q Query) error {
	switch {
	case q.Table == "" || q.Partition == "":
		return fmt.Errorf("%w: query without table or partition", ErrInvalid)
	case q.Limit < 1 || q.Limit > 1000:
		return fmt.Errorf("%w: query for %d items", ErrInvalid, q.Limit)
	case q.Prefix != "" && (q.From != "" || q.To != ""):
		return fmt.Errorf("%w: query by prefix and range", ErrInvalid)
	}
	for _, part := range []string{q.Partition, q.Prefix, q.From, q.To} {
		if len(part) > maxKeyBytes || !utf8.ValidString(part) {
			return fmt.Errorf("%w: query in %s by what no key can be", ErrInvalid, q.Table)
		}
	}
	return nil
}

// CheckDue refuses a question to the due index that no store can answer. The error wraps ErrInvalid.
func CheckDue(table Table, shard, limit int) error {
	if table == "" || shard < 0 || shard >= DueShards || limit < 1 || limit > 1000 {
		return fmt.Errorf("%w: due in shard %d of %q, %d items", ErrInvalid, shard, table, limit)
	}
	return nil
}

// CheckTake refuses to take what no budget has. The error wraps ErrInvalid.
func CheckTake(b limit.Budget, n int) error {
	if n > b.Burst {
		return fmt.Errorf("%w: take %d of a budget of %d", ErrInvalid, n, b.Burst)
	}
	return CheckGive(b, n)
}

// CheckGive refuses to give nothing, or to a budget that makes no sense. The error wraps ErrInvalid.
func CheckGive(b limit.Budget, n int) error {
	if n < 1 || b.Burst < 1 || b.Every <= 0 {
		return fmt.Errorf("%w: %d of a budget of %d, one in %s", ErrInvalid, n, b.Burst, b.Every)
	}
	return CheckKey(Counter(b))
}

// Size is how large the item is as DynamoDB counts: names and values in UTF-8 or bytes; numbers and the attributes that
// adapters add at their largest.
func (i Item) Size() int {
	const own, number = 160, 21
	n := own + len(i.Partition) + len(i.Sort)
	for name, v := range i.Fields {
		n += len(name) + 2
		switch v := v.(type) {
		case Text:
			n += len(v)
		case Bytes:
			n += len(v)
		case Number:
			n += number
		case Bool:
			n++
		}
	}
	return n
}

// Shard is where an item stands in the due index of its table.
func (k Key) Shard() int {
	h := fnv.New32a()
	h.Write([]byte(k.Partition))
	h.Write([]byte{0})
	h.Write([]byte(k.Sort))
	return int(h.Sum32() % DueShards)
}
