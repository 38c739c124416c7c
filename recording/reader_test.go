package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"parley/signal/media"
	"parley/storage/keys"
)

const (
	testID = ID("0198f0a0-0000-7000-8000-000000000001")
	testP  = ParticipantID("p1")
)

var testKey = keys.Key{1, 2, 3}

// journalOf seals blocks of records; the last one is final when closed.
func journalOf(t testing.TB, closed bool, blocks ...[]byte) []byte {
	t.Helper()
	h := newHeader(1, [saltSize]byte{7})
	c, err := newBlockCipher(testKey, testID, testP, h)
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(h[:])
	for i, b := range blocks {
		out = c.seal(out, b, closed && i == len(blocks)-1)
	}
	return out
}

func someRecords(n int) []byte {
	var b []byte
	for i := range n {
		b = appendRecord(b, Record{Kind: RecordPacket, Track: media.TrackID(i), At: time.Duration(i) * time.Second,
			Payload: bytes.Repeat([]byte{byte(i)}, i*100)})
	}
	return b
}

// readAll reads to the end and says how many records there were, and what ended it.
func readAll(journal []byte, k keys.Key, id ID, p ParticipantID) (int, error) {
	r, err := NewJournalReader(bytes.NewReader(journal), k, id, p)
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		if _, err := r.Next(); err != nil {
			_, again := r.Next()
			if !errors.Is(again, err) && again.Error() != err.Error() {
				return n, errors.New("another error the second time")
			}
			return n, err
		}
	}
}

func TestAJournalIsReadToWhereItEnds(t *testing.T) {
	one := someRecords(5)
	whole := journalOf(t, true, one, one, one)
	open := journalOf(t, false, one, one, one)
	block := (len(whole) - headerSize) / 3
	swap := bytes.Clone(whole)
	copy(swap[headerSize:], whole[headerSize+block:headerSize+2*block])
	copy(swap[headerSize+block:], whole[headerSize:headerSize+block])
	flip := bytes.Clone(whole)
	flip[headerSize+block+20]++
	final := bytes.Clone(open)
	final[headerSize+2*block+4] = flagFinal
	for name, c := range map[string]struct {
		journal []byte
		id      ID
		p       ParticipantID
		records int
		err     error
	}{
		"whole":                    {whole, testID, testP, 15, io.EOF},
		"not closed":               {open, testID, testP, 15, ErrTorn},
		"torn in the last block":   {whole[:len(whole)-1], testID, testP, 10, ErrTorn},
		"torn in a block's head":   {open[:headerSize+block+3], testID, testP, 5, ErrTorn},
		"torn in the header":       {whole[:headerSize-1], testID, testP, 0, ErrTorn},
		"empty":                    {nil, testID, testP, 0, ErrTorn},
		"something else":           {bytes.Repeat([]byte("x"), 100), testID, testP, 0, ErrFormat},
		"a block altered":          {flip, testID, testP, 5, ErrSealed},
		"blocks swapped":           {swap, testID, testP, 0, ErrSealed},
		"the first block cut out":  {append(bytes.Clone(whole[:headerSize]), whole[headerSize+block:]...), testID, testP, 0, ErrSealed},
		"made to look closed":      {final, testID, testP, 10, ErrSealed},
		"bytes after the end":      {append(bytes.Clone(whole), whole[headerSize:]...), testID, testP, 15, ErrFormat},
		"of another participant":   {whole, testID, "p2", 0, ErrSealed},
		"of another recording":     {whole, NewID(), testP, 0, ErrSealed},
		"a block that is too long": {append(bytes.Clone(whole[:headerSize]), 0xff, 0, 0, 0, 0, 1), testID, testP, 0, ErrFormat},
	} {
		if n, err := readAll(c.journal, testKey, c.id, c.p); n != c.records || !errors.Is(err, c.err) {
			t.Errorf("%s: %d records, %v; want %d, %v", name, n, err, c.records, c.err)
		}
	}
}

func TestRecordsAreRefusedWhenAnythingIsWrong(t *testing.T) {
	good := someRecords(2)
	long := bytes.Clone(good)
	binary.BigEndian.PutUint32(long[recordHead-4:], MaxPayload+1)
	kind := appendRecord(nil, Record{Kind: recordKindsPast})
	none := appendRecord(nil, Record{Kind: RecordNone})
	sum := bytes.Clone(good)
	sum[3]++
	for name, b := range map[string][]byte{"short": good[:10], "too long": long, "unknown kind": kind, "no kind": none, "checksum": sum} {
		if _, _, err := nextRecord(b); !errors.Is(err, errRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzJournalReader reads what a fuzzer makes of a journal, and what it makes of the inside of an authentic block.
func FuzzJournalReader(f *testing.F) {
	one := someRecords(4)
	whole := journalOf(f, true, one, one)
	f.Add(whole, one)
	f.Add(whole[:len(whole)-3], one[:20])
	f.Add([]byte(journalMagic), []byte{})
	f.Fuzz(func(t *testing.T, journal, inside []byte) {
		if n, err := readAll(journal, testKey, testID, testP); err == nil || n > len(journal) {
			t.Fatalf("%d records, %v", n, err)
		}
		if len(inside) > MaxBlock-tagSize {
			return
		}
		n, err := readAll(journalOf(t, true, inside), testKey, testID, testP)
		if !errors.Is(err, io.EOF) && !errors.Is(err, errRecord) {
			t.Fatalf("%d records, %v", n, err)
		}
		var s Summary
		s.absorb(inside)
	})
}

// FuzzManifest reads what a fuzzer makes of a manifest, as recovery and as the verifier do.
func FuzzManifest(f *testing.F) {
	l := &ledger{f: discard{}, fields: testFields(f)}
	var all bytes.Buffer
	l.f = writeTo{&all}
	err := errors.Join(
		l.append(EntryStart, time.Unix(1, 0), func(uint64) (any, error) {
			return StartBody{Format: 1, Recording: testID, Participants: []ManifestPerson{{ID: testP, Journal: "p1.journal"}}}, nil
		}),
		l.event(Event{Kind: EventConsent}),
		l.segments(time.Unix(2, 0), SegmentsBody{Journals: []JournalSegments{{Participant: testP, Segments: []Segment{{Length: 9}}}}}, nil),
		l.append(EntryEnd, time.Unix(3, 0), func(uint64) (any, error) { return EndBody{Reason: Stopped}, nil }),
	)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(all.Bytes())
	f.Add([]byte("{}\n{}\n"))
	f.Add([]byte("\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := wholeEntries(bytes.NewReader(b))
		if err != nil {
			return
		}
		h := history{journals: map[ParticipantID]*known{}, fields: l.fields}
		for _, e := range entries {
			_ = h.add(e.Entry) // any error is fine
		}
		r, err := Verify(oneFile{manifestFile: b}.fs(), nil)
		if err == nil && r.Intact() {
			t.Fatal("intact without a head")
		}
	})
}
