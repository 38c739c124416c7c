package chain

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"slices"
	"testing"
)

// The operator has the key: everything is consistent, and only what participants kept tells.
func TestReceiptsShowWhatAnOperatorWithTheKeyDid(t *testing.T) {
	honest := newScroll(t, 9, []uint64{3, 6, 9}, 1)
	pubs := []ed25519.PublicKey{public(1)}
	for _, c := range []struct {
		what    string
		forged  *scroll
		receipt int // of the honest one, from 0
		want    Class
		file    string
	}{
		{"an early entry was rewritten", writeScroll(t, 9, []uint64{3, 6, 9}, rewritten(2), 1), 0, Altered, EntriesFile},
		{"an entry was rewritten after the receipt before", writeScroll(t, 9, []uint64{3, 6, 9}, rewritten(8), 1), 2, Altered, EntriesFile},
		{"the end was cut off and sealed again", newScroll(t, 7, []uint64{3, 6, 7}, 1), 2, Truncated, EntriesFile},
		{"the seals were thinned out", newScroll(t, 9, []uint64{9}, 1), 1, Truncated, SealsFile},
		{"the log was sealed at other moments", newScroll(t, 9, []uint64{2, 6, 9}, 1), 0, HeadMismatch, SealsFile},
	} {
		wantIntact(t, c.what+", by itself", verify(t, c.forged.bundle(nil), pubs).Findings)
		r := verify(t, c.forged.bundle(nil), pubs, honest.receipts[c.receipt])
		if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Class == c.want && f.File == c.file }) {
			t.Errorf("%s: %+v, want %s in %s", c.what, r.Findings, c.want, c.file)
		}
	}
	forged := writeScroll(t, 9, []uint64{3, 6, 9}, rewritten(8), 1)
	r := verify(t, forged.bundle(nil), pubs, honest.receipts[2])
	all := lines(forged.files[EntriesFile])
	if f := r.Findings[0]; f.From != int64(len(bytes.Join(all[:7], nil))) {
		t.Errorf("what both agree on is blamed too: %+v", f)
	}
	wantIntact(t, "what both agree on", verify(t, forged.bundle(nil), pubs, honest.receipts[:2]...).Findings)
}

func TestReceiptsThatProveNothingAreNamed(t *testing.T) {
	s := newScroll(t, 5, []uint64{2, 5}, 1)
	pubs := []ed25519.PublicKey{public(1)}
	other := s.receipts[0]
	other.Conversation = "c-2"
	alien := newScroll(t, 5, []uint64{2, 5}, 9).receipts[1]
	bent := s.receipts[1]
	bent.Entries = 4
	signed := s.receipts[1]
	signed.Signature = bytes.Clone(signed.Signature)
	signed.Signature[3] ^= 1
	for what, c := range map[string]struct {
		receipt Receipt
		want    Class
	}{"of another conversation": {other, Altered}, "by another key": {alien, WrongKey}, "with another count": {bent, Altered}, "with a bad signature": {signed, Altered}} {
		r := verify(t, s.bundle(nil), pubs, c.receipt)
		if len(r.Findings) != 1 || r.Findings[0].File != ReceiptFile || r.Findings[0].Class != c.want {
			t.Errorf("%s: %+v", what, r.Findings)
		}
	}
}

func TestAReceiptWithAnyFieldChangedIsRefused(t *testing.T) {
	r := newScroll(t, 5, []uint64{2, 5}, 1).receipts[1]
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Verify(public(1)); err != nil {
		t.Fatal(err)
	}
	for at := range text {
		b := bytes.Clone(text)
		b[at] ^= 1
		var got Receipt
		if json.Unmarshal(b, &got) != nil {
			continue
		}
		if again, _ := json.Marshal(got); got.Verify(public(1)) == nil && !bytes.Equal(again, text) {
			t.Errorf("byte %d of %q: it verifies", at, around(b, at))
		}
	}
}
