package mux

import (
	"strings"
	"time"

	"github.com/pion/rtp"
	rtpcodecs "github.com/pion/rtp/codecs"
)

// mime is a codec's MIME type in lower case.
type mime string

// codec is how a codec's packets become frames of a file.
type codec struct {
	id      string // the file's
	rate    int    // of the RTP clock, Hz
	video   bool
	leader  []byte // a frame that shows or says nothing
	open    func(payload []byte) (part, error)
	size    func(payload []byte) (width, height int)
	private []byte
}

// part is what one packet holds of a frame.
type part struct {
	data  []byte
	first bool // begins a frame
	key   bool // of a key frame; told by its first part only
}

// codecs are what a WebM file can hold. The keys are in lower case because SDP's names are not case-sensitive.
var codecs = map[mime]codec{
	"audio/opus": {id: "A_OPUS", rate: 48000, leader: []byte{0xf8, 0xff, 0xfe}, private: opusHead},
	"video/vp8": {id: "V_VP8", rate: 90000, video: true, open: openVP8, size: sizeVP8, leader: []byte{
		0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00, 0x47, 0x08, 0x85, 0x85, 0x88, 0x85, 0x84,
		0x88, 0x02, 0x02, 0x00, 0x0c, 0x0d, 0x60, 0x00, 0xfe, 0xff, 0xab, 0x50, 0x80}},
	"video/vp9": {id: "V_VP9", rate: 90000, video: true, open: openVP9, size: sizeVP9, leader: []byte{
		0x82, 0x49, 0x83, 0x42, 0x00, 0x00, 0xf0, 0x00, 0xf6, 0x00, 0x38, 0x24, 0x1c, 0x18, 0x42, 0x00, 0x00, 0x30,
		0x60, 0x00, 0x00, 0x10, 0xbf, 0xff, 0xfd, 0x8b, 0x2a, 0x00, 0x00}},
}

// openVP8 reads a payload descriptor (RFC 7741, 4.2) and whether the frame is a key frame (RFC 6386, 9.1).
func openVP8(payload []byte) (part, error) {
	var p rtpcodecs.VP8Packet
	data, err := p.Unmarshal(payload)
	if err != nil {
		return part{}, err
	}
	first := p.S == 1 && p.PID == 0
	return part{data: data, first: first, key: first && len(data) > 0 && data[0]&1 == 0}, nil
}

// openVP9 reads a payload descriptor (RFC 9628, 4.2).
func openVP9(payload []byte) (part, error) {
	var p rtpcodecs.VP9Packet
	data, err := p.Unmarshal(payload)
	if err != nil {
		return part{}, err
	}
	first := p.B && p.SID == 0
	return part{data: data, first: first, key: first && !p.P}, nil
}

// sizeVP8 gives the picture's size when the packet begins a key frame (RFC 6386, 9.1).
func sizeVP8(payload []byte) (width, height int) {
	p, err := openVP8(payload)
	if err != nil || !p.key || len(p.data) < 10 || p.data[3] != 0x9d || p.data[4] != 0x01 || p.data[5] != 0x2a {
		return 0, 0
	}
	return int(p.data[6]) | int(p.data[7]&0x3f)<<8, int(p.data[8]) | int(p.data[9]&0x3f)<<8
}

// sizeVP9 gives the picture's size when the packet begins a key frame of profile 0 (VP9 bitstream, 6.2).
func sizeVP9(payload []byte) (width, height int) {
	p, err := openVP9(payload)
	if err != nil || !p.key || len(p.data) < 10 {
		return 0, 0
	}
	b := bits{data: p.data}
	if b.read(2) != 2 || b.read(2) != 0 || b.read(2) != 0 { // marker; profile 0; shown now, key frame
		return 0, 0
	}
	b.read(2) // show_frame, error_resilient_mode
	if b.read(24) != 0x498342 {
		return 0, 0
	}
	if b.read(3) != 7 { // not sRGB: one more bit of colour
		b.read(1)
	}
	return b.read(16) + 1, b.read(16) + 1
}

// bits reads big-endian bit fields; beyond the end it reads zeros.
type bits struct {
	data []byte
	pos  int
}

func (b *bits) read(n int) (v int) {
	for range n {
		v <<= 1
		if i := b.pos / 8; i < len(b.data) {
			v |= int(b.data[i]>>(7-b.pos%8)) & 1
		}
		b.pos++
	}
	return v
}

// frame is one frame of a run, at its RTP time.
type frame struct {
	run  *run
	ts   int64
	key  bool
	data []byte
}

// assembler makes frames of a run's packets in their order. A video frame counts only when it is whole: it begins with
// a first part, every packet of it came, and its last one has the marker. When one is not, the picture can't be decoded
// until the next key frame, so nothing is given until then.
type assembler struct {
	order
	run     *run
	emit    func(frame)
	partial frame
	open    bool // partial has its beginning
	synced  bool // the frames since a key frame are all there
}

func newAssembler(r *run, emit func(frame)) *assembler {
	a := &assembler{run: r, emit: emit}
	a.deliver = a.audio
	if r.codec.video {
		a.deliver = a.video
	}
	return a
}

// audio takes each packet as a frame: there is nothing to wait for after a loss.
func (a *assembler) audio(ts int64, p *rtp.Packet, _ bool) {
	if len(p.Payload) > 0 {
		a.emit(frame{run: a.run, ts: ts, key: true, data: append([]byte(nil), p.Payload...)})
	}
}

func (a *assembler) video(ts int64, p *rtp.Packet, gap bool) {
	if gap {
		a.lose()
	}
	if len(p.Payload) == 0 {
		return // padding, which probes the network
	}
	if a.open && ts != a.partial.ts {
		a.lose() // the frame before never ended
	}
	if !a.take(ts, p) {
		a.lose()
		return
	}
	if p.Marker {
		a.finish()
	}
}

// take adds a packet to the frame that it is of, or begins one.
func (a *assembler) take(ts int64, p *rtp.Packet) bool {
	part, err := a.run.codec.open(p.Payload)
	if err != nil || !a.open && !part.first {
		return false
	}
	if !a.open {
		a.partial, a.open = frame{run: a.run, ts: ts, key: part.key}, true
	}
	a.partial.data = append(a.partial.data, part.data...)
	return true
}

// lose gives up the frame at hand and what depends on it.
func (a *assembler) lose() { a.open, a.synced = false, false }

func (a *assembler) finish() {
	f := a.partial
	a.open, a.partial = false, frame{}
	if a.synced = a.synced || f.key; a.synced && len(f.data) > 0 {
		a.emit(f)
	}
}

// opusFrames is how long one frame of each of Opus' 32 configurations lasts, in tenths of a millisecond (RFC 6716, 3.1).
var opusFrames = [32]int{
	100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 100, 200,
	25, 50, 100, 200, 25, 50, 100, 200, 25, 50, 100, 200, 25, 50, 100, 200,
}

// opusLength is how long an Opus packet lasts.
func opusLength(b []byte) time.Duration {
	if len(b) == 0 {
		return 0
	}
	n := 2
	switch b[0] & 3 {
	case 0:
		n = 1
	case 3:
		n = 0
		if len(b) > 1 {
			n = int(b[1] & 0x3f)
		}
	}
	return time.Duration(n*opusFrames[b[0]>>3]) * 100 * time.Microsecond
}

// opusHead is a track's private data (RFC 7845, 5.1): version 1, two channels, pre-skip 312, 48 kHz, no gain, mapping 0.
var opusHead = append([]byte("OpusHead"), 1, 2, 312&0xff, 312>>8, 0x80, 0xbb, 0, 0, 0, 0, 0)

// lower makes a MIME type a key of codecs.
func lower(s string) mime { return mime(strings.ToLower(s)) }
