package recording

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"parley/internal/chain"
	"parley/signal/wire"
)

// FuzzLate reads what a fuzzer makes of the head of a late tail: it has one form, which writes back to the same bytes, and is
// of no key that did not sign it.
func FuzzLate(f *testing.F) {
	whole, err := encodeLate(LateHead{Recording: string(testID), Epoch: 1, Head: strings.Repeat("0", 64), Time: time.Unix(9, 0).UTC(),
		Journals: []LateJournal{{Participant: testP, Offset: 7, Length: 9, Hash: chain.Hash{1}}}, Key: "k", Signature: []byte{1}, PublicKey: []byte{2}})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(whole), "", "{}\n", "null\n", `{"journals":[{"offset":-1,"length":9223372036854775807}]}` + "\n"} {
		f.Add([]byte(s))
	}
	pub := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseLate(b)
		if err != nil {
			return
		}
		if again, err := encodeLate(h); err != nil || !bytes.Equal(again, b) {
			t.Errorf("written back as %q, %v", again, err)
		}
		if VerifyLate(pub, h) == nil {
			t.Error("nobody signed it")
		}
	})
}

// FuzzHead does the same with the head of a recording.
func FuzzHead(f *testing.F) {
	whole, err := encodeHead(SignedHead{wire.ReceiptHead{Recording: string(testID), Head: strings.Repeat("0", 64), Entries: 3,
		Time: time.Unix(9, 0).UTC(), Key: "k", Signature: []byte{1}}, []byte{2}})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(whole), "", "{}\n", "null\n"} {
		f.Add([]byte(s))
	}
	pub := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHead(b)
		if err != nil {
			return
		}
		if again, err := encodeHead(h); err != nil || !bytes.Equal(again, b) {
			t.Errorf("written back as %q, %v", again, err)
		}
		if VerifyHead(pub, h.ReceiptHead) == nil {
			t.Error("nobody signed it")
		}
	})
}

// FuzzLateID takes names of folders apart: one that is a late folder's has that name alone.
func FuzzLateID(f *testing.F) {
	for _, s := range []string{string(testID) + ".1" + lateSuffix, string(testID) + lateSuffix, ".1" + lateSuffix, "../x.1" + lateSuffix, ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if id, _, ok := lateID(name); ok && (!id.valid() || strings.ContainsAny(name, "/\\")) {
			t.Errorf("%q is taken for a late folder of %q", name, id)
		}
	})
}

// FuzzPartLog reads what a fuzzer makes of a part log: what is taken of it is whole lines, at most all.
func FuzzPartLog(f *testing.F) {
	f.Add([]byte(`{"epoch":1}` + "\n"))
	f.Add([]byte(`{"epoch":2,"base":[{"epoch":1,"parts":3}],"sizes":{"p1.journal":9},"adopted":true}` + "\n"))
	f.Add([]byte(`{"epoch":1}` + "\n" + `{"epoch":1,"number":0,"ranges":[{"file":"p1.journal","offset":0,"length":1,"hash":"00"}]}` + "\n"))
	f.Add([]byte("{}\n{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := &partLog{sent: map[string]int64{}}
		if err := l.load(b); err == nil && (l.off > int64(len(b)) || b[l.off-1] != '\n' || (l.last == nil) != (l.next == 0)) {
			t.Errorf("%d of %d bytes are taken, %d parts", l.off, len(b), l.next)
		}
	})
}
