package sfu

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"parley/signal/media"
	"parley/signal/sfu/rtpcache"
	"parley/signal/sfu/seqmap"
)

// slotKey is what a slot shows: it outlives the track it shows now.
type slotKey struct {
	peer  PeerID
	label media.Label
}

// How much a subscriber may have sent again.
const (
	resendPause  = 10 * time.Millisecond // the same packet, not more often
	resendBudget = 1000                  // packets a second
)

// slot is one media section towards one subscriber. It is a webrtc.TrackLocal, which Pion binds once the section is
// negotiated. Its stream of numbers goes on whatever track it follows.
type slot struct {
	key    slotKey
	kind   media.Kind
	owner  *Peer   // the subscriber
	outlet *outlet // of the connection; nil without one
	bound  atomic.Pointer[binding]

	// Owned by the room's goroutine.
	transceiver *webrtc.RTPTransceiver
	sender      *webrtc.RTPSender
	idle        time.Time // since when it follows nothing; zero while it follows something

	mu       sync.Mutex
	source   *track
	open     bool // packets flow: for video, since a key frame
	numbers  seqmap.Map
	last     time.Time // of the last packet forwarded
	rtxSeq   uint16
	packets  uint32
	octets   uint32
	header   rtp.Header
	level    [1]byte
	scratch  []byte
	resent   [64]resend
	budget   int
	budgetAt time.Time
}

type resend struct {
	seq uint16
	at  time.Time
}

// binding is what was negotiated for a slot.
type binding struct {
	writer    webrtc.TrackLocalWriter
	ssrc, rtx uint32
	formats   map[string]format // by lower-case MIME type
	level     uint8             // id of the audio level extension, 0 for none
}

// format is a codec's payload types; rtx is zero where it was not negotiated.
type format struct{ pt, rtx uint8 }

func newSlot(owner *Peer, key slotKey, kind media.Kind) *slot {
	return &slot{owner: owner, key: key, kind: kind, scratch: make([]byte, 0, rtpcache.MaxPayload+2)}
}

// ID, StreamID, RID and Kind are what the offer says of the slot. Tracks of one participant are in one stream, so that
// the browser plays them in sync.
func (s *slot) ID() string       { return string(s.key.label) }
func (s *slot) StreamID() string { return streamID(s.key.peer) }
func (s *slot) RID() string      { return "" }

// Kind is the kind of media.
func (s *slot) Kind() webrtc.RTPCodecType {
	if s.kind == media.Video {
		return webrtc.RTPCodecTypeVideo
	}
	return webrtc.RTPCodecTypeAudio
}

// streamID makes an id fit for SDP (RFC 8830): it says who only to those who know the ids, in RTCOffer.Tracks.
func streamID(id PeerID) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return '_'
	}, string(id))
}

// Bind is called by Pion once the section is negotiated.
func (s *slot) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	b := &binding{writer: c.WriteStream(), ssrc: uint32(c.SSRC()), rtx: uint32(c.SSRCRetransmission()),
		formats: formatsOf(c.CodecParameters())}
	for _, x := range c.HeaderExtensions() {
		if x.URI == levelURI {
			b.level = uint8(x.ID) //nolint:gosec // an id is at most 255
		}
	}
	s.bound.Store(b)
	s.mu.Lock()
	t := s.source
	s.mu.Unlock()
	mime := ""
	if t != nil {
		mime = t.info.Codec.MIME
		t.requestKeyFrame() // what came before was not sent
	}
	for _, codec := range c.CodecParameters() {
		if strings.EqualFold(codec.MimeType, mime) {
			return codec, nil
		}
	}
	if len(c.CodecParameters()) == 0 {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	return c.CodecParameters()[0], nil
}

func formatsOf(codecs []webrtc.RTPCodecParameters) map[string]format {
	formats := map[string]format{}
	for _, c := range codecs {
		if !strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX) {
			formats[strings.ToLower(c.MimeType)] = format{pt: uint8(c.PayloadType), rtx: rtxOf(codecs, c.PayloadType)}
		}
	}
	return formats
}

// Unbind is called by Pion when the section ends.
func (s *slot) Unbind(webrtc.TrackLocalContext) error {
	s.bound.Store(nil)
	return nil
}

// follow makes t the source from its next packet on, for video from its next key frame on.
func (s *slot) follow(t *track) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source, s.open, s.idle = t, false, time.Time{}
}

func (s *slot) unfollow(t *track) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.source == t {
		s.source, s.open, s.idle = nil, false, time.Now()
	}
}

// resend answers a NACK for the subscriber's sequence numbers.
func (s *slot) resend(seqs []uint16, now time.Time) int {
	b := s.bound.Load()
	if b == nil {
		return 0
	}
	defer s.outlet.flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	sent := 0
	for _, seq := range seqs {
		if s.mayResend(seq, now) && s.resendOne(b, seq) {
			sent++
		}
	}
	return sent
}

// mayResend bounds what a subscriber can make the server send.
func (s *slot) mayResend(seq uint16, now time.Time) bool {
	if now.Sub(s.budgetAt) >= time.Second {
		s.budgetAt, s.budget = now, resendBudget
	}
	r := &s.resent[int(seq)%len(s.resent)]
	if s.budget == 0 || (r.seq == seq && now.Sub(r.at) < resendPause) {
		return false
	}
	s.budget--
	*r = resend{seq, now}
	return true
}

func (s *slot) resendOne(b *binding, seq uint16) bool {
	ext, ok := s.numbers.In(seq)
	if !ok || s.source == nil || !s.open {
		return false
	}
	f, ok := b.formats[s.source.mime]
	if !ok {
		return false
	}
	buf := append(s.scratch[:0], byte(seq>>8), byte(seq)) // the original number, for RTX
	p, ok := s.source.cache.Get(ext, buf)
	if !ok {
		return false
	}
	ts := s.numbers.Timestamp(p.Timestamp)
	body := p.Payload
	p.Payload = body[2:]
	if f.rtx != 0 && b.rtx != 0 {
		s.rtxSeq++
		s.fill(b, &p, s.rtxSeq, ts, f.rtx, b.rtx)
	} else {
		body = body[2:]
		s.fill(b, &p, seq, ts, f.pt, b.ssrc)
	}
	_, err := b.writer.WriteRTP(&s.header, body)
	return err == nil
}

// report makes a sender report in the publisher's wall clock, so that its tracks play in sync; nil before the
// publisher's own, or while nothing is sent.
func (s *slot) report(t *track, now time.Time) *rtcp.SenderReport {
	b, c := s.bound.Load(), t.clock.Load()
	if b == nil || c == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.source != t || !s.open {
		return nil
	}
	since := max(now.Sub(c.at), 0)
	ticks := uint32(since.Seconds() * float64(t.info.Codec.ClockRate))
	return &rtcp.SenderReport{SSRC: b.ssrc, NTPTime: c.ntp + ntpOf(since), RTPTime: s.numbers.Timestamp(c.rtp + ticks),
		PacketCount: s.packets, OctetCount: s.octets}
}

// ntpOf is a duration in units of 2^-32 seconds (RFC 3550, section 4).
func ntpOf(d time.Duration) uint64 {
	s := uint64(d / time.Second)                         //nolint:gosec // not negative
	return s<<32 | uint64(d%time.Second)<<32/uint64(1e9) //nolint:gosec // not negative
}

// waiting says that the slot needs a key frame to begin.
func (s *slot) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source != nil && !s.open && s.kind == media.Video && s.bound.Load() != nil
}
