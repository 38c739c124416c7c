package sfu

import (
	"time"

	"parley/signal/media"
	"parley/signal/sfu/rtpcache"
)

// How packets of a picture are held back so that they leave together.
const (
	// holdFor is how long the first packet of a picture waits for the rest at most. A picture is shown once its last
	// packet is there, and that one never waits: holding the others back makes nobody see anything later.
	holdFor = time.Millisecond
	// maxFrame is how many are held at most.
	maxFrame = 64
	// maxPadding is how many bytes a packet may be padded with to be as long as the longest of its frame.
	maxPadding = 64
)

// frame is a run of packets of one picture that go to each subscriber together. Payloads belong to the track's cache,
// where nothing overwrites them while they are within maxFrame numbers of each other. Callers serialise.
type frame struct {
	packets [maxFrame]rtpcache.Packet
	keys    [maxFrame]bool // the packet begins a key frame, or is sound
	count   int
	longest int // payload
	bytes   int
	at      time.Time // arrival of the first
}

// fits says whether p may go with what is held.
func (f *frame) fits(p *rtpcache.Packet) bool {
	first := &f.packets[0]
	return f.count == 0 || (f.count < maxFrame && p.Timestamp == first.Timestamp && p.Seq-first.Seq < maxFrame)
}

func (f *frame) add(p rtpcache.Packet, key bool, at time.Time) {
	if f.count == 0 {
		f.at, f.longest, f.bytes = at, 0, 0
	}
	f.packets[f.count], f.keys[f.count] = p, key
	f.count++
	f.longest = max(f.longest, len(p.Payload))
	f.bytes += len(p.Payload)
}

// padding is what packet i needs to be as long as the longest, zero when that is too much; the last one of a run may be
// shorter. libwebrtc splits a picture shorter first, a byte apart.
func (f *frame) padding(i int) uint8 {
	n := f.longest - len(f.packets[i].Payload)
	if i == f.count-1 || n > maxPadding || len(f.packets[i].Payload) == 0 {
		return 0
	}
	return uint8(n) //nolint:gosec // checked
}

// forward keeps the packet for NACKs and sends it to every subscriber: at once, or, while the rest of its picture is on
// its way, soon.
func (t *track) forward(ext uint64, at time.Time) {
	p := t.outgoing(ext)
	key := t.isKey == nil || t.isKey(p.Payload)
	late := ext != t.window.Highest()
	if late || !t.frame.fits(&p) {
		t.release()
	}
	kept, ok := t.cache.Put(p)
	t.frame.add(kept, key, at)
	if !ok || late || p.Marker || !t.holding() || t.frame.count == maxFrame {
		t.release()
	}
}

// outgoing is the packet under way as subscribers and the cache know it.
func (t *track) outgoing(ext uint64) rtpcache.Packet {
	p := &t.packet
	out := rtpcache.Packet{Seq: ext, Timestamp: p.Timestamp, Marker: p.Marker, Payload: p.Payload}
	if len(p.Payload) == 0 {
		out.Padding = p.Header.PaddingSize
	}
	if level := p.GetExtension(t.level); t.level != 0 && len(level) > 0 {
		out.Level = level[0]
	}
	return out
}

// holding says whether packets are held back at all: sound never is, and without segments there is nothing to gain.
func (t *track) holding() bool { return t.info.Kind == media.Video && t.conn.Segments() }

// release sends what is held to every subscriber, one after another.
func (t *track) release() {
	f := &t.frame
	if f.count == 0 {
		return
	}
	sent := 0
	for _, s := range *t.slots.Load() {
		sent += s.forward(t, f)
	}
	t.counted(sent, f)
	f.count = 0
}

func (t *track) counted(sent int, f *frame) {
	if sent == 0 {
		return
	}
	t.metrics.packets.Add(float64(sent))
	t.metrics.bytes.Add(float64(sent * f.bytes / f.count))
	if t.count += uint(f.count); t.count >= delaySample { //nolint:gosec // not negative
		t.count = 0
		t.metrics.delay.Observe(time.Since(f.at).Seconds())
	}
}

// held says until when what is held may wait; false when nothing is.
func (t *track) held() (time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frame.at.Add(holdFor), t.frame.count > 0 && !t.ended
}

// expire sends what has been held long enough.
func (t *track) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.release()
	}
}
