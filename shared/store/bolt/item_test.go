package bolt

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"postern/shared/store"
)

// Whatever stands in the file, decoding gives an item that encodes to the same bytes, or an error; never a panic.
func FuzzDecode(f *testing.F) {
	k := store.Key{Table: store.Operators, Partition: "p", Sort: "s"}
	f.Add(encode(store.Item{Key: k, Version: 3, CommitID: "c", Expires: time.Unix(1, 0), Due: time.UnixMilli(-1), Fields: store.Fields{
		"t": store.Text("x"), "n": store.Number(-5), "b": store.Bytes{1}, "y": store.Bool(true), "z": store.Bool(false),
	}}))
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
