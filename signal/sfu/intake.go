package sfu

import (
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/transport/v5/packetio"
)

// Bounds of what one connection may make the server hold.
const (
	maxStreams   = 256     // SSRCs, of RTP and RTCP together
	streamBuffer = 1 << 20 // bytes waiting to be read of one SSRC
)

// intake is where the decrypted packets of one connection come in, a buffer for each SSRC. It records arrivals for
// transport-wide feedback, hands retransmissions straight to their track, and bounds what a client can make the server
// hold: SSRCs are the client's to choose.
type intake struct {
	transportCC atomic.Uint32 // id of the transport-wide sequence number extension, 0 for none
	overflow    func()        // called once when there are too many streams

	mu       sync.Mutex
	live     int
	exceeded bool
	repairs  map[uint32]*track // by SSRC of the retransmissions

	began    time.Time
	arrivals *twcc.Recorder // guarded by mu
}

func newIntake(overflow func()) *intake {
	return &intake{overflow: overflow, repairs: map[uint32]*track{}, began: time.Now(),
		arrivals: twcc.NewRecorder(feedbackSSRC)}
}

// buffer is Pion's buffer factory.
func (in *intake) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	in.mu.Lock()
	defer in.mu.Unlock()
	b := &stream{in: in, ssrc: ssrc, queue: packetio.NewBuffer(), rtp: kind == packetio.RTPBufferPacket}
	b.queue.SetLimitSize(streamBuffer)
	if in.live++; in.live > maxStreams && !in.exceeded {
		in.exceeded = true
		in.overflow()
	}
	return b
}

// repairTo sends the retransmissions with an SSRC to a track; nil ends it.
func (in *intake) repairTo(ssrc uint32, t *track) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if t == nil {
		delete(in.repairs, ssrc)
		return
	}
	in.repairs[ssrc] = t
}

// arrived records a packet for transport-wide feedback and says whether it is a retransmission, and whose.
func (in *intake) arrived(b []byte, ssrc uint32, at time.Time) *track {
	x := extensionOf(b, uint8(in.transportCC.Load())) //nolint:gosec // an id is a byte
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(x) >= 2 {
		in.arrivals.Record(ssrc, binary.BigEndian.Uint16(x), at.Sub(in.began).Microseconds())
	}
	return in.repairs[ssrc]
}

// feedback is what arrived since the last call (draft-holmer-rmcat-transport-wide-cc-extensions).
func (in *intake) feedback() []rtcp.Packet {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.arrivals.PacketsHeld() == 0 {
		return nil
	}
	return in.arrivals.BuildFeedbackPacket()
}

func (in *intake) closed() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.live--
}

// stream is the buffer of one SSRC.
type stream struct {
	in    *intake
	ssrc  uint32
	rtp   bool
	queue *packetio.Buffer
	once  sync.Once
}

// Write takes a decrypted packet, on the connection's goroutine. A full buffer drops it.
func (s *stream) Write(b []byte) (int, error) {
	if s.rtp {
		at := time.Now()
		if t := s.in.arrived(b, s.ssrc, at); t != nil {
			t.receiveRTX(b, at)
			return len(b), nil
		}
	}
	return s.queue.Write(b, nil)
}

// Read waits for the next packet.
func (s *stream) Read(b []byte) (int, error) {
	n, _, err := s.queue.Read(b, nil)
	return n, err
}

// SetReadDeadline bounds Read.
func (s *stream) SetReadDeadline(t time.Time) error { return s.queue.SetReadDeadline(t) }

// Close ends Read.
func (s *stream) Close() error {
	s.once.Do(s.in.closed)
	return s.queue.Close()
}

// receiveRTX takes a retransmission; raw is overwritten.
func (t *track) receiveRTX(raw []byte, at time.Time) {
	if b := unwrapRTX(raw, t.info.SSRC, t.info.Codec.PayloadType); b != nil {
		t.receive(b, at)
	}
}
