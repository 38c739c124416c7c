package sfu

import (
	"encoding/binary"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5/packetio"

	"parley/signal/media"
	"parley/signal/wire"
)

// paper is a TrackLocalWriter that keeps what is written, or only counts.
type paper struct {
	mu      sync.Mutex
	keep    bool
	count   int
	headers []rtp.Header
	bodies  []string
}

func (w *paper) WriteRTP(h *rtp.Header, b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	if w.keep {
		w.headers = append(w.headers, h.Clone())
		w.bodies = append(w.bodies, string(b))
	}
	return len(b), nil
}

func (w *paper) Write(b []byte) (int, error) { return len(b), nil }

// bench is a track with its slots, without a network.
type bench struct {
	track *track
	sink  *sink
	slots []*slot
	paper []*paper
	seq   uint16
}

func newBench(t testing.TB, info media.Track, subscribers int, keep bool) *bench {
	t.Helper()
	return newBenchOf(t, Config{UDP: loopback}, info, subscribers, keep)
}

func newBenchOf(t testing.TB, cfg Config, info media.Track, subscribers int, keep bool) *bench {
	t.Helper()
	s := New(cfg)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r, err := s.NewRoom("bench", RoomConfig{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{sink: newSink()}
	as := PeerConfig{ID: "a", Publish: both, Send: func(wire.Body) {}}
	if keep {
		as.Sink = b.sink
	}
	p, err := r.Join(as)
	if err != nil {
		t.Fatal(err)
	}
	b.track = newTrack(p, info)
	b.track.repair.ask = true
	b.track.start(false)
	for range subscribers {
		w := &paper{keep: keep}
		x := newSlot(p, slotKey{"a", info.Label}, info.Kind)
		x.bound.Store(&binding{writer: w, ssrc: 50, rtx: 51, level: 2,
			formats: map[string]format{"video/vp8": {pt: 100, rtx: 101}, "audio/opus": {pt: 111}}})
		b.track.attach(x)
		b.slots, b.paper = append(b.slots, x), append(b.paper, w)
	}
	return b
}

var camera = media.Track{ID: 1, Kind: media.Video, Label: media.Camera, SSRC: 9,
	Codec: media.Codec{MIME: "video/VP8", ClockRate: 90000, PayloadType: 96}}

// raw is a packet of the track as it comes in.
func raw(t testing.TB, seq uint16, key bool, body string) []byte {
	t.Helper()
	head := "\x10\x01"
	if key {
		head = "\x10\x00"
	}
	p := rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, PayloadType: 96, SSRC: 9, SequenceNumber: seq,
		Timestamp: uint32(seq) * 3000}, Payload: []byte(head + body)}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rtxOfRaw is the same packet as a retransmission.
func rtxOfRaw(b []byte) []byte {
	out := append([]byte(nil), b[:12]...)
	out[1] = out[1]&0x80 | 97
	out = append(out, b[2], b[3])
	return append(out, b[12:]...)
}

func TestRepeatsReachNobodyWhereverTheyComeFrom(t *testing.T) {
	b := newBench(t, camera, 1, true)
	for _, seq := range []uint16{65534, 65535, 0, 65535, 1, 1, 65534} {
		b.track.receive(raw(t, seq, true, "x"), time.Now())
		b.track.receive(unwrapRTX(rtxOfRaw(raw(t, seq, true, "x")), 9, 96), time.Now())
	}
	if n := b.sink.repeats(); n > 0 || b.sink.count(1) != 4 {
		t.Errorf("the sink saw %d packets, %d again", b.sink.count(1), n)
	}
	if b.paper[0].count != 4 {
		t.Errorf("%d were forwarded, want 4", b.paper[0].count)
	}
}

func TestARetransmissionFillsTheGap(t *testing.T) {
	b := newBench(t, camera, 1, true)
	now := time.Now()
	b.track.receive(raw(t, 1, true, "1"), now)
	b.track.receive(raw(t, 4, false, "4"), now)
	nacks, again := b.track.due(now.Add(reorderWait), retryAfter, nil)
	if len(nacks) != 2 || nacks[0] != 2 || nacks[1] != 3 || !again {
		t.Fatalf("asked for %v, again %v", nacks, again)
	}
	if nacks, _ := b.track.due(now.Add(reorderWait+retryAfter/2), retryAfter, nil); len(nacks) != 0 {
		t.Errorf("asked again at once: %v", nacks)
	}
	b.track.receive(unwrapRTX(rtxOfRaw(raw(t, 3, false, "3")), 9, 96), now)
	nacks, _ = b.track.due(now.Add(reorderWait+retryAfter), retryAfter, nil)
	if len(nacks) != 1 || nacks[0] != 2 {
		t.Errorf("asked for %v, want 2", nacks)
	}
	if _, again := b.track.due(now.Add(giveUp), retryAfter, nil); again {
		t.Error("a packet is still waited for")
	}
	got := gaps(b.sink)
	if len(got) != 1 || got[0].From != 2 || got[0].To != 2 || !b.track.keyFrame.Load() {
		t.Errorf("gaps %+v, key frame wanted %v", got, b.track.keyFrame.Load())
	}
}

func TestAnAbsenceIsAGapAtOnce(t *testing.T) {
	b := newBench(t, camera, 0, true)
	now := time.Now()
	b.track.receive(raw(t, 1, true, ""), now)
	b.track.receive(raw(t, 5000, true, ""), now)
	got := gaps(b.sink)
	if len(got) != 1 || got[0].From != 2 || got[0].To != 4999 {
		t.Errorf("gaps %+v", got)
	}
}

func TestAPublisherThatDoesNotResendIsNotAsked(t *testing.T) {
	b := newBench(t, camera, 0, true)
	b.track.repair.ask = false
	now := time.Now()
	b.track.receive(raw(t, 1, true, ""), now)
	b.track.receive(raw(t, 3, true, ""), now)
	nacks, again := b.track.due(now.Add(50*time.Millisecond), retryAfter, nil)
	if len(nacks) != 0 || !again {
		t.Errorf("asked for %v, again %v", nacks, again)
	}
	b.track.due(now.Add(100*time.Millisecond), retryAfter, nil)
	if got := gaps(b.sink); len(got) != 1 || got[0].From != 2 {
		t.Errorf("gaps %+v", got)
	}
}

func TestWhatIsMissingAtTheEndIsAGap(t *testing.T) {
	b := newBench(t, camera, 0, true)
	b.track.receive(raw(t, 1, true, ""), time.Now())
	b.track.receive(raw(t, 3, true, ""), time.Now())
	b.track.end()
	events := b.sink.list()
	if _, ok := events[len(events)-1].(media.TrackEnded); !ok || len(gaps(b.sink)) != 1 {
		t.Errorf("events %+v", events)
	}
	b.track.receive(raw(t, 4, true, ""), time.Now())
	b.track.tell(media.Muted{Track: 1})
	b.track.report(&rtcp.SenderReport{SSRC: 9}, time.Now())
	if len(b.sink.list()) != len(events) || b.sink.count(1) != 2 || b.sink.reports != 0 {
		t.Error("the sink was called after the end")
	}
}

func TestAPictureBeginsWithAKeyFrame(t *testing.T) {
	b := newBench(t, camera, 1, true)
	b.track.receive(raw(t, 1, false, "delta"), time.Now())
	if b.paper[0].count != 0 {
		t.Fatal("a picture began with a delta frame")
	}
	b.track.receive(raw(t, 2, true, "key"), time.Now())
	b.track.receive(raw(t, 1+2, false, "delta"), time.Now())
	if b.paper[0].count != 2 || b.paper[0].headers[0].PayloadType != 100 || b.paper[0].headers[0].SSRC != 50 {
		t.Errorf("%d forwarded, %+v", b.paper[0].count, b.paper[0].headers)
	}
	if b.sink.count(1) != 3 {
		t.Errorf("the sink saw %d packets, want all 3", b.sink.count(1))
	}
}

func TestPacketsOfAnotherCodecOrMalformedOnesGoNowhere(t *testing.T) {
	b := newBench(t, camera, 1, true)
	other := raw(t, 1, true, "x")
	other[1] = 100
	for _, packet := range [][]byte{other, nil, {0x80}, raw(t, 1, true, "x")[:9]} {
		b.track.receive(packet, time.Now())
	}
	if b.sink.count(1) != 0 || b.paper[0].count != 0 {
		t.Error("something was taken")
	}
}

func TestNACKsAreAnsweredFromTheCacheByRTX(t *testing.T) {
	b := newBench(t, camera, 1, true)
	for seq := uint16(10); seq < 20; seq++ {
		b.track.receive(raw(t, seq, true, string(rune('a'+seq-10))), time.Now())
	}
	s, w := b.slots[0], b.paper[0]
	w.headers, w.bodies = nil, nil
	now := time.Now()
	if n := s.resend([]uint16{12, 12, 19, 500}, now); n != 2 {
		t.Fatalf("%d sent again, want 2", n)
	}
	for i, seq := range []uint16{12, 19} {
		h, body := w.headers[i], w.bodies[i]
		if h.SSRC != 51 || h.PayloadType != 101 || h.Timestamp != uint32(seq)*3000 || !h.Marker ||
			binary.BigEndian.Uint16([]byte(body)) != seq || body[4:] != string(rune('a'+seq-10)) {
			t.Errorf("%d: %+v %q", seq, h, body)
		}
	}
	if w.headers[1].SequenceNumber != w.headers[0].SequenceNumber+1 {
		t.Error("retransmissions are not numbered one by one")
	}
	if n := s.resend([]uint16{12}, now.Add(resendPause/2)); n != 0 {
		t.Error("the same packet was sent again at once")
	}
	if n := s.resend([]uint16{12}, now.Add(resendPause)); n != 1 {
		t.Error("a retransmission that was lost was not repeated")
	}
}

func TestNACKsAreAnsweredPlainlyWithoutRTX(t *testing.T) {
	b := newBench(t, camera, 1, true)
	s, w := b.slots[0], b.paper[0]
	s.bound.Store(&binding{writer: w, ssrc: 50, formats: map[string]format{"video/vp8": {pt: 100}}})
	b.track.receive(raw(t, 7, true, "x"), time.Now())
	if n := s.resend([]uint16{7}, time.Now()); n != 1 {
		t.Fatalf("%d sent again", n)
	}
	if first, again := w.headers[0], w.headers[1]; first.SequenceNumber != again.SequenceNumber ||
		first.SSRC != again.SSRC || w.bodies[0] != w.bodies[1] {
		t.Errorf("%+v, %+v", first, again)
	}
}

func TestASubscriberCanHaveOnlySoMuchAgain(t *testing.T) {
	b := newBench(t, camera, 1, true)
	b.track.receive(raw(t, 7, true, "x"), time.Now())
	now, sent := time.Now(), 0
	for i := range 3 * resendBudget {
		sent += b.slots[0].resend([]uint16{7}, now.Add(time.Duration(i)*300*time.Microsecond))
	}
	if sent > resendBudget {
		t.Errorf("%d sent again within a second", sent)
	}
}

func TestLevelsOfSoundAreHandedOn(t *testing.T) {
	info := media.Track{ID: 1, Kind: media.Audio, Label: media.Microphone, SSRC: 9,
		Codec: media.Codec{MIME: "audio/opus", ClockRate: 48000, PayloadType: 96}}
	b := newBench(t, info, 1, true)
	b.track.level = 6
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 96, SSRC: 9, SequenceNumber: 1}, Payload: []byte("opus")}
	if err := p.Header.SetExtension(6, []byte{0x85}); err != nil {
		t.Fatal(err)
	}
	packet, _ := p.Marshal()
	b.track.receive(packet, time.Now())
	h := b.paper[0].headers[0]
	if got := h.GetExtension(2); len(got) != 1 || got[0] != 0x85 || len(h.GetExtensionIDs()) != 1 {
		t.Errorf("extensions %v, level %v", h.GetExtensionIDs(), got)
	}
}

func TestReceiverReportsTellLossAndJitter(t *testing.T) {
	var h reception
	at := time.Now()
	if _, ok := h.block(1, at); ok {
		t.Error("a report about nothing")
	}
	for n := range uint64(100) {
		if n%10 == 5 {
			continue
		}
		h.packet(n, uint32(n)*960, 48000, at.Add(time.Duration(n)*20*time.Millisecond), n == 0)
	}
	h.report(0x0000_1234_5678_0000, at)
	r, ok := h.block(7, at.Add(time.Second))
	if !ok || r.SSRC != 7 || r.TotalLost != 10 || r.FractionLost != 25 || r.LastSequenceNumber != 99 ||
		r.LastSenderReport != 0x1234_5678 || r.Delay != 65536 || r.Jitter > 48 {
		t.Errorf("report %+v", r)
	}
	if r, _ := h.block(7, at); r.FractionLost != 0 || r.TotalLost != 10 {
		t.Errorf("the next report %+v", r)
	}
}

func TestRetransmissionsAreQueuedInTheOrderOfTheWire(t *testing.T) {
	in := newIntake(func() {})
	in.transportCC.Store(3)
	main, rtx := in.buffer(packetio.RTPBufferPacket, 9), in.buffer(packetio.RTPBufferPacket, 2)
	in.repair(2, repeats{9, 96})
	for _, w := range []struct {
		to     io.Writer
		packet []byte
	}{
		{main, rtpOf(t, false, 3)}, {rtx, rtxOfPacket(t, 6, "again", 0)}, {rtx, rtxOfPacket(t, 0, "", 0)[:16]},
		{main, rtpOf(t, false)},
	} {
		if n, err := w.to.Write(w.packet); err != nil || n != len(w.packet) {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	buf := make([]byte, receiveMTU)
	for _, want := range []uint16{7, 6, 7} {
		n, err := in.stream(9).Read(buf)
		var p rtp.Packet
		if err != nil || p.Unmarshal(buf[:n]) != nil || p.SequenceNumber != want || p.PayloadType != 96 {
			t.Errorf("read %d of type %d, %v, want %d", p.SequenceNumber, p.PayloadType, err, want)
		}
	}
	fb := in.feedback()
	if len(fb) != 1 || fb[0].(*rtcp.TransportLayerCC).PacketStatusCount == 0 {
		t.Errorf("feedback %v", fb)
	}
	if fb := in.feedback(); fb != nil {
		t.Errorf("feedback on nothing: %v", fb)
	}
	_ = main.Close()
	if in.stream(9) != nil {
		t.Error("a stream that ended is still there")
	}
}

func TestAClientThatMakesUpStreamsLosesItsConnection(t *testing.T) {
	told := 0
	in := newIntake(func() { told++ })
	for ssrc := range uint32(maxStreams + 10) {
		b := in.buffer(packetio.RTPBufferPacket, ssrc)
		if ssrc%2 == 0 {
			_ = b.Close()
			_ = b.Close()
		}
	}
	if told != 0 {
		t.Fatal("streams that have ended count")
	}
	for ssrc := range uint32(maxStreams) {
		in.buffer(packetio.RTCPBufferPacket, ssrc)
	}
	if told != 1 {
		t.Errorf("told %d times, want once", told)
	}
}

func TestForwardingAllocatesNothing(t *testing.T) {
	b := newBench(t, camera, 10, false)
	packet := raw(t, 0, true, string(make([]byte, 1100)))
	for range videoCache {
		b.push(packet)
	}
	if n := testing.AllocsPerRun(500, func() { b.push(packet) }); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func (b *bench) push(packet []byte) {
	b.seq++
	binary.BigEndian.PutUint16(packet[2:], b.seq)
	b.track.receive(packet, time.Now())
}

// BenchmarkForward is what a packet costs to hand to 100 subscribers, without encryption and sending.
func BenchmarkForward(bm *testing.B) {
	b := newBench(bm, camera, 100, false)
	packet := raw(bm, 0, true, string(make([]byte, 1100)))
	bm.ReportAllocs()
	for bm.Loop() {
		b.push(packet)
	}
	bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N)/100, "ns/forward")
}
