package chain

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestATranscriptAsItWasSealedIsIntact(t *testing.T) {
	s := newScroll(t, 9, []uint64{1, 4, 5, 9}, 1)
	r := verify(t, s.bundle(nil), []ed25519.PublicKey{public(1)}, s.receipts...)
	wantIntact(t, "with key and receipts", r.Findings)
	if r.Conversation != "c-1" || r.Entries != 9 || r.Seals != 4 || r.Tree != 4 || r.Receipts != 4 || r.SelfAttested() || r.OwnKey ||
		len(r.Members) != 2 || r.Format != 1 || r.Head != s.receipts[3].Head || !r.Last.Equal(dawn.Add(9*time.Second)) || len(r.Late) != 0 {
		t.Errorf("report %+v", r)
	}
	r = verify(t, s.bundle(nil), nil)
	wantIntact(t, "by itself", r.Findings)
	if !r.OwnKey || !r.SelfAttested() {
		t.Errorf("it does not say that it is self-attested: %+v", r)
	}
}

// covers says whether a finding names the byte of the file.
func covers(f []Finding, file string, at int) bool {
	return slices.ContainsFunc(f, func(f Finding) bool { return f.File == file && f.From <= int64(at) && int64(at) <= f.To })
}

func TestEachFlippedByteOfABundleIsFoundAndNamed(t *testing.T) {
	s := newScroll(t, 3, []uint64{1, 2, 3}, 1)
	pubs := []ed25519.PublicKey{public(1)}
	for _, file := range []string{EntriesFile, SealsFile, TreeFile} {
		for at := range s.files[file] {
			b := bytes.Clone(s.files[file])
			b[at] ^= 1 << (at % 8)
			r, err := VerifyTranscript(s.bundle(map[string][]byte{file: b}), pubs[:at%2]) // with the key, and with the bundle's own
			if errors.Is(err, ErrUnreadable) && strings.Contains(err.Error(), "newer") {
				continue // the format's number
			}
			if err != nil || !covers(r.Findings, file, at) {
				t.Fatalf("%s: byte %d of %q: %+v, %v", file, at, around(b, at), r, err)
			}
		}
	}
}

func around(b []byte, at int) []byte { return b[max(0, at-20):min(len(b), at+20)] }

func TestEachByteRemovedOrAddedIsFoundAndNamed(t *testing.T) {
	s := newScroll(t, 2, []uint64{1, 2}, 1)
	for _, file := range []string{EntriesFile, SealsFile, TreeFile} {
		for at := range len(s.files[file]) + 1 {
			for _, add := range []string{"", "0\n "[at%3 : at%3+1]} {
				b := slices.Insert(bytes.Clone(s.files[file]), at, []byte(add)...)
				if add == "" {
					if at == len(b) {
						continue
					}
					b = slices.Delete(b, at, at+1)
				}
				r, err := VerifyTranscript(s.bundle(map[string][]byte{file: b}), []ed25519.PublicKey{public(1)})
				if errors.Is(err, ErrUnreadable) && strings.Contains(err.Error(), "newer") {
					continue
				}
				if err != nil || !covers(r.Findings, file, at) && !covers(r.Findings, file, at+1) { // a newline beside another is either
					t.Fatalf("%s: %q at %d of %q: %+v, %v", file, add, at, around(b, at), r, err)
				}
			}
		}
	}
}

func TestEachLineRemovedRepeatedOrSwappedIsFoundAndNamed(t *testing.T) {
	s := newScroll(t, 7, []uint64{1, 3, 4, 7}, 1)
	for _, file := range []string{EntriesFile, SealsFile} {
		whole := lines(s.files[file])
		for i := range whole {
			for what, make := range map[string]func([][]byte) [][]byte{
				"removed":  func(l [][]byte) [][]byte { return slices.Delete(l, i, i+1) },
				"repeated": func(l [][]byte) [][]byte { return slices.Insert(l, i, l[i]) },
				"swapped": func(l [][]byte) [][]byte {
					j := (i + 1) % len(l)
					l[i], l[j] = l[j], l[i]
					return l
				},
				"repeated at the end": func(l [][]byte) [][]byte { return append(l, l[i]) },
				"cut off":             func(l [][]byte) [][]byte { return l[:i] },
			} {
				b := bytes.Join(make(slices.Clone(whole)), nil)
				if b == nil {
					b = []byte{}
				}
				r := verify(t, s.bundle(map[string][]byte{file: b}), nil)
				if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.File == file }) {
					t.Errorf("%s: line %d %s: %+v", file, i, what, r.Findings)
				}
			}
		}
	}
}

func TestFindingsAreNamedAfterWhatWasDone(t *testing.T) {
	s := newScroll(t, 8, []uint64{3, 6, 8}, 1)
	entries, seals := lines(s.files[EntriesFile]), lines(s.files[SealsFile])
	join := func(l ...[]byte) []byte { return bytes.Join(l, nil) }
	at := func(l [][]byte, i int) int64 { return int64(len(join(l[:i]...))) }
	for _, c := range []struct {
		what     string
		replaced map[string][]byte
		want     Finding
	}{
		{"an entry is missing", map[string][]byte{EntriesFile: join(slices.Delete(slices.Clone(entries), 4, 5)...)},
			Finding{File: EntriesFile, From: at(entries, 4), To: at(entries, 4), Class: Removed}},
		{"the end is missing", map[string][]byte{EntriesFile: join(entries[:7]...)},
			Finding{File: EntriesFile, From: at(entries, 7), To: at(entries, 7), Class: Truncated}},
		{"an entry is there twice", map[string][]byte{EntriesFile: join(slices.Insert(slices.Clone(entries), 5, entries[4])...)},
			Finding{File: EntriesFile, From: at(entries, 5), To: at(entries, 5) + int64(len(entries[4])), Class: Added}},
		{"the last seal is missing", map[string][]byte{SealsFile: join(seals[:2]...)},
			Finding{File: SealsFile, From: at(seals, 2), To: at(seals, 2), Class: Truncated}},
		{"a seal is missing", map[string][]byte{SealsFile: join(seals[0], seals[2])},
			Finding{File: SealsFile, From: at(seals, 1), To: at(seals, 1), Class: Removed}},
		{"no seals", map[string][]byte{SealsFile: nil}, Finding{File: SealsFile, Class: Removed}},
		{"no tree", map[string][]byte{TreeFile: nil}, Finding{File: TreeFile, Class: Removed}},
		{"no entries", map[string][]byte{EntriesFile: nil}, Finding{File: EntriesFile, Class: Removed}},
		{"another file", map[string][]byte{"notes.txt": []byte("hello")}, Finding{File: "notes.txt", To: 5, Class: Added}},
	} {
		r := verify(t, s.bundle(c.replaced), nil)
		ok := slices.ContainsFunc(r.Findings, func(f Finding) bool {
			f.Detail = ""
			return f == c.want
		})
		if !ok {
			t.Errorf("%s: %+v, want %+v", c.what, r.Findings, c.want)
		}
	}
}

// Somebody with the database, but not with the key, rewrites an entry and all links after it.
func TestALogThatWasRewrittenWithAllItsLinksIsFoundBetweenTwoSeals(t *testing.T) {
	s := newScroll(t, 9, []uint64{3, 6, 9}, 1)
	forged := writeScroll(t, 9, []uint64{3, 6, 9}, rewritten(5), 1)
	r := verify(t, s.bundle(map[string][]byte{EntriesFile: forged.files[EntriesFile]}), nil)
	all := lines(forged.files[EntriesFile])
	from, to := int64(len(bytes.Join(all[:4], nil))), int64(len(bytes.Join(all[:7], nil)))
	if len(r.Findings) != 1 || r.Findings[0].Class != Altered || r.Findings[0].From != from || r.Findings[0].To != to {
		t.Errorf("found %+v, want entries 4 to 6, bytes %d to %d", r.Findings, from, to)
	}
}

// rewritten is a log in which one entry says something else.
func rewritten(n uint64) func(uint64, Hash) Entry {
	return func(i uint64, prev Hash) Entry {
		e := entryAt(i, prev)
		if i == n {
			e.Sealed = []byte("something else")
		}
		return e
	}
}

func TestAKeyThatWasRotatedMeanwhileStillVerifies(t *testing.T) {
	s := newScroll(t, 8, []uint64{2, 5, 8}, 1, 1, 2)
	both := []ed25519.PublicKey{public(1), public(2)}
	wantIntact(t, "with both keys", verify(t, s.bundle(nil), both, s.receipts...).Findings)
	wantIntact(t, "with the present key", verify(t, s.bundle(nil), both[1:]).Findings)
	r := verify(t, s.bundle(nil), both[1:], s.receipts[0])
	if len(r.Findings) != 1 || r.Findings[0].Class != WrongKey || r.Findings[0].File != ReceiptFile {
		t.Errorf("a receipt of a key that was not given: %+v", r.Findings)
	}
	r = verify(t, s.bundle(nil), both[:1])
	if len(r.Findings) != 1 || r.Findings[0].Class != WrongKey || r.Findings[0].File != TreeFile {
		t.Errorf("with the former key only: %+v", r.Findings)
	}
}

func TestASealThatCameLateIsNamed(t *testing.T) {
	s := writeScroll(t, 4, []uint64{2, 4}, func(n uint64, prev Hash) Entry {
		e := entryAt(n, prev)
		if n == 3 {
			e.Time = dawn.Add(-time.Hour)
		}
		return e
	}, 1)
	r := verify(t, s.bundle(nil), nil)
	wantIntact(t, "late", r.Findings)
	if len(r.Late) != 1 || r.Late[0].Seal != 2 || r.Late[0].From != 3 || r.Late[0].To != 4 || r.Late[0].Seconds != 3606 {
		t.Errorf("late %+v", r.Late)
	}
}

func TestWhatIsNoTranscriptIsUnreadable(t *testing.T) {
	newer := strings.Replace(string(newScroll(t, 1, []uint64{1}, 1).files[EntriesFile]), `"format":1`, `"format":2`, 1)
	for what, m := range map[string]fstest.MapFS{
		"nothing":           {},
		"something else":    {"manifest.jsonl": {Data: []byte("{}\n")}},
		"of a later format": {EntriesFile: {Data: []byte(newer)}},
	} {
		if _, err := VerifyTranscript(m, nil); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAListOfTreesWithATickMissingIsFound(t *testing.T) {
	s := newScroll(t, 8, []uint64{1, 2, 4, 5, 8}, 1)
	pubs := []ed25519.PublicKey{public(1)}
	whole := lines(s.files[TreesFile])
	for i := range whole {
		for what, b := range map[string][]byte{
			"missing":  bytes.Join(slices.Delete(slices.Clone(whole), i, i+1), nil),
			"repeated": bytes.Join(slices.Insert(slices.Clone(whole), i, whole[i]), nil),
		} {
			r, err := VerifyTrees(s.list(b), pubs, s.receipts...)
			if err != nil {
				t.Fatal(err)
			}
			late := i == 0 && what == "missing" // a list may begin anywhere
			if r.Intact() != late {
				t.Errorf("tree %d %s: %+v", i+1, what, r.Findings)
			}
		}
	}
	r, err := VerifyTrees(s.list(s.files[TreesFile]), pubs, s.receipts...)
	if err != nil || !r.Intact() || r.From != 1 || r.To != 5 || len(r.Keys) != 1 {
		t.Errorf("the whole list: %+v, %v", r, err)
	}
}

func TestEachFlippedByteOfAListOfTreesIsFoundAndNamed(t *testing.T) {
	s := newScroll(t, 3, []uint64{1, 2, 3}, 1)
	for at := range s.files[TreesFile] {
		b := bytes.Clone(s.files[TreesFile])
		b[at] ^= 1
		r, err := VerifyTrees(s.list(b), []ed25519.PublicKey{public(1)})
		if err != nil || !covers(r.Findings, TreesFile, at) {
			t.Fatalf("byte %d of %q: %+v, %v", at, around(b, at), r, err)
		}
	}
}

// The operator drops a tick, and signs all that came after anew.
func TestAReceiptShowsThatTreesWereMadeAnew(t *testing.T) {
	honest := newScroll(t, 8, []uint64{1, 2, 4, 5, 8}, 1)
	forged := newScroll(t, 8, []uint64{1, 4, 5, 8}, 1)
	pubs := []ed25519.PublicKey{public(1)}
	for i, want := range []Class{"", HeadMismatch, HeadMismatch, HeadMismatch, Truncated} {
		r, err := VerifyTrees(forged.list(forged.files[TreesFile]), pubs, honest.receipts[i])
		if err != nil {
			t.Fatal(err)
		}
		if want == "" && !r.Intact() || want != "" && (len(r.Findings) != 1 || r.Findings[0].Class != want) {
			t.Errorf("receipt %d: %+v, want %q", i+1, r.Findings, want)
		}
	}
}

func TestReceiptsAreReadAsClientsKeepThem(t *testing.T) {
	one := newScroll(t, 2, []uint64{2}, 1).receipts[0]
	for what, v := range map[string]any{
		"one": one, "a list": []Receipt{one}, "a frame": map[string]any{"kind": "chat.receipt", "body": one}, "a file": map[string]any{"receipts": []Receipt{one}},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseReceipts(b); err != nil || len(got) != 1 || got[0].Verify(public(1)) != nil {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	for _, bad := range []string{"", "null", "[]", "{}", "7", `{"body":{}}`} {
		if got, err := ParseReceipts([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}
