// Package chain numbers, hashes and verifies the System Notifications log: an edit, a deletion, an insertion, a swap and a cut
// tail each show, and where.
//
// # How a log is sealed
//
// The entries of an account are numbered from 1 in the order in which they are sealed, which is that of their times but for
// entries that were committed late. The hash of an entry covers its content, its number and the hash of the entry before
// it. The last number and hash are the [Head], which is signed with a key outside the store: who can write to the store, but
// not sign, can change nothing up to the head without a [Verifier] finding it.
//
// # What it does not show
//
// Entries that wait to be sealed are not protected yet. And who puts back an earlier state of a whole log, with the head that
// was signed then, shows something that was true once: only a head, or an export, that was kept elsewhere tells.
//
// Nothing here knows how entries are stored or who may read them.
package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// Version is the version of the encoding that entries are sealed under today. A new field of entries needs a new one; entries
// sealed under an older version must then not have the field.
const Version = 1

// Hash is a SHA-256 hash. That of the entry before the first is all zero.
type Hash [sha256.Size]byte

// Entry is the content of an entry: everything that people are shown of it, and where it stands.
type Entry struct {
	Account    string
	ID         string    // its key in the log
	At         time.Time // whole milliseconds; what is finer is not covered
	Type       string
	Actor      string
	OperatorID string // may be empty
	Detail     map[string]string
}

// Sealed is an entry in its place in the chain.
type Sealed struct {
	Entry
	Version int   // of the encoding
	Seq     int64 // from 1
	Prev    Hash  // of the entry before
	Hash    Hash  // of this one
}

// Seal puts an entry at the end of the chain that before leads to (the zero Head but for its Account: a new chain), and gives the
// head after it.
func Seal(before Head, e Entry, now time.Time) (Sealed, Head) {
	s := Sealed{Entry: e, Version: Version, Seq: before.Seq + 1, Prev: before.Hash}
	var c encoder
	s.Hash = c.hash(&s)
	return s, Head{Account: before.Account, Seq: s.Seq, Hash: s.Hash, At: now}
}

// Head is the end of an account's chain.
type Head struct {
	Account string
	Seq     int64     // of the last sealed entry; 0: nothing is sealed yet
	Hash    Hash      // of that entry
	At      time.Time // when it was sealed; whole milliseconds
}

// SignedHead is a head and the signature of its Bytes.
type SignedHead struct {
	Head
	Signature []byte
}

// Domains keep what is hashed, and what is signed, apart from everything else that ever is.
const (
	entryDomain = "postern notice"
	headDomain  = "postern notices head"
)

// Bytes is what is signed of a head.
func (h Head) Bytes() []byte {
	b := appendText(nil, headDomain)
	b = append(b, Version)
	b = appendText(b, h.Account)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Seq))
	b = append(b, h.Hash[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(h.At.UnixMilli()))
}

// encoder makes the bytes that are hashed. It keeps its memory from entry to entry.
type encoder struct {
	b     []byte
	names []string
}

// hash computes the hash that s must have. Every field has a fixed length or its length before it, so no two entries give the
// same bytes.
func (c *encoder) hash(s *Sealed) Hash {
	b := appendText(c.b[:0], entryDomain)
	b = append(b, byte(s.Version))
	b = append(b, s.Prev[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Seq))
	b = appendText(b, s.Account)
	b = appendText(b, s.ID)
	b = binary.BigEndian.AppendUint64(b, uint64(s.At.UnixMilli()))
	b = appendText(b, s.Type)
	b = appendText(b, s.Actor)
	b = appendText(b, s.OperatorID)
	c.names = c.names[:0]
	for name := range s.Detail {
		c.names = append(c.names, name)
	}
	slices.Sort(c.names)
	b = binary.AppendUvarint(b, uint64(len(c.names)))
	for _, name := range c.names {
		b = appendText(b, name)
		b = appendText(b, s.Detail[name])
	}
	c.b = b
	return sha256.Sum256(b)
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
