package bolt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/shared/store"
)

// What was written by the first release is read by every later one. When the form changes, this stays, and another joins it.
func TestItemsOfVersion1(t *testing.T) {
	raw, err := hex.DecodeString("01" + "06" + "0102" + "0101" + "0163" + // version 3, expires 1 s, due -1 ms, commit c
		"05" + "0162" + "03" + "0101" + "016e" + "02" + "09" + "0174" + "01" + "0178" + "0179" + "05" + "017a" + "04")
	if err != nil {
		t.Fatal(err)
	}
	k := store.Key{Table: store.Operators, Partition: "p", Sort: "s"}
	want := store.Item{
		Key: k, Version: 3, CommitID: "c", Expires: time.Unix(1, 0).UTC(), Due: time.UnixMilli(-1).UTC(),
		Fields: store.Fields{
			"t": store.Text("x"), "n": store.Number(-5), "b": store.Bytes{1}, "y": store.Bool(true), "z": store.Bool(false),
		},
	}
	got, err := decode(k, raw)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("decode: %v (-want +got):\n%s", err, d)
	}
	if !bytes.Equal(encode(want), raw) {
		t.Errorf("encode: got %x, want %x", encode(want), raw)
	}
}

// Each byte that is missing is missed, and so is each that is too many.
func TestDamagedItems(t *testing.T) {
	k := store.Key{Table: store.Operators, Partition: "p", Sort: "s"}
	whole := encode(store.Item{Key: k, CommitID: "c", Fields: store.Fields{"a": store.Text("x"), "b": store.Number(300)}})
	damaged := [][]byte{append(bytes.Clone(whole), 0), append([]byte{itemVersion + 1}, whole[1:]...)}
	for n := range whole {
		damaged = append(damaged, whole[:n])
	}
	for _, raw := range damaged {
		if i, err := decode(k, raw); !errors.Is(err, errCorrupt) {
			t.Errorf("%x: got %+v, %v, want %v", raw, i, err, errCorrupt)
		}
	}
}

// Whatever stands in the file, decoding gives an item that encodes to the same bytes, or an error; never a panic.
func FuzzDecode(f *testing.F) {
	k := store.Key{Table: store.Operators, Partition: "p", Sort: "s"}
	f.Add(encode(store.Item{
		Key: k, Version: 3, CommitID: "c", Expires: time.Unix(1, 0), Due: time.UnixMilli(-1),
		Fields: store.Fields{
			"t": store.Text("x"), "n": store.Number(-5), "b": store.Bytes{1}, "y": store.Bool(true), "z": store.Bool(false),
		},
	}))
	f.Add([]byte{})
	f.Add([]byte{itemVersion, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		i, err := decode(k, raw)
		if err != nil {
			if !errors.Is(err, errCorrupt) {
				t.Errorf("got %v, want %v", err, errCorrupt)
			}
			return
		}
		again, err := decode(k, encode(i))
		if err != nil || !bytes.Equal(encode(again), encode(i)) {
			t.Errorf("an item changed on its way: %+v, then %+v (%v)", i, again, err)
		}
	})
}
