package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/internal/chain"
)

func testParts(t testing.TB) *partSealer {
	t.Helper()
	s, err := newPartSealer(testKey, testID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// partOf makes a part of some ranges' bytes.
func partOf(t testing.TB, h partHeader, bodies ...string) []byte {
	t.Helper()
	for i, b := range bodies {
		h.Ranges[i].Length, h.Ranges[i].Hash = int64(len(b)), chain.Hash(sha256.Sum256([]byte(b)))
	}
	header, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	return append(testParts(t).head(h.Epoch, h.Number, header), strings.Join(bodies, "")...)
}

func somePart(t testing.TB) []byte {
	return partOf(t, partHeader{Epoch: 2, Number: 3, Ranges: []partRange{{File: "p1.journal", Offset: 100}, {File: "manifest.jsonl", Offset: 7}}},
		"ciphertext of a journal", "lines of a manifest\n")
}

func readPart(s *partSealer, b []byte, epoch, number uint64) (string, error) {
	var got strings.Builder
	_, err := s.read(bytes.NewReader(b), epoch, number, func(r partRange, body []byte) error {
		got.WriteString(r.File + ":" + string(body) + "|")
		return nil
	})
	return got.String(), err
}

func TestAPartIsReadAsItWasMade(t *testing.T) {
	got, err := readPart(testParts(t), somePart(t), 2, 3)
	if want := "p1.journal:ciphertext of a journal|manifest.jsonl:lines of a manifest\n|"; err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if !bytes.Equal(somePart(t), somePart(t)) {
		t.Error("made again it is another object")
	}
}

func TestAPartIsCheckedByItself(t *testing.T) {
	whole := somePart(t)
	for i := range whole {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			if _, err := readPart(testParts(t), b, 2, 3); !errors.Is(err, errPart) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
		if _, err := readPart(testParts(t), whole[:i], 2, 3); !errors.Is(err, errPart) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if _, err := readPart(testParts(t), append(whole, 0), 2, 3); !errors.Is(err, errPart) {
		t.Errorf("with a byte more: %v", err)
	}
	for name, c := range map[string][2]uint64{"another number": {2, 4}, "another epoch": {1, 3}} {
		if _, err := readPart(testParts(t), whole, c[0], c[1]); !errors.Is(err, errPart) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPartsBringKnownFilesOnly(t *testing.T) {
	for _, r := range []partRange{{File: "../x"}, {File: "p0.journal"}, {File: "p33.journal"}, {File: "p1.journal", Offset: -1},
		{File: "p1.journal", Offset: 1 << 41}, {File: ""}} {
		b := partOf(t, partHeader{Epoch: 1, Ranges: []partRange{r}}, "x")
		if _, err := readPart(testParts(t), b, 1, 0); !errors.Is(err, errPart) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, base := range [][]partBase{{{Epoch: 2}}, {{Epoch: 0}}, {{Epoch: 1}, {Epoch: 1}}} {
		b := partOf(t, partHeader{Epoch: 2, Base: base})
		if _, err := readPart(testParts(t), b, 2, 0); !errors.Is(err, errPart) {
			t.Errorf("built on %+v: %v", base, err)
		}
	}
}

func TestNamesOfPartsDifferByRecordingEpochAndNumber(t *testing.T) {
	otherKey := testKey
	otherKey[0]++
	other, err := newPartSealer(otherKey, testID)
	if err != nil {
		t.Fatal(err)
	}
	s := testParts(t)
	seen := map[string]bool{}
	for _, k := range []string{string(s.key(1, 0)), string(s.key(1, 1)), string(s.key(2, 0)), string(other.key(1, 0))} {
		if seen[k] || !strings.HasPrefix(k, "part/") || len(k) != len("part/")+40 {
			t.Errorf("key %q", k)
		}
		seen[k] = true
	}
	if s.key(1, 0) != testParts(t).key(1, 0) {
		t.Error("a part has two names")
	}
}

func FuzzPart(f *testing.F) {
	f.Add([]byte(nil), "")
	f.Add([]byte(`{"epoch":1,"number":0,"ranges":[{"file":"p1.journal","offset":0,"length":1,"hash":"00"}]}`), "x")
	f.Add([]byte(`{"epoch":1,"number":0,"ranges":[{"file":"p1.journal","offset":0,"length":1099511627776}]}`), "x")
	f.Fuzz(func(t *testing.T, header []byte, body string) {
		s := testParts(t)
		raw := append(bytes.Clone(header), body...)
		if _, err := readPart(s, raw, 1, 0); err == nil {
			t.Error("took what was never sealed")
		}
		got, err := readPart(s, append(s.head(1, 0, header), body...), 1, 0)
		if err == nil && len(got) > 64*(len(header)+len(body)+1) {
			t.Error("it brings more than it holds")
		}
	})
}

func TestATornLineOfThePartLogIsWrittenAgain(t *testing.T) {
	r := New(Config{Dir: t.TempDir()})
	h := func(n uint64) partHeader {
		return partHeader{Epoch: 1, Number: n, Ranges: []partRange{{File: "p1.journal", Offset: int64(n) * 10, Length: 10}}}
	}
	l, err := r.openPartLog(testID)
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) {
		if err := l.append(h(n)); err != nil {
			t.Fatal(err)
		}
	}
	l.f.Close()
	whole, err := os.ReadFile(r.partsFile(testID))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	last := len(whole) - len(lines[len(lines)-2])
	for cut := last; cut < len(whole); cut++ {
		for _, tail := range []string{"", "\x00\x00", "}\n"} {
			if err := os.WriteFile(r.partsFile(testID), append(bytes.Clone(whole[:cut]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := r.openPartLog(testID)
			if err != nil || l.next != 2 && l.next != 3 || l.sent["p1.journal"] != int64(l.next)*10 {
				t.Fatalf("cut at %d, then %q: %+v, %v", cut, tail, l, err)
			}
			if err := l.append(h(l.next)); err != nil {
				t.Fatal(err)
			}
			l.f.Close()
			if again, err := r.openPartLog(testID); err != nil || again.next != l.next || !bytes.Equal(again.last, l.last) {
				t.Fatalf("cut at %d: after an append %+v, %v", cut, again, err)
			}
		}
	}
	broken := bytes.Replace(whole, []byte(`"number":0`), []byte(`"number":5`), 1)
	if err := os.WriteFile(r.partsFile(testID), broken, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.openPartLog(testID); !errors.Is(err, errPartLog) {
		t.Errorf("broken before its end: %v", err)
	}
}

func TestSectionsReadAsOneFile(t *testing.T) {
	dir := t.TempDir()
	for name, b := range map[string]string{"a": "0123456789", "b": "abcdefghij"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := openSections(dir, []section{{"a", 2, 3}, {"b", 0, 0}, {"b", 8, 2}, {"a", 0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const want = "234ij0"
	for off := range len(want) + 1 {
		for n := range len(want) + 2 {
			got := make([]byte, n)
			k, err := s.ReadAt(got, int64(off))
			end := min(off+n, len(want))
			if string(got[:k]) != want[off:end] || (err == nil) != (off+n <= len(want)) {
				t.Errorf("%d bytes at %d: %q, %v", n, off, got[:k], err)
			}
		}
	}
	if _, err := openSections(dir, []section{{"a", 5, 6}}); err == nil {
		t.Error("opened more than there is")
	}
}
