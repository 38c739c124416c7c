package chain

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
)

// FuzzLines reads what a fuzzer makes of a line: each kind has one form, which writes back to the same bytes.
func FuzzLines(f *testing.F) {
	s := newScroll(f, 2, []uint64{1, 2}, 1)
	for _, file := range []string{EntriesFile, SealsFile, TreesFile, TreeFile} {
		for _, line := range lines(s.files[file]) {
			f.Add(bytes.TrimSuffix(line, []byte("\n")))
		}
	}
	for _, text := range []string{"", "{}", "null", `{"seq":1,"prev":"","sealed":null}`, `{"seq":18446744073709551616}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		same := func(again []byte, err error) {
			if err != nil || !bytes.Equal(again, b) {
				t.Errorf("written back as %q, %v", again, err)
			}
		}
		if v, err := ParseFounding(b); err == nil {
			again, _, err := v.Encode()
			same(again, err)
		}
		if v, err := ParseEntry(b); err == nil {
			again, _, err := v.Encode()
			same(again, err)
		}
		if v, err := ParseSeal(b); err == nil {
			again, _, err := v.Encode()
			same(again, err)
		}
		if v, err := ParseTree(b); err == nil {
			same(v.Encode())
		}
		if v, err := ParseProvenTree(b); err == nil {
			same(v.Encode())
		}
	})
}

// FuzzReceipts reads what a fuzzer makes of a receipt: nothing but what was signed verifies.
func FuzzReceipts(f *testing.F) {
	for _, text := range []string{"", "[]", "[{}]", `{"body":{"signature":"AA=="}}`, `{"receipts":[{"leaves":1}]}`, `{"signature":"AA==","proof":[""]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ParseReceipts(b)
		if err == nil && len(list) == 0 {
			t.Error("no receipt and no error")
		}
		for _, r := range list {
			if r.Verify(public(7)) == nil {
				t.Error("nobody signed it")
			}
		}
	})
}

// FuzzBundle verifies what a fuzzer makes of a transcript's files: only the one that was sealed is intact.
func FuzzBundle(f *testing.F) {
	s := newScroll(f, 3, []uint64{1, 3}, 1)
	f.Add(s.files[EntriesFile], s.files[SealsFile], s.files[TreeFile])
	f.Add([]byte("\n"), []byte{}, []byte("{}\n"))
	pubs := []ed25519.PublicKey{public(1)}
	f.Fuzz(func(t *testing.T, entries, seals, tree []byte) {
		r, err := VerifyTranscript(s.bundle(map[string][]byte{EntriesFile: entries, SealsFile: seals, TreeFile: tree}), pubs, s.receipts[1])
		if errors.Is(err, ErrUnreadable) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		same := bytes.Equal(entries, s.files[EntriesFile]) && bytes.Equal(seals, s.files[SealsFile]) && bytes.Equal(tree, s.files[TreeFile])
		if r.Intact() != same {
			t.Errorf("intact is %v: %+v", r.Intact(), r.Findings)
		}
	})
}

// FuzzTrees verifies what a fuzzer makes of a list of trees.
func FuzzTrees(f *testing.F) {
	s := newScroll(f, 3, []uint64{1, 2, 3}, 1)
	f.Add(s.files[TreesFile])
	f.Add([]byte("{}\n"))
	pubs := []ed25519.PublicKey{public(1)}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := VerifyTrees(s.list(b), pubs, s.receipts[2])
		if err == nil && r.Intact() && !bytes.HasSuffix(s.files[TreesFile], b) {
			t.Errorf("intact: %q", b)
		}
	})
}
