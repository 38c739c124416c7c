package recording

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"

	"parley/signal/media"
)

// ErrOverload says that the disk could not keep up for so long that a sink gave up.
var ErrOverload = errors.New("recording: disk can't keep up")

// sink takes one participant's media into a bounded buffer from which the writer drains it. Calls copy and return;
// the lock is held for a copy or a swap of buffers, never during writing.
type sink struct {
	start    time.Time
	limit    int           // bytes buffered at most
	patience time.Duration // how long the buffer may stay full
	metrics  *metrics

	mu     sync.Mutex
	open   bool
	buf    []byte
	lost   loss
	err    error
	failed chan struct{}
}

// loss is what did not fit into the buffer since the last drain.
type loss struct {
	packets     uint64
	since, last time.Duration
}

var _ media.Sink = (*sink)(nil)

func newSink(start time.Time, limit int, patience time.Duration, m *metrics) *sink {
	return &sink{start: start, limit: limit, patience: patience, metrics: m, open: true, failed: make(chan struct{})}
}

// Packet implements [media.Sink].
func (s *sink) Packet(p media.Packet) {
	at := p.Arrival.Sub(s.start)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return
	}
	if len(s.buf)+recordHead+recordTail+p.RTP.MarshalSize() > s.limit {
		s.overflow(at)
		return
	}
	buf, err := appendPacket(s.buf, p.Track, at, p.RTP)
	if err != nil { // too long, or a header that can't be written: not storable, and counted
		s.lose(at)
		return
	}
	s.buf = buf
}

// Report implements [media.Sink].
func (s *sink) Report(r media.Report) {
	b, err := senderReport(r.RTCP)
	if err != nil {
		return
	}
	s.add(Record{Kind: RecordReport, Track: r.Track, At: r.Arrival.Sub(s.start), Payload: b})
}

// senderReport is the report without its report blocks, which say how others receive.
func senderReport(r *rtcp.SenderReport) ([]byte, error) {
	own := rtcp.SenderReport{SSRC: r.SSRC, NTPTime: r.NTPTime, RTPTime: r.RTPTime,
		PacketCount: r.PacketCount, OctetCount: r.OctetCount}
	return own.Marshal()
}

// Event implements [media.Sink]. Events of kinds that a journal doesn't know are ignored.
func (s *sink) Event(e media.Event) {
	r, err := eventRecord(e, s.start)
	if err != nil {
		return
	}
	s.add(r)
}

var errEvent = errors.New("recording: event of unknown kind")

func eventRecord(e media.Event, start time.Time) (Record, error) {
	switch e := e.(type) {
	case media.TrackStarted:
		t := e.Track
		return jsonRecord(RecordTrack, t.ID, e.At.Sub(start),
			TrackInfo{Kind: t.Kind.String(), Label: t.Label, Codec: t.Codec, SSRC: t.SSRC, Layer: t.Layer})
	case media.TrackEnded:
		return Record{Kind: RecordTrackEnd, Track: e.Track, At: e.At.Sub(start)}, nil
	case media.Muted:
		r := Record{Kind: RecordMute, Track: e.Track, At: e.At.Sub(start), Payload: []byte{0}}
		if e.Muted {
			r.Payload[0] = 1
		}
		return r, nil
	case media.Gap:
		return jsonRecord(RecordGap, e.Track, e.At.Sub(start), GapInfo{Reason: e.Reason, From: e.From, To: e.To})
	}
	return Record{}, errEvent
}

// add buffers a rare record. It may use a little more than the limit, so that a flood of packets never costs an event.
func (s *sink) add(r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open || len(r.Payload) > MaxPayload {
		return
	}
	if len(s.buf)+len(r.Payload) > s.limit+s.limit/4 {
		s.overflow(r.At)
		return
	}
	s.buf = appendRecord(s.buf, r)
}

// overflow drops a packet for want of room and fails the sink when that has lasted too long.
func (s *sink) overflow(at time.Duration) {
	s.lose(at)
	if at-s.lost.since > s.patience {
		s.failLocked(fmt.Errorf("%w: %d packets dropped", ErrOverload, s.lost.packets))
	}
}

func (s *sink) lose(at time.Duration) {
	if s.lost.packets == 0 {
		s.lost.since = at
	}
	s.lost.packets, s.lost.last = s.lost.packets+1, at
	s.metrics.dropped.Inc()
}

// drain swaps the buffer against an empty one. What was dropped meanwhile is appended as a gap (E7).
func (s *sink) drain(empty []byte) []byte {
	s.mu.Lock()
	full, lost := s.buf, s.lost
	s.buf, s.lost = empty[:0], loss{}
	s.mu.Unlock()
	if lost.packets > 0 {
		r, err := jsonRecord(RecordGap, 0, lost.last, GapInfo{Reason: media.Overload, Packets: lost.packets})
		if err == nil {
			full = appendRecord(full, r)
		}
	}
	return full
}

// fail makes the sink say why it can't store and ignore what follows. Only the first failure counts.
func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *sink) failLocked(err error) {
	if s.err == nil {
		s.err, s.open = err, false
		close(s.failed)
	}
}

// close makes the sink ignore what follows, without a failure.
func (s *sink) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = false
}

// Failed implements [media.Sink].
func (s *sink) Failed() <-chan struct{} { return s.failed }

// Err implements [media.Sink].
func (s *sink) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
