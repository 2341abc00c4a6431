package access_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/shared/access"
	"postern/shared/access/accesstest"
	"postern/shared/chain"
	"postern/shared/keys"
	"postern/shared/keys/file"
	"postern/shared/store"
)

// note has something noted, n times, a second apart.
func note(p *accesstest.Place, n int) {
	p.T.Helper()
	for range n {
		p.Advance(time.Second)
		p.SetPolicy(func(policy *access.Policy) { policy.MinLength ^= 1 }, false)
	}
}

func seal(p *accesstest.Place, limit, want int) {
	p.T.Helper()
	if n, err := p.Service.SealNotices(p.T.Context(), limit); err != nil || n != want {
		p.T.Fatalf("SealNotices: sealed %d, %v, want %d", n, err, want)
	}
}

// verified tells what VerifyNotices finds, in a line.
func verified(p *accesstest.Place) string {
	p.T.Helper()
	r, err := p.Service.VerifyNotices(p.T.Context(), accesstest.Account)
	if err != nil {
		p.T.Fatalf("VerifyNotices: %v", err)
	}
	at := ""
	if r.FirstBad != nil {
		at = fmt.Sprint(" ", *r.FirstBad)
	}
	if r.How != "" {
		at += " " + string(r.How)
	}
	return fmt.Sprintf("ok %t, %d sealed to %d, %d unsealed%s", r.OK, r.Entries, r.SealedTo, r.Unsealed, at)
}

func wantVerified(p *accesstest.Place, want string) {
	p.T.Helper()
	if got := verified(p); got != want {
		p.T.Errorf("VerifyNotices: %s, want %s", got, want)
	}
}

// exported gives the whole export, its parts joined, and asks between to do something before each further part.
func exported(p *accesstest.Place, between func()) (text string, parts int) {
	p.T.Helper()
	var all bytes.Buffer
	for cursor := ""; ; {
		part, err := p.Service.ExportNotices(p.T.Context(), accesstest.Account, cursor)
		if err != nil {
			p.T.Fatalf("ExportNotices: %v", err)
		}
		parts++
		all.Write(part.CSV)
		if cursor = part.Next; cursor == "" {
			return all.String(), parts
		}
		between()
	}
}

// verifyExport verifies an export as somebody does who has the file and the public key.
func verifyExport(p *accesstest.Place, text string) chain.Report {
	p.T.Helper()
	log, err := p.Service.VerifyNotices(p.T.Context(), accesstest.Account)
	if err != nil {
		p.T.Fatal(err)
	}
	block, _ := pem.Decode([]byte(log.PublicKey))
	if block == nil {
		p.T.Fatalf("public key %q", log.PublicKey)
	}
	public, err := keys.ParsePublicKey(block.Bytes)
	if err != nil {
		p.T.Fatal(err)
	}
	r, err := chain.VerifyExport(strings.NewReader(text), func(h chain.SignedHead) bool {
		return keys.VerifySignature(public, h.Bytes(), h.Signature)
	})
	if err != nil {
		p.T.Fatalf("VerifyExport: %v", err)
	}
	return r
}

func TestSealing(t *testing.T) {
	p := accesstest.New(t)
	wantVerified(p, "ok true, 0 sealed to 0, 1 unsealed")
	note(p, 4)
	seal(p, 3, 3)
	wantVerified(p, "ok true, 3 sealed to 3, 2 unsealed")
	for i, n := range p.Notices() {
		switch {
		case i < 2 && n.Seq != nil:
			t.Errorf("notice %d has number %d before it is sealed", i, *n.Seq)
		case i >= 2 && (n.Seq == nil || *n.Seq != int64(5-i)):
			t.Errorf("notice %d has number %v, want %d", i, n.Seq, 5-i)
		}
	}
	seal(p, 0, 2)
	seal(p, 0, 0)
	wantVerified(p, "ok true, 5 sealed to 5, 0 unsealed")
	log, err := p.Service.VerifyNotices(t.Context(), accesstest.Account)
	if err != nil || log.SealedAt == nil || !log.SealedAt.Equal(p.Now().Truncate(time.Millisecond)) {
		t.Errorf("sealed at %v, %v, want %v", log.SealedAt, err, p.Now())
	}

	// An entry whose commit took its time comes after those that were sealed before it.
	p.Advance(-time.Minute)
	note(p, 1)
	p.Advance(time.Minute)
	seal(p, 0, 1)
	wantVerified(p, "ok true, 6 sealed to 6, 0 unsealed")
	if last := p.Notices()[5]; last.Type != access.NoticePolicyChanged || last.Seq == nil || *last.Seq != 6 {
		t.Errorf("the late notice: %+v", last)
	}
	if _, err := p.Service.VerifyNotices(t.Context(), "nobody"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("VerifyNotices of no account: got %v, want %v", err, access.ErrNotFound)
	}
}

// A backlog of several commits, in all shards, is numbered by time.
func TestSealingABacklog(t *testing.T) {
	p := accesstest.New(t)
	note(p, 250)
	seal(p, 0, 251)
	for i, n := range p.Notices() {
		if n.Seq == nil || *n.Seq != int64(251-i) {
			t.Fatalf("notice %d has number %v", i, n.Seq)
		}
	}
	wantVerified(p, "ok true, 251 sealed to 251, 0 unsealed")
}

// Of two sealers at once each entry is numbered once; both end well.
func TestSealersAtOnce(t *testing.T) {
	p := accesstest.New(t)
	note(p, 120)
	var wg sync.WaitGroup
	sums := make([]int, 4)
	for i := range sums {
		wg.Go(func() {
			n, err := p.Service.SealNotices(t.Context(), 0)
			if err != nil {
				t.Errorf("SealNotices: %v", err)
			}
			sums[i] = n
		})
	}
	wg.Wait()
	if sum := sums[0] + sums[1] + sums[2] + sums[3]; sum != 121 {
		t.Errorf("sealed %v, want 121 together", sums)
	}
	wantVerified(p, "ok true, 121 sealed to 121, 0 unsealed")
}

// What is sealed while somebody verifies is no finding.
func TestVerifyingWhileSealing(t *testing.T) {
	p := accesstest.New(t)
	note(p, 3)
	seal(p, 2, 2)
	once := false
	p.Faults.Before(func(label string) {
		if strings.HasPrefix(label, "store.Query Notices") && !once {
			once = true
			seal(p, 0, 2)
		}
	})
	wantVerified(p, "ok true, 2 sealed to 2, 2 unsealed")
	p.Faults.Before(nil)
	wantVerified(p, "ok true, 4 sealed to 4, 0 unsealed")
}

// A suspended account's log is sealed like any other; one whose head is not as it was signed is left as it is, and keeps nobody
// else waiting.
func TestSealingOtherAccounts(t *testing.T) {
	p := accesstest.New(t)
	seal(p, 0, 1)
	note(p, 1)
	if _, err := p.Service.CreateAccount(t.Context(), access.System, access.CreateAccount{AccountID: "other"}); err != nil {
		t.Fatal(err)
	}
	alter(p, store.Key{Table: store.Accounts, Partition: "other", Sort: "account"}, func(f store.Fields) { f["state"] = store.Text("suspended") })
	alter(p, headKey, func(f store.Fields) { f["at"] = store.Number(1) })
	p.Advance(time.Second)
	n, err := p.Service.SealNotices(t.Context(), 0)
	if n != 1 || err == nil || !strings.Contains(err.Error(), "seal notices of acme: the head of the log is not as it was signed") {
		t.Errorf("sealed %d, %v", n, err)
	}
	wantVerified(p, "ok false, 1 sealed to 1, 1 unsealed 1 bad_signature")
	other, err := p.Service.VerifyNotices(t.Context(), "other")
	if err != nil || !other.OK || other.Entries != 1 {
		t.Errorf("the other account: %+v, %v", other, err)
	}
}

func TestSealingNeedsASigner(t *testing.T) {
	p := accesstest.New(t)
	without := func() *access.Service {
		k, err := file.Open(filepath.Join(t.TempDir(), "keys"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return access.New(access.Config{Store: p.Store, Keys: k, Now: p.Now})
	}()
	if n, err := without.SealNotices(t.Context(), 0); err == nil || n != 0 {
		t.Errorf("SealNotices: sealed %d, %v", n, err)
	}
	r, err := without.VerifyNotices(t.Context(), accesstest.Account)
	if err != nil || !r.OK || r.Unsealed != 1 || r.PublicKey != "" {
		t.Errorf("before anything is sealed: %+v, %v", r, err)
	}
	seal(p, 0, 1)
	r, err = without.VerifyNotices(t.Context(), accesstest.Account)
	if err != nil || r.OK || r.How != access.HowNoKey || r.FirstBad != nil || r.Entries != 1 {
		t.Errorf("of what somebody signed: %+v, %v", r, err)
	}
}

var headKey = store.Key{Table: store.Notices, Partition: accesstest.Account, Sort: "head"}

// alter changes an item in the store as somebody does who can write to it.
func alter(p *accesstest.Place, k store.Key, edit func(store.Fields)) {
	p.T.Helper()
	items, err := p.Store.Get(p.T.Context(), k)
	if err != nil || !items[0].Exists() {
		p.T.Fatalf("get %s: %v", k, err)
	}
	edit(items[0].Fields)
	write(p, store.Put(items[0], store.Any))
}

func write(p *accesstest.Place, changes ...store.Change) {
	p.T.Helper()
	if err := p.Store.Commit(p.T.Context(), rand.Text(), changes...); err != nil {
		p.T.Fatalf("write to the store: %v", err)
	}
}

// items are the stored notices, by time.
func items(p *accesstest.Place) []store.Item {
	p.T.Helper()
	page, err := p.Store.Query(p.T.Context(), store.Query{Table: store.Notices, Partition: accesstest.Account, From: "0", To: ":", Limit: 1000})
	if err != nil {
		p.T.Fatal(err)
	}
	return page.Items
}

// Whatever somebody does to the store itself is found, online and in an export that is made afterwards.
func TestTamperingWithTheStoreIsFound(t *testing.T) {
	base := accesstest.New(t)
	note(base, 9)
	seal(base, 0, 10)
	note(base, 1)
	for _, c := range []struct {
		name string
		do   func(p *accesstest.Place, all []store.Item)
		want string
	}{
		{"nothing", func(*accesstest.Place, []store.Item) {}, "ok true, 10 sealed to 10, 1 unsealed"},
		{"edit of the actor", func(p *accesstest.Place, all []store.Item) {
			alter(p, all[3].Key, func(f store.Fields) { f["actor"] = store.Text("system2") })
		}, "ok false, 10 sealed to 10, 1 unsealed 4 altered"},
		{"edit of the time", func(p *accesstest.Place, all []store.Item) {
			alter(p, all[3].Key, func(f store.Fields) { f["at"] = f["at"].(store.Number) + 1 })
		}, "ok false, 10 sealed to 10, 1 unsealed 4 altered"},
		{"edit of a detail", func(p *accesstest.Place, all []store.Item) {
			alter(p, all[3].Key, func(f store.Fields) { f["detail.0.value"] = store.Text("15 -> 8") })
		}, "ok false, 10 sealed to 10, 1 unsealed 4 altered"},
		{"a detail less", func(p *accesstest.Place, all []store.Item) {
			alter(p, all[3].Key, func(f store.Fields) { f["detail.count"] = store.Number(0) })
		}, "ok false, 10 sealed to 10, 1 unsealed 4 altered"},
		{"details without end", func(p *accesstest.Place, all []store.Item) {
			alter(p, all[3].Key, func(f store.Fields) { f["detail.count"] = store.Number(1 << 60) })
		}, "ok false, 10 sealed to 10, 1 unsealed 4 altered"},
		{"a field of another type", func(p *accesstest.Place, all []store.Item) {
			alter(p, all[3].Key, func(f store.Fields) { f["actor"] = store.Number(1) })
		}, "ok false, 10 sealed to 10, 1 unsealed 4 altered"},
		{"another number", func(p *accesstest.Place, all []store.Item) {
			alter(p, all[3].Key, func(f store.Fields) { f["seq"] = store.Number(40) })
		}, "ok false, 10 sealed to 10, 1 unsealed 4 missing"},
		{"no number", func(p *accesstest.Place, all []store.Item) {
			alter(p, all[3].Key, func(f store.Fields) { delete(f, "seq") })
		}, "ok false, 9 sealed to 10, 2 unsealed 4 missing"},
		{"a longer hash", func(p *accesstest.Place, all []store.Item) {
			alter(p, all[3].Key, func(f store.Fields) { f["hash"] = append(f["hash"].(store.Bytes), 0) })
		}, "ok false, 10 sealed to 10, 1 unsealed 4 altered"},
		{"deletion", func(p *accesstest.Place, all []store.Item) {
			write(p, store.Delete(all[6].Key, store.Any))
		}, "ok false, 9 sealed to 10, 1 unsealed 7 missing"},
		{"insertion of a copy", func(p *accesstest.Place, all []store.Item) {
			all[6].Sort += "x"
			write(p, store.Put(all[6], store.Any))
		}, "ok false, 11 sealed to 10, 1 unsealed 7 altered"},
		{"insertion at the end", func(p *accesstest.Place, all []store.Item) {
			last := all[9]
			last.Sort = all[10].Sort + "x"
			last.Fields["seq"] = store.Number(11)
			write(p, store.Put(last, store.Any))
		}, "ok false, 11 sealed to 10, 1 unsealed 11 altered"},
		{"swap", func(p *accesstest.Place, all []store.Item) {
			all[2].Key, all[5].Key = all[5].Key, all[2].Key
			write(p, store.Put(all[2], store.Any), store.Put(all[5], store.Any))
		}, "ok false, 10 sealed to 10, 1 unsealed 3 altered"},
		{"cut tail", func(p *accesstest.Place, all []store.Item) {
			write(p, store.Delete(all[8].Key, store.Any), store.Delete(all[9].Key, store.Any), store.Delete(all[10].Key, store.Any))
		}, "ok false, 8 sealed to 10, 0 unsealed 9 missing"},
		{"cut tail, and the head moved back", func(p *accesstest.Place, all []store.Item) {
			write(p, store.Delete(all[9].Key, store.Any))
			alter(p, headKey, func(f store.Fields) { f["seq"], f["hash"] = store.Number(9), all[8].Fields["hash"] })
		}, "ok false, 9 sealed to 9, 1 unsealed 9 bad_signature"},
		{"no head", func(p *accesstest.Place, _ []store.Item) {
			write(p, store.Delete(headKey, store.Any))
		}, "ok false, 10 sealed to 0, 1 unsealed 1 unsigned"},
		{"a head that cannot be read", func(p *accesstest.Place, _ []store.Item) {
			alter(p, headKey, func(f store.Fields) { f["seq"] = store.Text("10") })
		}, "ok false, 10 sealed to 0, 1 unsealed 1 unsigned"},
		{"everything deleted", func(p *accesstest.Place, all []store.Item) {
			write(p, store.Delete(headKey, store.Any))
			for _, i := range all {
				write(p, store.Delete(i.Key, store.Any))
			}
		}, "ok false, 0 sealed to 0, 0 unsealed 1 missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := base.Copy(t)
			c.do(p, items(p))
			wantVerified(p, c.want)
			text, _ := exported(p, func() {})
			if bad := verifyExport(p, text).Bad; (bad == nil) != (c.name == "nothing") {
				t.Errorf("in the export: %v", bad)
			}
			// And it stays found: sealing goes on, or refuses to, but buries nothing.
			_, _ = p.Service.SealNotices(t.Context(), 0)
			if got := verified(p); strings.HasPrefix(got, "ok true") != (c.name == "nothing") {
				t.Errorf("after further sealing: %s", got)
			}
		})
	}
}

// Nothing that the tests have ever done, the crash matrix and the random walks included, changes or deletes an entry: each of their commits
// is looked at, and this shows that the look is not a blind one. On DynamoDB no function may delete notices either (infra/template).
func TestNoticesStay(t *testing.T) {
	p := accesstest.New(t)
	note(p, 1)
	all := items(p)
	for what, do := range map[string]func(context.Context, *access.Service, string, string) error{"change": access.ChangeNotice, "delete": access.DeleteNotice} {
		if err := do(t.Context(), p.Service, accesstest.Account, all[0].Sort); !errors.Is(err, accesstest.ErrNoticesStay) {
			t.Errorf("%s: got %v, want %v", what, err, accesstest.ErrNoticesStay)
		}
	}
	seal(p, 0, 2)
	if err := access.ChangeNotice(t.Context(), p.Service, accesstest.Account, all[1].Sort); !errors.Is(err, accesstest.ErrNoticesStay) {
		t.Errorf("change of a sealed one: got %v, want %v", err, accesstest.ErrNoticesStay)
	}
	wantVerified(p, "ok true, 2 sealed to 2, 0 unsealed")
}

// Times beyond all that a notice can have filter as what they are (RFC 3339 ends in the year 9999).
func TestNoticesOfOtherTimes(t *testing.T) {
	p := accesstest.New(t)
	note(p, 3)
	at := func(s string) time.Time {
		t.Helper()
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	long, soon, end := at("0001-01-02T00:00:00Z"), at("2300-01-01T00:00:00Z"), at("9999-12-31T23:59:59Z")
	for _, c := range []struct {
		from, to time.Time
		want     int
	}{
		{long, end, 4}, {long, soon, 4}, {time.Time{}, end, 4}, {time.Time{}, soon, 4}, {end, time.Time{}, 0}, {soon, time.Time{}, 0}, {time.Time{}, long, 0},
		{soon, end, 0}, {end, long, 0}, {p.Now(), p.Now(), 0}, {p.Now(), time.Time{}, 1}, {time.Time{}, p.Now(), 3}, {long, end.AddDate(1, 0, 0), 4},
	} {
		page, err := p.Service.ListNotices(t.Context(), accesstest.Account, access.ListNotices{From: c.from, To: c.to})
		if err != nil || len(page.Items) != c.want {
			t.Errorf("from %s to %s: %d notices, %v, want %d", c.from, c.to, len(page.Items), err, c.want)
		}
	}
}

// A long log is exported in parts, which together verify, also when more is sealed between them.
func TestExportInParts(t *testing.T) {
	p := accesstest.New(t)
	first := items(p)[0]
	for i := range 40 {
		long := first
		long.Sort = fmt.Sprintf("%013d-%d", p.Now().UnixMilli()+int64(i)+1, i)
		long.Due = p.Now().Add(time.Duration(i+1) * time.Millisecond)
		long.Fields = store.Fields{"at": store.Number(long.Due.UnixMilli()), "type": store.Text("account.created"), "actor": store.Text("=1"),
			"detail.count": store.Number(1), "detail.0.name": store.Text("name"), "detail.0.value": store.Text(strings.Repeat(`"ä`, 40<<10))}
		write(p, store.Put(long, store.Absent))
	}
	p.Advance(time.Second)
	seal(p, 30, 30)
	text, parts := exported(p, func() { _, _ = p.Service.SealNotices(t.Context(), 5) })
	if parts < 3 {
		t.Errorf("%d parts of %d bytes together", parts, len(text))
	}
	r := verifyExport(p, text)
	if r.Bad != nil || r.Entries != 30 || r.SealedTo != 30 || r.Unsealed != 11 || r.Account != accesstest.Account {
		t.Errorf("the parts joined: %+v", r)
	}
	wantVerified(p, fmt.Sprintf("ok true, %d sealed to %[1]d, %d unsealed", min(41, 30+5*(parts-1)), max(0, 11-5*(parts-1))))
	var input *access.InputError
	if _, err := p.Service.ExportNotices(t.Context(), accesstest.Account, "forged"); !errors.As(err, &input) {
		t.Errorf("a forged cursor: %v", err)
	}
	if _, err := p.Service.ExportNotices(t.Context(), "nobody", ""); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("no account: got %v, want %v", err, access.ErrNotFound)
	}
}

// BenchmarkVerifyNotices is verifying from the store on, in contrast to the pure part (shared/chain).
func BenchmarkVerifyNotices(b *testing.B) {
	p := accesstest.New(b)
	const entries = 10_000
	first := items(p)[0]
	var puts []store.Change
	for i := range entries - 1 {
		n := first
		n.Sort = fmt.Sprintf("%013d-%d", p.Now().UnixMilli()+int64(i)+1, i)
		n.Due = p.Now()
		if puts = append(puts, store.Put(n, store.Absent)); len(puts) == store.MaxChanges || i == entries-2 {
			write(p, puts...)
			puts = nil
		}
	}
	seal(p, 0, entries)
	for b.Loop() {
		wantVerified(p, fmt.Sprintf("ok true, %d sealed to %[1]d, 0 unsealed", entries))
	}
	b.ReportMetric(float64(entries*b.N)/b.Elapsed().Seconds(), "entries/s")
}
