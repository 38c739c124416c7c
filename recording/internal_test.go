package recording

import (
	"bytes"
	"crypto/rand"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pion/rtp"

	"parley/signal/media"
)

// discard is a file that keeps nothing.
type discard struct{}

func (discard) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (discard) Sync() error                            { return nil }
func (discard) Reserve(int64) error                    { return nil }
func (discard) Truncate(int64) error                   { return nil }
func (discard) Close() error                           { return nil }

// writeTo is a file that is only appended to.
type writeTo struct{ *bytes.Buffer }

func (w writeTo) WriteAt(b []byte, _ int64) (int, error) { return w.Write(b) }
func (writeTo) Sync() error                              { return nil }
func (writeTo) Reserve(int64) error                      { return nil }
func (writeTo) Truncate(int64) error                     { return nil }
func (writeTo) Close() error                             { return nil }

type oneFile map[string][]byte

func (o oneFile) fs() fstest.MapFS {
	m := fstest.MapFS{}
	for name, b := range o {
		m[name] = &fstest.MapFile{Data: b}
	}
	return m
}

func testFields(t testing.TB) *fieldSealer {
	t.Helper()
	s, err := newFieldSealer(testKey, testID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealedFieldsStayInTheirPlace(t *testing.T) {
	s := testFields(t)
	sealed, err := s.seal("event", 3, "secret")
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := s.open("event", 3, sealed, &got); err != nil || got != "secret" {
		t.Fatalf("%q, %v", got, err)
	}
	for name, err := range map[string]error{
		"another kind":  s.open("end", 3, sealed, &got),
		"another entry": s.open("event", 4, sealed, &got),
		"cut":           s.open("event", 3, sealed[:5], &got),
	} {
		if err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestPseudonymsDifferByRecordingAndUser(t *testing.T) {
	other := testKey
	other[0]++
	a, err1 := pseudonym(testKey, "alice")
	again, err2 := pseudonym(testKey, "alice")
	b, err3 := pseudonym(testKey, "bob")
	c, err4 := pseudonym(other, "alice")
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || a != again || a == b || a == c {
		t.Errorf("%s %s %s %s", a, again, b, c)
	}
}

func benchPacket() media.Packet {
	payload := make([]byte, 1100)
	rand.Read(payload)
	return media.Packet{Track: 1, Arrival: time.Now(), RTP: &rtp.Packet{
		Header: rtp.Header{Version: 2, PayloadType: 96, SSRC: 1, Marker: true}, Payload: payload}}
}

func TestTakingAPacketAllocatesNothing(t *testing.T) {
	s := newSink(time.Now(), 64<<20, time.Second, newMetrics(nil))
	s.buf = make([]byte, 0, 4<<20)
	p := benchPacket()
	if n := testing.AllocsPerRun(1000, func() { s.Packet(p) }); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// BenchmarkSinkPacket is what forwarding pays for recording: one copy into the buffer.
func BenchmarkSinkPacket(b *testing.B) {
	s := newSink(time.Now(), 64<<20, time.Second, newMetrics(nil))
	p, spare := benchPacket(), []byte(nil)
	b.SetBytes(int64(p.RTP.MarshalSize()))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Packet(p)
		if i%100 == 99 {
			spare = s.drain(spare)
		}
	}
}

// BenchmarkSealSegment is the writer's work for one segment: records to sealed, hashed blocks.
func BenchmarkSealSegment(b *testing.B) {
	h := newHeader(1, [saltSize]byte{})
	c, err := newBlockCipher(testKey, testID, testP, h)
	if err != nil {
		b.Fatal(err)
	}
	j, err := newJournal(discard{}, c, h)
	if err != nil {
		b.Fatal(err)
	}
	var records []byte
	p := benchPacket()
	for len(records) < 32<<10 { // 90 ms of 2.9 Mbit/s
		if records, err = appendPacket(records, 1, 0, p.RTP); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(segmentBytes)
	b.ReportAllocs()
	for b.Loop() {
		for range segmentBytes / len(records) {
			if err := j.write(records, 0); err != nil {
				b.Fatal(err)
			}
		}
		j.cut(0, true)
		if err := j.sync(); err != nil {
			b.Fatal(err)
		}
		j.take()
	}
}
