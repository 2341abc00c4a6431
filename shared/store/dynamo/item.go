package dynamo

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"postern/shared/store"
)

// The attributes of an item. Its fields stand each under fieldPrefix and its name, apart from these. What is not known is
// left alone: newer code, or AWS (global tables), may add some.
const (
	attrPartition = "pk"
	attrSort      = "sk"
	attrVersion   = "v"     // number; see store.Item
	attrCommit    = "c"     // id of the commit, or the taking, that wrote the item
	attrExpires   = "ttl"   // seconds since 1970; absent: never. The table's time to live
	attrDue       = "due"   // milliseconds since 1970; absent, with shard: not in the due index, which is sparse
	attrShard     = "shard" // number; store.Key.Shard
	fieldPrefix   = "f."

	dueIndex = "due" // partition key shard, sort key due
)

type attributes = map[string]types.AttributeValue

func textOf(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func numberOf(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func keyOf(k store.Key) attributes {
	return attributes{attrPartition: textOf(k.Partition), attrSort: textOf(k.Sort)}
}

// dueKeyOf is where the due index goes on behind an item.
func dueKeyOf(k store.Key, due time.Time) attributes {
	a := keyOf(k)
	a[attrDue], a[attrShard] = numberOf(due.UnixMilli()), numberOf(int64(k.Shard()))
	return a
}

func encode(i store.Item, version int64, commit string) attributes {
	a := keyOf(i.Key)
	if !i.Due.IsZero() {
		a = dueKeyOf(i.Key, i.Due)
	}
	a[attrVersion], a[attrCommit] = numberOf(version), textOf(commit)
	if !i.Expires.IsZero() {
		a[attrExpires] = numberOf(i.Expires.Unix())
	}
	for name, v := range i.Fields {
		switch v := v.(type) {
		case store.Text:
			a[fieldPrefix+name] = textOf(string(v))
		case store.Number:
			a[fieldPrefix+name] = numberOf(int64(v))
		case store.Bytes:
			a[fieldPrefix+name] = &types.AttributeValueMemberB{Value: append([]byte{}, v...)}
		case store.Bool:
			a[fieldPrefix+name] = &types.AttributeValueMemberBOOL{Value: bool(v)}
		}
	}
	return a
}

var errForeign = errors.New("dynamo: stored item is not of our form")

// decode reads an item, or the part of one that is its key.
func decode(t store.Table, a attributes) (store.Item, error) {
	r := reader{a: a}
	i := store.Item{
		Key:     store.Key{Table: t, Partition: r.text(attrPartition), Sort: r.text(attrSort)},
		Version: r.number(attrVersion), CommitID: r.text(attrCommit), Fields: store.Fields{},
	}
	if s := r.number(attrExpires); a[attrExpires] != nil {
		i.Expires = time.Unix(s, 0).UTC()
	}
	if ms := r.number(attrDue); a[attrDue] != nil {
		i.Due = time.UnixMilli(ms).UTC()
	}
	for name, v := range a {
		field, ok := strings.CutPrefix(name, fieldPrefix)
		if !ok {
			continue
		}
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			i.Fields[field] = store.Text(v.Value)
		case *types.AttributeValueMemberN:
			i.Fields[field] = store.Number(r.number(name))
		case *types.AttributeValueMemberB:
			i.Fields[field] = store.Bytes(append([]byte{}, v.Value...))
		case *types.AttributeValueMemberBOOL:
			i.Fields[field] = store.Bool(v.Value)
		default:
			r.foreign = true
		}
	}
	if r.foreign || store.CheckKey(i.Key) != nil {
		return store.Item{}, errForeign
	}
	return i, nil
}

// reader reads attributes; an absent one is zero, and one of another kind makes the item foreign.
type reader struct {
	a       attributes
	foreign bool
}

func (r *reader) text(name string) string {
	switch v := r.a[name].(type) {
	case nil:
	case *types.AttributeValueMemberS:
		return v.Value
	default:
		r.foreign = true
	}
	return ""
}

func (r *reader) number(name string) int64 {
	switch v := r.a[name].(type) {
	case nil:
	case *types.AttributeValueMemberN:
		n, err := strconv.ParseInt(v.Value, 10, 64)
		r.foreign = r.foreign || err != nil
		return n
	default:
		r.foreign = true
	}
	return 0
}

// wroteBy reports whether the commit, or taking, with that id wrote the item.
func wroteBy(a attributes, id string) bool {
	r := reader{a: a}
	return r.text(attrCommit) == id
}
