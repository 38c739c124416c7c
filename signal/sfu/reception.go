package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// reception keeps what a receiver report says (RFC 3550, 6.4.1 and A.3, A.8). Callers serialise.
type reception struct {
	base, highest uint64
	received      uint64
	expectedPrior uint64
	receivedPrior uint64
	jitter        float64 // in ticks
	transit       int64
	seenTransit   bool
	epoch         time.Time
	lastSR        uint32 // the middle of its NTP time
	lastSRAt      time.Time
}

func (h *reception) packet(ext uint64, ts, rate uint32, at time.Time, first bool) {
	if first {
		h.base, h.highest, h.epoch = ext, ext, at
	}
	h.highest = max(h.highest, ext)
	h.base = min(h.base, ext)
	h.received++
	ticks := int64(at.Sub(h.epoch).Seconds() * float64(rate))
	transit := int64(int32(uint32(ticks) - ts)) //nolint:gosec // modular on purpose
	if h.seenTransit {
		d := transit - h.transit
		if d < 0 {
			d = -d
		}
		if d < int64(rate) { // a wrap or a jump is no jitter
			h.jitter += (float64(d) - h.jitter) / 16
		}
	}
	h.transit, h.seenTransit = transit, true
}

func (h *reception) report(ntp uint64, at time.Time) {
	h.lastSR, h.lastSRAt = uint32(ntp>>16), at //nolint:gosec // the middle 32 bits
}

// block makes the report block for the time since the one before; false before the first packet.
func (h *reception) block(ssrc uint32, now time.Time) (rtcp.ReceptionReport, bool) {
	if h.received == 0 {
		return rtcp.ReceptionReport{}, false
	}
	expected := h.highest - h.base + 1
	lostNow := int64(expected-h.expectedPrior) - int64(h.received-h.receivedPrior) //nolint:gosec // small
	fraction := fractionLost(lostNow, int64(expected-h.expectedPrior))             //nolint:gosec // small
	total := min(max(int64(expected)-int64(h.received), 0), 1<<23-1)               //nolint:gosec // far below 2^63
	h.expectedPrior, h.receivedPrior = expected, h.received
	r := rtcp.ReceptionReport{SSRC: ssrc, FractionLost: fraction, TotalLost: uint32(total), //nolint:gosec // clamped
		LastSequenceNumber: uint32(h.highest), Jitter: uint32(h.jitter)} //nolint:gosec // modular on purpose
	if !h.lastSRAt.IsZero() {
		r.LastSenderReport = h.lastSR
		r.Delay = uint32(now.Sub(h.lastSRAt).Seconds() * 65536)
	}
	return r, true
}

func fractionLost(lost, expected int64) uint8 {
	if lost <= 0 || expected <= 0 {
		return 0
	}
	return uint8(min(lost*256/expected, 255)) //nolint:gosec // clamped
}
