package recording_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"parley/internal/chain"
	"parley/internal/testenv/bubble"
	"parley/recording"
	"parley/recording/recordingtest"
	"parley/signal/media"
	"parley/signal/wire"
)

// bundle is a recording's files in memory.
type bundle map[string][]byte

func (b bundle) fs() fs.FS {
	m := fstest.MapFS{}
	for name, data := range b {
		m[name] = &fstest.MapFile{Data: data}
	}
	return m
}

func (b bundle) clone() bundle {
	c := bundle{}
	for name, data := range b {
		c[name] = bytes.Clone(data)
	}
	return c
}

// small records 13 seconds in the time of the test, so that there are several segments and manifest entries.
func small(t *testing.T) (*studio, bundle, wire.ReceiptHead) {
	t.Helper()
	s := newStudio(t)
	rec := s.start(t)
	for range 13 { // one second each
		now := time.Since(rec.Started())
		items := recordingtest.Stream{Track: recordingtest.Microphone(1), Frames: recordingtest.Talk(now, now+200*time.Millisecond)}.Items()
		recordingtest.Play(sinkOf(t, rec, alice), rec.Started(), items)
		recordingtest.Play(sinkOf(t, rec, bob), rec.Started(), items)
		bubble.Pass(time.Second)
	}
	sinkOf(t, rec, alice).Event(media.Gap{At: time.Now(), Track: 1, From: 7, To: 9, Reason: media.Loss})
	if err := rec.Note(t.Context(), recording.Event{Kind: recording.EventResume, User: bob}); err != nil {
		t.Fatal(err)
	}
	head := stop(t, rec)
	return s, bundleOf(t, s, rec.ID()), head
}

// tiny is one participant's tenth of a second, so that every byte of it can be tried.
func tiny(t *testing.T) (*studio, bundle, wire.ReceiptHead) {
	t.Helper()
	s, one := newStudio(t), spec()
	one.Participants = one.Participants[:1]
	rec, err := s.Start(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	recordingtest.Play(sinkOf(t, rec, alice), rec.Started(), recordingtest.Stream{
		Track: recordingtest.Microphone(1), Frames: recordingtest.Talk(0, 100*time.Millisecond)}.Items())
	bubble.Pass(time.Second)
	head := stop(t, rec)
	return s, bundleOf(t, s, rec.ID()), head
}

// bundleOf reads a sealed recording's files.
func bundleOf(t *testing.T, s *studio, id recording.ID) bundle {
	t.Helper()
	b, dir := bundle{}, os.DirFS(s.folder(id))
	names, err := fs.Glob(dir, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if b[name], err = fs.ReadFile(dir, name); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b bundle) lines() [][]byte {
	return bytes.SplitAfter(bytes.TrimSuffix(b["manifest.jsonl"], nil), []byte("\n"))
}

// segments are p1's, as the manifest names them.
func (b bundle) segments(t *testing.T) []recording.Segment {
	t.Helper()
	var list []recording.Segment
	for _, l := range b.lines() {
		var e recording.Entry
		if json.Unmarshal(l, &e) != nil || e.Kind != recording.EntrySegments {
			continue
		}
		var body recording.SegmentsBody
		if err := json.Unmarshal(e.Body, &body); err != nil {
			t.Fatal(err)
		}
		for _, j := range body.Journals {
			if j.Participant == "p1" {
				list = append(list, j.Segments...)
			}
		}
	}
	return list
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b, head := tiny(t)
		wantIntact(t, s.verify(t, b.fs(), head))
		pub, err := s.vault.PublicKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range b {
			for i := range data {
				bit := byte(1) << (i % 8) // every byte, each bit in turn; all bits of head and manifest below
				wantFlipFound(t, b, pub, name, i, bit)
			}
		}
		for _, name := range []string{"head.json"} {
			for i := range b[name] {
				for bit := range 8 {
					wantFlipFound(t, b, pub, name, i, 1<<bit)
				}
			}
		}
	})
}

func wantFlipFound(t *testing.T, b bundle, pub ed25519.PublicKey, name string, i int, bit byte) {
	t.Helper()
	b[name][i] ^= bit
	defer func() { b[name][i] ^= bit }()
	r, err := recording.Verify(b.fs(), pub)
	if errors.Is(err, recording.ErrUnreadable) && name == "manifest.jsonl" {
		return // the format's version was flipped
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Intact() {
		t.Fatalf("%s: bit %02x of byte %d flipped and not found", name, bit, i)
	}
	for _, f := range r.Findings {
		if f.File == name && f.From <= int64(i) && int64(i) <= f.To {
			return
		}
	}
	t.Fatalf("%s: byte %d flipped, found elsewhere: %+v", name, i, r.Findings)
}

func TestWhatWasDoneToARecordingIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, whole, head := small(t)
		seg := whole.segments(t)
		if len(seg) < 5 || len(whole.lines()) < 6 {
			t.Fatalf("%d segments, %d lines: too few to test", len(seg), len(whole.lines()))
		}
		cut := func(b []byte, from, to int64) []byte { return slices.Concat(b[:from], b[to:]) }
		for _, c := range tamperings(whole, seg, cut) {
			b := whole.clone()
			c.do(b)
			r := s.verify(t, b.fs(), head)
			if !slices.ContainsFunc(r.Findings, func(f recording.Finding) bool {
				return f.File == c.file && f.Class == c.class && (c.at < 0 || f.From <= c.at && c.at <= f.To)
			}) {
				t.Errorf("%s: want %s at %d of %s, found %+v", c.name, c.class, c.at, c.file, r.Findings)
			}
		}
	})
}

type tampering struct {
	name  string
	do    func(bundle)
	file  string
	class recording.Class
	at    int64
}

func tamperings(whole bundle, seg []recording.Segment, cut func([]byte, int64, int64) []byte) []tampering {
	const p1, manifest = "p1.journal", "manifest.jsonl"
	end := func(s recording.Segment) int64 { return s.Offset + s.Length }
	journal := whole[p1]
	part := func(s recording.Segment) []byte { return journal[s.Offset:end(s)] }
	lines := whole.lines()
	join := func(l ...[]byte) []byte { return bytes.Join(l, nil) }
	set := func(name string, data []byte) func(bundle) { return func(b bundle) { b[name] = data } }
	return []tampering{
		{"a byte of a segment", func(b bundle) { b[p1][seg[2].Offset+9]++ }, p1, recording.Altered, seg[2].Offset + 9},
		{"a segment removed", set(p1, cut(journal, seg[2].Offset, end(seg[2]))), p1, recording.Removed, seg[2].Offset},
		{"two segments removed", set(p1, cut(journal, seg[1].Offset, end(seg[2]))), p1, recording.Removed, seg[1].Offset},
		{"two segments swapped", set(p1, join(journal[:seg[1].Offset], part(seg[2]), part(seg[1]), journal[end(seg[2]):])),
			p1, recording.Reordered, seg[1].Offset + seg[2].Length},
		{"a segment twice", set(p1, join(journal[:end(seg[2])], part(seg[2]), journal[end(seg[2]):])), p1, recording.Added, end(seg[2])},
		{"the last segments cut off", set(p1, journal[:seg[3].Offset]), p1, recording.Truncated, seg[3].Offset},
		{"the tail cut within a segment", set(p1, journal[:len(journal)-5]), p1, recording.Truncated, -1},
		{"bytes at the end", set(p1, join(journal, []byte("x"))), p1, recording.Added, int64(len(journal))},
		{"a journal removed", func(b bundle) { delete(b, p1) }, p1, recording.Removed, 0},
		{"a file added", set("p9.journal", []byte("x")), "p9.journal", recording.Added, 0},
		{"journals exchanged", func(b bundle) { b[p1], b["p2.journal"] = b["p2.journal"], b[p1] }, p1, recording.Altered, 9},
		{"the manifest removed", func(b bundle) { delete(b, manifest) }, manifest, recording.Removed, 0},
		{"the head removed", func(b bundle) { delete(b, "head.json") }, "head.json", recording.Removed, 0},
		{"an entry removed", set(manifest, join(slices.Delete(slices.Clone(lines), 2, 3)...)), manifest, recording.Removed, int64(len(join(lines[:2]...)))},
		{"the last entry removed", set(manifest, join(lines[:len(lines)-2]...)), manifest, recording.Truncated, -1},
		{"all but the start removed", set(manifest, lines[0]), manifest, recording.Truncated, -1},
		{"two entries swapped", set(manifest, join(lines[0], lines[2], lines[1], join(lines[3:]...))), manifest, recording.Reordered, -1},
		{"an entry twice", set(manifest, join(join(lines[:3]...), lines[2], join(lines[3:]...))), manifest, recording.Reordered, -1},
		{"an entry altered", func(b bundle) {
			b[manifest] = bytes.Replace(b[manifest], []byte(`"build":"test"`), []byte(`"build":"best"`), 1)
		},
			manifest, recording.Altered, 40},
		{"a blank line", set(manifest, join(lines[0], []byte("\n"), join(lines[1:]...))), manifest, recording.Altered, int64(len(lines[0]))},
	}
}

// TestAForgerWithoutTheKeyIsFound tells the attack: somebody changes a journal and makes manifest and head fit again,
// with everything but the key.
func TestAForgerWithoutTheKeyIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b, head := small(t)
		forged := forge(t, b)
		r := s.verify(t, forged.fs())
		if r.Intact() || r.Findings[0].Class != recording.WrongKey && r.Findings[0].Class != recording.Altered {
			t.Errorf("findings %+v", r.Findings)
		}
		own, err := recording.Verify(forged.fs(), nil)
		if err != nil || !own.Intact() || !own.OwnKey || !own.SelfAttested() {
			t.Errorf("held against its own key: %+v, %v; want consistent, but of its own word", own, err)
		}
		held, err := recording.Verify(forged.fs(), nil, head)
		if err != nil || held.Intact() {
			t.Errorf("held against a receipt: %+v, %v; want found", held, err)
		}
	})
}

// forge alters the build in the first entry, links all entries anew and signs with a key of its own.
func forge(t *testing.T, b bundle) bundle {
	t.Helper()
	c := b.clone()
	var out bytes.Buffer
	var prev chain.Hash
	n := uint64(0)
	for _, l := range b.lines() {
		if len(l) == 0 {
			continue
		}
		var e recording.Entry
		if err := json.Unmarshal(l, &e); err != nil {
			t.Fatal(err)
		}
		e.Prev, e.Body = prev, bytes.Replace(e.Body, []byte("test"), []byte("best"), 1)
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		prev = recording.EntryHash(e.Prev, line)
		fmt.Fprintf(&out, "%s\n", line)
		n++
	}
	c["manifest.jsonl"] = out.Bytes()
	var h recording.SignedHead
	if err := json.Unmarshal(b["head.json"], &h); err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	h.Head, h.Entries, h.PublicKey = prev.String(), n, key.Public().(ed25519.PublicKey)
	message := fmt.Sprintf("parley recording head v1\n%s\n%s\n%d\n%s\n", h.Recording, h.Head, h.Entries, h.Time.Format(time.RFC3339Nano))
	sig, err := chain.SignWith(key, []byte(message))
	if err != nil {
		t.Fatal(err)
	}
	h.Key, h.Signature = string(sig.Key), sig.Bytes
	if c["head.json"], err = json.Marshal(h); err != nil {
		t.Fatal(err)
	}
	c["head.json"] = append(c["head.json"], '\n')
	return c
}

func TestReceiptsAreHeldAgainstTheManifest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, b, head := small(t)
		other := head
		other.Recording = "another"
		shifted := head
		shifted.Head = strings.Repeat("0", 64)
		for name, c := range map[string]struct {
			head  wire.ReceiptHead
			class recording.Class
		}{
			"of another recording": {other, recording.HeadMismatch},
			"not signed":           {shifted, recording.WrongKey},
		} {
			if r := s.verify(t, b.fs(), c.head); r.Intact() || r.Findings[0].Class != c.class {
				t.Errorf("%s: %+v", name, r.Findings)
			}
		}
	})
}

func TestWhatIsNoRecordingIsUnreadable(t *testing.T) {
	for name, b := range map[string]bundle{"empty": {}, "something else": {"a.txt": []byte("x")}} {
		if _, err := recording.Verify(b.fs(), nil); !errors.Is(err, recording.ErrUnreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
