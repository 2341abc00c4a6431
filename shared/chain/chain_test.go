package chain_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/shared/chain"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

func entry(i int) chain.Entry {
	return chain.Entry{
		Account: "acme", ID: fmt.Sprintf("%013d-x", i), At: start.Add(time.Duration(i) * time.Second), Type: "operator.updated",
		Actor: "operator:o1", OperatorID: "o2", Detail: map[string]string{"email": fmt.Sprint("a@", i), "firstName": "Zoë\r\n=1"},
	}
}

// seal chains entries.
func seal(entries ...chain.Entry) ([]chain.Sealed, chain.Head) {
	head := chain.Head{Account: "acme"}
	var log []chain.Sealed
	for i, e := range entries {
		var s chain.Sealed
		s, head = chain.Seal(head, e, start.Add(time.Hour+time.Duration(i)*time.Second))
		log = append(log, s)
	}
	return log, head
}

func sealed(n int) ([]chain.Sealed, chain.Head) {
	var all []chain.Entry
	for i := range n {
		all = append(all, entry(i+1))
	}
	return seal(all...)
}

func verify(log []chain.Sealed, head chain.Head, signed bool) *chain.Bad {
	v := chain.NewVerifier("acme")
	for _, s := range log {
		v.Add(s)
	}
	return v.Check(head, signed)
}

// What is sealed stays sealed: the bytes that are hashed and signed never change under a version.
func TestEncodingIsForever(t *testing.T) {
	log, head := sealed(2)
	for what, c := range map[string]struct{ got, want string }{
		"hash of the first": {hex.EncodeToString(log[0].Hash[:]), "3e2417173506b6f83dfd3666d17288ccbe81d2bcee6a385bb1fc7c417097e30f"},
		"hash of the next":  {hex.EncodeToString(log[1].Hash[:]), "bd8b156d6c3ed0461983557ba2695d9e9d3e2a2205838ab06723a534183da9e7"},
		"head":              {hex.EncodeToString(head.Bytes()), "14706f737465726e206e6f74696365732068656164010461636d650000000000000002bd8b156d6c3ed0461983557ba2695d9e9d3e2a2205838ab06723a534183da9e7000001a19bb398e8"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", what, c.got, c.want)
		}
	}
}

// tampering is what somebody who can write to the store, but not sign, does to a log of ten, and what is found.
var tampering = []struct {
	name string
	do   func(log []chain.Sealed, head *chain.Head) []chain.Sealed
	want string
}{
	{"nothing", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed { return log }, "<nil>"},
	{"edit", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed { log[3].Actor = "system"; return log }, "entry 4 was altered"},
	{"edit of a detail", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		log[3].Detail = map[string]string{"email": "b@4", "firstName": "Zoë\r\n=1"}
		return log
	}, "entry 4 was altered"},
	{"edit, and its hash made anew", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		return rechain(log, 3, 4)
	}, "entry 4, or one before it, was replaced"},
	{"edit, and three hashes made anew", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		return rechain(log, 3, 6)
	}, "entry 6, or one before it, was replaced"},
	{"edit, and all hashes made anew", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		return rechain(log, 3, 10)
	}, "entry 10, or one before it, was replaced"},
	{"edit, all hashes made anew, and the head", func(log []chain.Sealed, head *chain.Head) []chain.Sealed {
		log = rechain(log, 3, 10)
		head.Hash = log[9].Hash
		return log
	}, "the signature of the head, at entry 10, is wrong"},
	{"deletion of the first", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed { return log[1:] }, "entry 1 is missing"},
	{"deletion", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed { return slices.Delete(log, 6, 7) }, "entry 7 is missing"},
	{"deletion, and the rest numbered anew", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		return rechain(slices.Delete(log, 6, 7), 6, 9)
	}, "entry 10 is missing"},
	{"cut tail", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed { return log[:8] }, "entry 9 is missing"},
	{"cut tail, and the head moved back", func(log []chain.Sealed, head *chain.Head) []chain.Sealed {
		head.Seq, head.Hash = 8, log[7].Hash
		return log[:8]
	}, "the signature of the head, at entry 8, is wrong"},
	{"all cut", func([]chain.Sealed, *chain.Head) []chain.Sealed { return nil }, "entry 1 is missing"},
	{"head deleted", func(log []chain.Sealed, head *chain.Head) []chain.Sealed {
		*head = chain.Head{Account: "acme"}
		return log
	}, "entry 1 was inserted: the signed head is before it"},
	{"insertion at the end", func(log []chain.Sealed, head *chain.Head) []chain.Sealed {
		more, _ := chain.Seal(*head, entry(11), start)
		return append(log, more)
	}, "entry 11 was inserted: the signed head is before it"},
	{"insertion far beyond the end", func(log []chain.Sealed, head *chain.Head) []chain.Sealed {
		more, _ := chain.Seal(chain.Head{Account: "acme", Seq: 98}, entry(99), start)
		return append(log, more)
	}, "entry 99 was inserted: the signed head is before it"},
	{"insertion under a number that there is", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		more, _ := chain.Seal(chain.Head{Account: "acme", Seq: 4, Hash: log[3].Hash}, entry(99), start)
		return slices.Insert(log, 5, more)
	}, "entry 5 stands there more than once"},
	{"insertion before its turn", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		return slices.Insert(log, 2, log[8])
	}, "entry 9 stands there more than once"},
	{"swap of contents", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		log[2].Entry, log[5].Entry = log[5].Entry, log[2].Entry
		return log
	}, "entry 3 was altered"},
	{"swap of numbers", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		log[2].Seq, log[5].Seq = log[5].Seq, log[2].Seq
		return log
	}, "entry 3 was altered"},
	{"swap, chained anew", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		log[2].Entry, log[3].Entry = log[3].Entry, log[2].Entry
		return rechain(log, 2, 4)
	}, "entry 4, or one before it, was replaced"},
	{"another account's entry", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		e := log[2].Entry
		e.Account = "other"
		log[2], _ = chain.Seal(chain.Head{Account: "other", Seq: 2, Hash: log[1].Hash}, e, start)
		return log
	}, "entry 3 was altered"},
	{"a first entry that follows something", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed {
		log[0], _ = chain.Seal(chain.Head{Account: "acme", Hash: chain.Hash{1}}, log[0].Entry, start)
		log[0].Seq = 1
		return log
	}, "entry 1 was altered"},
	{"an unknown version", func(log []chain.Sealed, _ *chain.Head) []chain.Sealed { log[4].Version = 2; return log }, "entry 5 was altered"},
	{"another account's head", func(log []chain.Sealed, head *chain.Head) []chain.Sealed {
		head.Account = "other"
		return log
	}, "the signature of the head, at entry 10, is wrong"},
}

// rechain edits the entry at index from, and makes the chain anew from there up to index to.
func rechain(log []chain.Sealed, from, to int) []chain.Sealed {
	log[from].Actor = "anonymous"
	head := chain.Head{Account: "acme", Seq: int64(from), Hash: log[from].Prev}
	if from > 0 {
		head.Hash = log[from-1].Hash
	}
	for i := from; i < to; i++ {
		log[i], head = chain.Seal(head, log[i].Entry, start)
	}
	return log
}

func TestTamperingIsFoundAndPlaced(t *testing.T) {
	for _, c := range tampering {
		t.Run(c.name, func(t *testing.T) {
			log, head := sealed(10)
			was := head
			log = c.do(log, &head)
			bad := verify(log, head, head == was) // a signature is right for what was signed, and nothing else
			if got := fmt.Sprint(bad); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// Whatever is done to a log by hand, at random: it is found, at or before the first place that differs from what was sealed, or
// at the place itself where the rest still vouches for it. And a log that was only stored in another order is as good as ever.
func TestAnyTamperingIsFound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(rt, "entries")
		log, head := sealed(n)
		if bad := verify(rapid.Permutation(log).Draw(rt, "order"), head, true); bad != nil {
			rt.Fatalf("in another order: %s", bad)
		}
		at := rapid.IntRange(0, n-1).Draw(rt, "at")
		other := rapid.IntRange(0, n-1).Filter(func(i int) bool { return i != at }).Draw(rt, "other")
		want := int64(at + 1)
		switch rapid.SampledFrom([]string{"edit", "delete", "insert", "swap", "cut", "bit of a hash"}).Draw(rt, "how") {
		case "edit":
			e := &log[at].Entry
			switch rapid.IntRange(0, 6).Draw(rt, "field") {
			case 0:
				e.ID += "x"
			case 1:
				e.At = e.At.Add(time.Millisecond)
			case 2:
				e.Type += "x"
			case 3:
				e.Actor, e.OperatorID = e.Actor+e.OperatorID, ""
			case 4:
				e.OperatorID, e.Actor = "", e.OperatorID
			case 5:
				e.Detail = map[string]string{}
			case 6:
				e.Detail = map[string]string{"emaila": e.Detail["email"][1:], "firstName": e.Detail["firstName"]}
			}
		case "delete":
			log = slices.Delete(log, at, at+1)
		case "insert":
			more := log[other]
			more.ID += "x"
			log, want = slices.Insert(log, at, more), int64(other+1)
		case "swap":
			log[at].Entry, log[other].Entry = log[other].Entry, log[at].Entry
			want = int64(min(at, other) + 1)
		case "cut":
			log = log[:at]
		case "bit of a hash":
			log[at].Hash[rapid.IntRange(0, 31).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		}
		bad := verify(rapid.Permutation(log).Draw(rt, "order"), head, true)
		if bad == nil || bad.Seq != want {
			rt.Fatalf("got %v, want entry %d", bad, want)
		}
	})
}

// export writes a log as an export, the head in its first row.
func export(t testing.TB, log []chain.Sealed, head chain.Head, unsealed ...chain.Entry) string {
	t.Helper()
	var b bytes.Buffer
	x := chain.NewExporter(&b, true)
	for i, s := range log {
		r := chain.Row{Sealed: s}
		if i == 0 {
			r.Head = &chain.SignedHead{Head: head, Signature: []byte("signature")}
		}
		x.Write(r)
	}
	for _, e := range unsealed {
		x.Write(chain.Row{Sealed: chain.Sealed{Entry: e}})
	}
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExportComesBackAsItWas(t *testing.T) {
	log, head := seal(entry(1),
		chain.Entry{Account: "acme", ID: "=id", At: start, Type: "'+x", Actor: "-1", OperatorID: "''@x", Detail: map[string]string{}},
		chain.Entry{Account: "acme", ID: `a,"b`, At: start, Type: "'plain", Actor: "<&>", Detail: map[string]string{"a": `"<&>,é\`, "": "\t"}})
	text := export(t, log, head, entry(4))
	var rows []chain.Row
	for r, err := range chain.ReadExport(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Detail == nil {
			r.Detail = map[string]string{}
		}
		rows = append(rows, r)
	}
	want := []chain.Row{{Sealed: log[0], Head: &chain.SignedHead{Head: head, Signature: []byte("signature")}}, {Sealed: log[1]}, {Sealed: log[2]}, {Sealed: chain.Sealed{Entry: entry(4)}}}
	if d := cmp.Diff(want, rows, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".unreadable" }, cmp.Ignore())); d != "" {
		t.Errorf("rows (-want +got):\n%s\n%s", d, text)
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		if strings.ContainsAny(line, "\r\n") || strings.ContainsAny(line[:1], "=+-@\t") {
			t.Errorf("line %d: %q", i+1, line)
		}
	}
	for _, guarded := range []string{",'-1,", ",'''@x,", ",''+x,", ",'=id,"} {
		if !strings.Contains(text, guarded) {
			t.Errorf("no cell %s in\n%s", guarded, text)
		}
	}
}

func TestTamperingWithAnExportIsFound(t *testing.T) {
	log, head := sealed(5)
	whole := export(t, log, head, entry(6))
	lines := strings.SplitAfter(whole, "\r\n")
	without := func(from, to int) string { return strings.Join(slices.Delete(slices.Clone(lines), from, to), "") }
	for _, c := range []struct{ name, text, want string }{
		{"nothing", whole, "5 sealed to 5, 1 unsealed, <nil>"},
		{"edit", strings.Replace(whole, "a@3", "b@3", 1), "5 sealed to 5, 1 unsealed, entry 3 was altered"},
		{"edit of a time", strings.Replace(whole, "09:00:02.000Z", "09:00:02.001Z", 1), "5 sealed to 5, 1 unsealed, entry 2 was altered"},
		{"a time in other words", strings.Replace(whole, "09:00:02.000Z", "09:00:02Z", 1), "5 sealed to 5, 1 unsealed, entry 2 was altered"},
		{"a detail twice", strings.Replace(whole, `{""email"":""a@3""`, `{""email"":""b"",""email"":""a@3""`, 1), "5 sealed to 5, 1 unsealed, entry 3 was altered"},
		{"another account", strings.Replace(whole, "acme,0000000000002", "other,0000000000002", 1), "5 sealed to 5, 1 unsealed, entry 2 was altered"},
		{"row deleted", without(3, 4), "4 sealed to 5, 1 unsealed, entry 3 is missing"},
		{"tail cut", without(4, 7), "3 sealed to 5, 0 unsealed, entry 4 is missing"},
		{"head cut", without(1, 2), "4 sealed to 0, 1 unsealed, entry 2 was inserted: the signed head is before it"},
		{"rows swapped in the file", lines[0] + lines[2] + lines[1] + strings.Join(lines[3:], ""), "5 sealed to 5, 1 unsealed, <nil>"},
		{"everything cut", lines[0], "0 sealed to 0, 0 unsealed, entry 1 is missing"},
		{"signature", strings.Replace(whole, hex.EncodeToString([]byte("signature")), "00", 1), "5 sealed to 5, 1 unsealed, the signature of the head, at entry 5, is wrong"},
		{"no number", strings.Replace(whole, "\r\n2,", "\r\ntwo,", 1), `this is no export of notices: line 3: seq "two" is no number of an entry`},
		{"no head", strings.Replace(whole, hex.EncodeToString([]byte("signature")), "zz", 1), "this is no export of notices: line 2: the signed head cannot be read"},
		{"two heads", lines[0] + lines[1] + lines[1], "this is no export of notices: it has more than one head"},
		{"a column less", strings.Replace(whole, ",headSignature", "", 1), "this is no export of notices: line 1: wrong number of fields"},
		{"another file", "a\n", "this is no export of notices: line 1: wrong number of fields"},
		{"other columns", strings.Replace(whole, "seq", "SEQ", 1), "this is no export of notices: its first line is not " + strings.Join(chain.Columns, ",")},
		{"no file", "", "this is no export of notices: it is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := chain.VerifyExport(strings.NewReader(c.text), func(h chain.SignedHead) bool {
				return h.Head == head && string(h.Signature) == "signature"
			})
			got := fmt.Sprintf("%d sealed to %d, %d unsealed, %v", r.Entries, r.SealedTo, r.Unsealed, r.Bad)
			if err != nil {
				got = err.Error()
				if !errors.Is(err, chain.ErrNoExport) {
					t.Errorf("%v is not ErrNoExport", err)
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func FuzzReadExport(f *testing.F) {
	log, head := sealed(3)
	f.Add(export(f, log, head, entry(4)))
	for _, detail := range []string{`{}`, `{"a":""}`, `{"a":"b","c":"d"}`, `{"a":"","a":""}`, `{"":"\\n"}`, `{"a":"b"}}`, `{"a":"b",}`, `{`, `{"a":"b"`, `["a":"b"}`, "null"} {
		e := entry(1)
		log, head := seal(e)
		was := `"{""email"":""a@1"",""firstName"":""Zoë\r\n=1""}"`
		f.Add(strings.Replace(export(f, log, head), was, `"`+strings.ReplaceAll(detail, `"`, `""`)+`"`, 1))
	}
	f.Add("seq\n1\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		var again bytes.Buffer
		x, rows := chain.NewExporter(&again, true), 0
		for row, err := range chain.ReadExport(strings.NewReader(text)) {
			if err == nil && row.Readable() {
				x.Write(row)
				rows++
			}
		}
		if err := x.Flush(); err != nil {
			t.Fatal(err)
		}
		for row, err := range chain.ReadExport(&again) {
			if rows--; err != nil || !row.Readable() {
				t.Errorf("what was read does not come back: %v", err)
			}
		}
		if rows != 0 {
			t.Errorf("%d rows did not come back", rows)
		}
		r, err := chain.VerifyExport(strings.NewReader(text), func(h chain.SignedHead) bool { return h.Head == head })
		if err == nil && r.Bad == nil && r.SealedTo > 0 && (r.SealedTo != head.Seq || r.Entries != head.Seq) {
			t.Errorf("found good: %+v", r)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	log, head := sealed(10_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if bad := verify(log, head, true); bad != nil {
			b.Fatal(bad)
		}
		n += len(log)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkVerifyExport(b *testing.B) {
	var all []chain.Entry
	for i := range 10_000 {
		e := entry(i)
		e.Detail["firstName"] = "Zoë"
		all = append(all, e)
	}
	log, head := seal(all...)
	text := export(b, log, head)
	n := 0
	for b.Loop() {
		r, err := chain.VerifyExport(strings.NewReader(text), func(chain.SignedHead) bool { return true })
		if err != nil || r.Bad != nil {
			b.Fatal(err, r.Bad)
		}
		n += len(log)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}
