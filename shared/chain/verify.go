package chain

import "fmt"

// How says in what way an entry is bad.
type How string

// The ways.
const (
	// Altered: the content of the entry does not fit its hash.
	Altered How = "altered"
	// Replaced: the entry fits its own hash, and what comes after was chained to another. If everything after it was made anew as
	// well, this is told of the last entry, which is then not the one that was signed; the first that was changed stands before it.
	Replaced How = "replaced"
	// Missing: no entry has the number.
	Missing How = "missing"
	// Repeated: more than one entry has the number.
	Repeated How = "repeated"
	// Unsigned: the number is above that of the signed head.
	Unsigned How = "unsigned"
	// BadSignature: the signature of the head, which stands at that number, is wrong.
	BadSignature How = "bad_signature"
)

// Bad is the first bad entry of a log: the one with the lowest number.
type Bad struct {
	Seq int64
	How How
}

func (b Bad) String() string {
	switch b.How {
	case Altered:
		return fmt.Sprintf("entry %d was altered", b.Seq)
	case Replaced:
		return fmt.Sprintf("entry %d, or one before it, was replaced", b.Seq)
	case Missing:
		return fmt.Sprintf("entry %d is missing", b.Seq)
	case Repeated:
		return fmt.Sprintf("entry %d stands there more than once", b.Seq)
	case Unsigned:
		return fmt.Sprintf("entry %d was inserted: the signed head is before it", b.Seq)
	case BadSignature:
		return fmt.Sprintf("the signature of the head, at entry %d, is wrong", b.Seq)
	}
	return fmt.Sprintf("entry %d: %s", b.Seq, b.How)
}

// Verifier verifies the chain of one account: Add every sealed entry, then Check. It is not safe for concurrent use.
//
// Entries may come in any order. In the order of their numbers they need no memory; one that comes before its turn is
// remembered, with some 100 bytes, until those before it have come.
type Verifier struct {
	account string
	next    int64 // the lowest number that has not come
	last    Hash  // of the entry before next
	ahead   map[int64]link
	entries int64
	bad     *Bad
	encoder encoder
}

// link is what the rest of a chain needs to know of an entry.
type link struct {
	prev, hash Hash
	altered    bool // then prev means nothing
}

// NewVerifier begins to verify the log of an account.
func NewVerifier(account string) *Verifier {
	return &Verifier{account: account, next: 1, ahead: map[int64]link{}}
}

// Entries is how many entries were added.
func (v *Verifier) Entries() int64 { return v.entries }

// Add takes the next sealed entry. What it says its Account is does not count: it stands in this one.
func (v *Verifier) Add(s Sealed) {
	v.entries++
	s.Account = v.account
	l := link{s.Prev, s.Hash, s.Version != Version || v.encoder.hash(&s) != s.Hash}
	if l.altered {
		v.found(s.Seq, Altered)
	}
	_, came := v.ahead[s.Seq]
	switch {
	case s.Seq < v.next || came:
		v.found(s.Seq, Repeated)
	case s.Seq > v.next:
		v.ahead[s.Seq] = l
	default:
		for ok := true; ok; l, ok = v.ahead[v.next] {
			delete(v.ahead, v.next)
			v.follow(l)
		}
	}
}

// follow takes the entry whose turn it is.
func (v *Verifier) follow(l link) {
	if l.prev != v.last && !l.altered {
		// What comes after is what the head vouches for, so the bad one is the one before. Before the first there is none.
		if v.next == 1 {
			v.found(1, Altered)
		} else {
			v.found(v.next-1, Replaced)
		}
	}
	v.last = l.hash
	v.next++
}

// found keeps the first bad entry; of two findings about one, the first.
func (v *Verifier) found(seq int64, how How) {
	if v.bad == nil || seq < v.bad.Seq {
		v.bad = &Bad{seq, how}
	}
}

// Check says, once every entry was added, which is the first bad one, or nil if all entries are those that the head leads to.
// signed says whether the signature of the head was found right; a head with Seq 0 needs none.
func (v *Verifier) Check(head Head, signed bool) *Bad {
	if head.Account != v.account {
		signed = false
	}
	switch {
	case head.Seq > 0 && !signed:
		v.found(head.Seq, BadSignature)
	case v.next > head.Seq+1:
		v.found(head.Seq+1, Unsigned)
	case v.next == head.Seq+1 && v.last != head.Hash && head.Seq > 0:
		v.found(head.Seq, Replaced)
	}
	if v.next <= head.Seq {
		v.found(v.next, Missing)
	} else {
		for seq := range v.ahead {
			v.found(seq, Unsigned)
		}
	}
	return v.bad
}
