package sfu

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"

	"parley/signal/media"
)

// part is one packet of a picture: of its timestamp, with so many bytes of payload.
func part(t testing.TB, seq uint16, picture uint32, size int, last bool) []byte {
	t.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, Marker: last, PayloadType: 96, SSRC: 9, SequenceNumber: seq,
		Timestamp: picture * 3000}, Payload: []byte("\x10\x00" + strings.Repeat(string(rune('a'+seq%26)), size-2))}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// holding skips a test where the system can't segment: nothing is held there.
func holding(t *testing.T, b *bench) {
	t.Helper()
	if !b.track.conn.Segments() {
		t.Skip("this system does not cut segments")
	}
	b.slots[0].outlet = newOutlet(b.track.peer.room.worker)
}

func TestAPictureLeavesWithItsLastPacket(t *testing.T) {
	b := newBench(t, camera, 1, true)
	holding(t, b)
	now := time.Now()
	for seq := uint16(1); seq <= 3; seq++ {
		b.track.receive(part(t, seq, 1, 900, false), now)
	}
	if b.sink.count(1) != 3 || b.paper[0].count != 0 {
		t.Fatalf("the sink saw %d, the subscriber %d", b.sink.count(1), b.paper[0].count)
	}
	b.track.receive(part(t, 4, 1, 900, true), now)
	if b.paper[0].count != 4 {
		t.Errorf("%d packets have left with the picture's last", b.paper[0].count)
	}
	b.track.receive(part(t, 5, 2, 900, false), now)
	b.track.receive(part(t, 6, 3, 900, false), now) // the last one of the picture before was lost
	if b.paper[0].count != 5 {
		t.Errorf("%d packets have left when the next picture begins", b.paper[0].count)
	}
	b.track.expire()
	if b.paper[0].count != 6 {
		t.Errorf("%d packets have left after the wait", b.paper[0].count)
	}
	for i, h := range b.paper[0].headers {
		if h.SequenceNumber != b.paper[0].headers[0].SequenceNumber+uint16(i) {
			t.Errorf("packet %d has number %d", i, h.SequenceNumber)
		}
	}
}

func TestWhatCannotWaitIsNotHeld(t *testing.T) {
	microphone := media.Track{ID: 1, Kind: media.Audio, Label: media.Microphone, SSRC: 9,
		Codec: media.Codec{MIME: "audio/opus", ClockRate: 48000, PayloadType: 96}}
	b := newBench(t, microphone, 1, true)
	b.track.receive(part(t, 1, 1, 100, false), time.Now())
	if b.paper[0].count != 1 {
		t.Error("sound was held")
	}
	b = newBench(t, camera, 1, true)
	holding(t, b)
	b.track.receive(part(t, 1, 1, 900, true), time.Now())
	b.track.receive(part(t, 3, 2, 900, false), time.Now())
	b.track.receive(part(t, 2, 2, 900, false), time.Now()) // asked for again
	if b.paper[0].count != 3 {
		t.Errorf("%d left: a repaired packet was held", b.paper[0].count)
	}
	for seq := uint16(0); seq < maxFrame; seq++ {
		b.track.receive(part(t, 4+seq, 3, 900, false), time.Now())
	}
	if b.paper[0].count != 3+maxFrame {
		t.Errorf("%d left: more than %d packets were held", b.paper[0].count, maxFrame)
	}
	b.track.receive(part(t, 200, 4, 900, false), time.Now())
	b.track.end()
	if b.paper[0].count != 4+maxFrame {
		t.Errorf("%d left: the end lost what was held", b.paper[0].count)
	}
}

func TestWithoutOffloadNothingIsHeldOrPadded(t *testing.T) {
	b := newBenchOf(t, Config{UDP: loopback, Offload: OffloadOff}, camera, 1, true)
	b.slots[0].outlet = newOutlet(b.track.peer.room.worker)
	b.track.receive(part(t, 1, 1, 953, false), time.Now())
	b.track.receive(part(t, 2, 1, 954, false), time.Now())
	if b.paper[0].count != 2 || b.paper[0].headers[0].Padding {
		t.Errorf("%d left, %+v", b.paper[0].count, b.paper[0].headers)
	}
}

func TestPacketsAreAsLongAsTheLongestOfTheirPicture(t *testing.T) {
	for name, c := range map[string]struct {
		sizes []int
		want  []uint8
	}{
		"a byte apart":          {[]int{953, 953, 954, 954}, []uint8{1, 1, 0, 0}},
		"the last one is free":  {[]int{953, 954, 900}, []uint8{1, 0, 0}},
		"too far apart":         {[]int{100, 954, 890, 889, 954}, []uint8{0, 0, 64, 0, 0}},
		"the longest is last":   {[]int{900, 954}, []uint8{54, 0}},
		"one packet":            {[]int{900}, []uint8{0}},
		"all are of one length": {[]int{900, 900, 900}, []uint8{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, camera, 1, true)
			holding(t, b)
			for i, size := range c.sizes {
				b.track.receive(part(t, uint16(i), 1, size, i == len(c.sizes)-1), time.Now())
			}
			for i, h := range b.paper[0].headers {
				if h.PaddingSize != c.want[i] || h.Padding != (c.want[i] > 0) || len(b.paper[0].bodies[i]) != c.sizes[i] {
					t.Errorf("packet %d: %d bytes with %d of padding, want %d", i, len(b.paper[0].bodies[i]), h.PaddingSize, c.want[i])
				}
			}
		})
	}
}

// TestNothingIsEncryptedTwiceUnderOneNumber: the nonce of SRTP is the packet's number, so what is sent again under the
// same number must be the same to the byte.
func TestNothingIsEncryptedTwiceUnderOneNumber(t *testing.T) {
	for name, rtx := range map[string]uint8{"with RTX": 101, "without RTX": 0} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, camera, 1, true)
			holding(t, b)
			s, w := b.slots[0], b.paper[0]
			s.bound.Store(&binding{writer: w, ssrc: 50, rtx: 51, formats: map[string]format{"video/vp8": {pt: 100, rtx: rtx}}})
			b.track.receive(part(t, 1, 1, 953, false), time.Now())
			b.track.receive(part(t, 2, 1, 954, true), time.Now())
			if padded := w.headers[0].Padding; padded != (rtx != 0) {
				t.Fatalf("padded %v", padded)
			}
			if n := s.resend([]uint16{1, 2}, time.Now()); n != 2 {
				t.Fatalf("%d sent again", n)
			}
			sent := map[[2]uint32]string{}
			for i, h := range w.headers {
				raw, err := (&rtp.Packet{Header: h, Payload: []byte(w.bodies[i])}).Marshal()
				if err != nil {
					t.Fatal(err)
				}
				key := [2]uint32{h.SSRC, uint32(h.SequenceNumber)}
				if former, ok := sent[key]; ok && former != string(raw) {
					t.Errorf("number %d was sent in two forms", h.SequenceNumber)
				}
				sent[key] = string(raw)
			}
			if rtx != 0 {
				if again := w.bodies[2]; binary.BigEndian.Uint16([]byte(again)) != 1 || again[2:] != w.bodies[0] {
					t.Error("the retransmission is not what was sent")
				}
			}
		})
	}
}

func TestWaitingEndsWithAPacketTheTimeOrTheStream(t *testing.T) {
	in := newIntake(func() {})
	s := in.buffer(packetio.RTPBufferPacket, 9).(*stream)
	if s.wait(time.Now()) || s.wait(time.Now().Add(time.Millisecond)) {
		t.Error("a packet came from nowhere")
	}
	far := time.Now().Add(time.Minute)
	done := make(chan bool)
	go func() { done <- s.wait(far) }()
	if _, err := s.Write(rtpOf(t, false)); err != nil {
		t.Fatal(err)
	}
	if !<-done || !s.wait(far) {
		t.Error("the packet was not noticed")
	}
	if _, err := s.Read(make([]byte, receiveMTU)); err != nil {
		t.Fatal(err)
	}
	go func() { done <- s.wait(far) }()
	_ = s.Close()
	if !<-done {
		t.Error("the end was not noticed")
	}
}

// TestAPictureWithoutItsLastPacketIsNotKept checks the whole way, over sockets.
func TestAPictureWithoutItsLastPacketIsNotKept(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	b := join(t, r, clientConfig{id: "b"})
	a := join(t, r, clientConfig{id: "a", publish: both})
	out := a.publish(media.Camera)
	pump(t, "media", out, 5*time.Millisecond, func() bool { return b.got("a", media.Camera) > 5 })
	last := out[0].next(false)
	last.Marker = false // more follow, but never come
	if err := out[0].track.WriteRTP(last); err != nil {
		t.Fatal(err)
	}
	number := out[0].sent
	eventually(t, "the packet comes", func() bool {
		slot := b.slot("a", media.Camera)
		slot.mu.Lock()
		defer slot.mu.Unlock()
		return slot.payloads[number] == 1
	})
}

func TestMediaIsEncryptedByTheCheapCipherBothWays(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	b := join(t, r, clientConfig{id: "b"})
	a := join(t, r, clientConfig{id: "a", publish: both})
	out := a.publish(media.Camera)
	pump(t, "media", out, 5*time.Millisecond, func() bool { return b.got("a", media.Camera) > 0 })
	for name, pc := range map[string]*webrtc.PeerConnection{"pub": a.pub, "sub": b.sub} {
		found := ""
		for _, s := range pc.GetStats() {
			if s, ok := s.(webrtc.TransportStats); ok {
				found = s.SRTPCipher
			}
		}
		if found != "SRTP_AEAD_AES_128_GCM" {
			t.Errorf("%s is encrypted by %q", name, found)
		}
	}
}
