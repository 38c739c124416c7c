package sfu

import (
	"time"

	"github.com/pion/rtp"

	"parley/signal/media"
	"parley/signal/sfu/rtpcache"
)

// forward sends the packets of a frame of t to the subscriber and says how many of them were for it.
func (s *slot) forward(t *track, f *frame) int {
	b := s.bound.Load()
	if b == nil {
		return 0
	}
	sent := s.write(t, f, b)
	if sent > 0 {
		s.outlet.flush()
	}
	return sent
}

func (s *slot) write(t *track, f *frame, b *binding) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	format, ok := b.formats[t.mime]
	if !ok || s.source != t {
		return 0
	}
	// A packet that is sent again without RTX is encrypted with the same nonce once more, so it must be the same to
	// the byte, and the cache knows of no padding.
	pads := format.rtx != 0 && b.rtx != 0 && s.outlet.segments()
	sent := 0
	for i := range f.count {
		p := &f.packets[i]
		if !s.open && f.keys[i] {
			s.begin(t, p, f.at)
		}
		padding := uint8(0)
		if pads {
			padding = f.padding(i)
		}
		if s.open && s.writeOne(b, p, format.pt, padding) {
			sent++
		}
	}
	if sent > 0 {
		s.last = f.at
	}
	return sent
}

func (s *slot) writeOne(b *binding, p *rtpcache.Packet, pt, padding uint8) bool {
	seq, ts, ok := s.numbers.Out(p.Seq, p.Timestamp)
	if !ok {
		return false
	}
	s.fill(b, p, seq, ts, pt, b.ssrc)
	if padding > 0 { // RFC 3550, 5.1
		s.header.Padding, s.header.PaddingSize = true, padding
	}
	if _, err := b.writer.WriteRTP(&s.header, p.Payload); err != nil {
		return false
	}
	s.packets++
	s.octets += uint32(len(p.Payload)) //nolint:gosec // at most an MTU
	return true
}

// begin starts a run of numbers at p.
func (s *slot) begin(t *track, p *rtpcache.Packet, at time.Time) {
	elapsed := time.Duration(0)
	if !s.last.IsZero() {
		elapsed = min(max(at.Sub(s.last), 0), time.Hour)
	}
	s.numbers.Switch(p.Seq, p.Timestamp, uint32(elapsed.Seconds()*float64(t.info.Codec.ClockRate)))
	s.open = true
}

// fill makes the header of what is sent; it allocates nothing.
func (s *slot) fill(b *binding, p *rtpcache.Packet, seq uint16, ts uint32, pt uint8, ssrc uint32) {
	h := &s.header
	*h = rtp.Header{Version: 2, Marker: p.Marker, PayloadType: pt, SequenceNumber: seq, Timestamp: ts, SSRC: ssrc,
		Extensions: h.Extensions[:0]}
	if len(p.Payload) == 0 && p.Padding > 0 {
		h.Padding, h.PaddingSize = true, p.Padding
	}
	if s.kind == media.Audio && b.level != 0 {
		s.level[0] = p.Level
		_ = h.SetExtension(b.level, s.level[:]) // one byte always fits
	}
}
