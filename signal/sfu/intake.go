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

// intake is where the decrypted packets of one connection come in, a queue for each SSRC. It records arrivals for
// transport-wide feedback, puts retransmissions into the queue of the stream they repeat, in the order of the wire, and
// bounds what a client can make the server hold: SSRCs are the client's to choose.
type intake struct {
	transportCC atomic.Uint32 // id of the transport-wide sequence number extension, 0 for none
	overflow    func()        // called once when there are too many streams

	mu       sync.Mutex
	live     int
	exceeded bool
	streams  map[uint32]*stream // of RTP, by SSRC
	repairs  map[uint32]repeats // by SSRC of the retransmissions

	began    time.Time
	arrivals *twcc.Recorder // guarded by mu
}

// repeats says what a stream of retransmissions repeats.
type repeats struct {
	ssrc uint32
	pt   uint8
}

func newIntake(overflow func()) *intake {
	return &intake{overflow: overflow, streams: map[uint32]*stream{}, repairs: map[uint32]repeats{}, began: time.Now(),
		arrivals: twcc.NewRecorder(feedbackSSRC)}
}

// buffer is Pion's buffer factory.
func (in *intake) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	in.mu.Lock()
	defer in.mu.Unlock()
	b := &stream{in: in, ssrc: ssrc, queue: packetio.NewBuffer(), came: make(chan struct{}, 1),
		ended: make(chan struct{}), rtp: kind == packetio.RTPBufferPacket}
	b.queue.SetLimitSize(streamBuffer)
	if b.rtp {
		in.streams[ssrc] = b
	}
	if in.live++; in.live > maxStreams && !in.exceeded {
		in.exceeded = true
		in.overflow()
	}
	return b
}

// repair says that the stream rtx retransmits what another one sent.
func (in *intake) repair(rtx uint32, of repeats) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.repairs[rtx] = of
}

// stream finds the queue of an SSRC, nil when there is none (any more).
func (in *intake) stream(ssrc uint32) *stream {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.streams[ssrc]
}

// arrived records a packet for transport-wide feedback and says whether it is a retransmission, and of what.
func (in *intake) arrived(b []byte, ssrc uint32, at time.Time) (repeats, *stream) {
	x := extensionOf(b, uint8(in.transportCC.Load())) //nolint:gosec // an id is a byte
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(x) >= 2 {
		in.arrivals.Record(ssrc, binary.BigEndian.Uint16(x), at.Sub(in.began).Microseconds())
	}
	of, ok := in.repairs[ssrc]
	if !ok {
		return of, nil
	}
	return of, in.streams[of.ssrc]
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

func (in *intake) closed(s *stream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.live--
	if in.streams[s.ssrc] == s {
		delete(in.streams, s.ssrc)
		delete(in.repairs, s.ssrc)
	}
}

// stream is the queue of one SSRC.
type stream struct {
	in    *intake
	ssrc  uint32
	rtp   bool
	queue *packetio.Buffer
	came  chan struct{} // of one place: something may have come
	timer *time.Timer   // of wait, the reader's
	ended chan struct{}
	once  sync.Once
}

// Write takes a decrypted packet, on the connection's goroutine; a retransmission is unwrapped in place. A full queue
// drops it.
func (s *stream) Write(b []byte) (int, error) {
	if !s.rtp {
		return s.queue.Write(b, nil)
	}
	of, primary := s.in.arrived(b, s.ssrc, time.Now())
	if primary == nil {
		return s.put(b)
	}
	if packet := unwrapRTX(b, of.ssrc, of.pt); packet != nil {
		_, _ = primary.put(packet) // it is asked for again
	}
	return len(b), nil
}

func (s *stream) put(b []byte) (int, error) {
	n, err := s.queue.Write(b, nil)
	s.signal()
	return n, err
}

func (s *stream) signal() {
	select {
	case s.came <- struct{}{}:
	default:
	}
}

// wait says whether a packet, or the end, comes before a time. One goroutine reads and waits.
func (s *stream) wait(until time.Time) bool {
	for s.queue.Count() == 0 {
		left := time.Until(until)
		if left <= 0 {
			return false
		}
		if s.timer == nil {
			s.timer = time.NewTimer(left)
		} else {
			s.timer.Reset(left)
		}
		select {
		case <-s.came:
		case <-s.ended:
			return true
		case <-s.timer.C:
			return s.queue.Count() > 0
		}
	}
	return true
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
	s.once.Do(func() {
		s.in.closed(s)
		close(s.ended)
	})
	return s.queue.Close()
}
