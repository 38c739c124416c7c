package recordingtest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"parley/signal/media"
)

// Item is something that arrives at a sink at a time since the recording's start: a packet, a report or an event.
type Item struct {
	At    time.Duration
	Track media.TrackID
	RTP   *rtp.Packet
	SR    *rtcp.SenderReport
	// Event makes the event for the moment at which it arrives.
	Event func(at time.Time) media.Event
}

// Play gives the items to a sink in the order of their arrival.
func Play(s media.Sink, start time.Time, items []Item) {
	slices.SortStableFunc(items, func(a, b Item) int { return int(a.At - b.At) })
	for _, i := range items {
		i.give(s, start.Add(i.At))
	}
}

func (i Item) give(s media.Sink, at time.Time) {
	switch {
	case i.RTP != nil:
		s.Packet(media.Packet{Track: i.Track, Arrival: at, RTP: i.RTP})
	case i.SR != nil:
		s.Report(media.Report{Track: i.Track, Arrival: at, RTCP: i.SR})
	case i.Event != nil:
		s.Event(i.Event(at))
	}
}

// Clock is a sender's wall clock as the server sees it.
type Clock struct {
	Offset time.Duration // how far it is ahead
	PPM    float64       // how much faster it runs
	Delay  time.Duration // of the network, at least
	Jitter time.Duration // on top, at random
	Noise  time.Duration // by how much a report's wall clock may be off, either way
	Seed   uint64
}

// ntp is what the sender's clock shows at a time since the recording's start, as an NTP timestamp.
func (c Clock) ntp(t time.Duration) uint64 {
	const start = 3_900_000_000                                          // seconds since 1900
	t += c.Offset + time.Duration(float64(t)*c.PPM/1e6) + 1000*time.Hour // never negative
	return uint64(start+int64(t/time.Second))<<32 + uint64(t%time.Second)<<32/uint64(time.Second)
}

// Frame is a coded frame and when it was captured, since the recording's start.
type Frame struct {
	At   time.Duration
	Data []byte
}

// Stream is one track to be sent.
type Stream struct {
	Track  media.Track
	Frames []Frame
	Clock  Clock
	// NoReports leaves sender reports out.
	NoReports bool
	// Ends says that the track is announced as ended behind the last frame.
	Ends bool
}

// Tracks as browsers send them.
var (
	Opus = media.Codec{MIME: "audio/opus", ClockRate: 48000, Channels: 2, PayloadType: 111}
	VP8  = media.Codec{MIME: "video/VP8", ClockRate: 90000, PayloadType: 96}
	VP9  = media.Codec{MIME: "video/VP9", ClockRate: 90000, PayloadType: 98}
)

// Microphone is an Opus track.
func Microphone(id media.TrackID) media.Track {
	return media.Track{ID: id, Kind: media.Audio, Label: media.Microphone, Codec: Opus, SSRC: 1000 + uint32(id)}
}

// Camera is a video track.
func Camera(id media.TrackID, c media.Codec) media.Track {
	return media.Track{ID: id, Kind: media.Video, Label: media.Camera, Codec: c, SSRC: 1000 + uint32(id)}
}

// Silence is an Opus frame of 20 ms without sound.
var Silence = []byte{0xf8, 0xff, 0xfe}

// Talk makes Opus frames of 20 ms between two times.
func Talk(from, to time.Duration) []Frame {
	var f []Frame
	for at := from; at < to; at += 20 * time.Millisecond {
		f = append(f, Frame{At: at, Data: Silence})
	}
	return f
}

// Picture makes VP8 frames of size bytes at 25 a second, the first of each keyEvery a key frame of 640×480. Their headers
// are right, their pictures are noise.
func Picture(from, to time.Duration, size, keyEvery int) []Frame {
	var frames []Frame
	for at := from; at < to; at += 40 * time.Millisecond {
		b := make([]byte, max(size, 10))
		b[0] = 0x11 // shown, not a key frame
		if len(frames)%keyEvery == 0 {
			copy(b, []byte{0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01})
		}
		frames = append(frames, Frame{At: at, Data: b})
	}
	return frames
}

// Items packetises the stream as it would arrive.
func (s Stream) Items() []Item {
	p := &packetiser{Stream: s, rand: rand.New(rand.NewPCG(s.Clock.Seed, uint64(s.Track.ID)))}
	p.seq, p.base = uint16(p.rand.Uint32()), p.rand.Uint32()
	p.payloader = payloader(s.Track.Codec)
	if len(s.Frames) == 0 {
		return nil
	}
	p.items = append(p.items, Item{At: s.Frames[0].At, Track: s.Track.ID,
		Event: func(at time.Time) media.Event { return media.TrackStarted{At: at, Track: s.Track} }})
	for _, f := range s.Frames {
		p.frame(f)
	}
	last := s.Frames[len(s.Frames)-1].At
	if s.Ends {
		p.items = append(p.items, Item{At: last + time.Second, Track: s.Track.ID,
			Event: func(at time.Time) media.Event { return media.TrackEnded{At: at, Track: s.Track.ID} }})
	}
	if !s.NoReports {
		p.reports(s.Frames[0].At, last)
	}
	return p.items
}

type packetiser struct {
	Stream
	rand      *rand.Rand
	payloader rtp.Payloader
	seq       uint16
	base      uint32
	items     []Item
}

func payloader(c media.Codec) rtp.Payloader {
	switch c.MIME {
	case VP8.MIME:
		return &codecs.VP8Payloader{EnablePictureID: true}
	case VP9.MIME:
		return &codecs.VP9Payloader{InitialPictureIDFn: func() uint16 { return 7 }}
	}
	return &codecs.OpusPayloader{}
}

// rtpTime is the track's RTP clock, which runs with the sender's wall clock.
func (p *packetiser) rtpTime(t time.Duration) uint32 {
	t += time.Duration(float64(t) * p.Clock.PPM / 1e6)
	return p.base + uint32(int64(t)*int64(p.Track.Codec.ClockRate)/int64(time.Second))
}

func (p *packetiser) arrival(t time.Duration) time.Duration {
	t += p.Clock.Delay
	if p.Clock.Jitter > 0 {
		t += time.Duration(p.rand.Int64N(int64(p.Clock.Jitter)))
	}
	return t
}

func (p *packetiser) frame(f Frame) {
	parts := p.payloader.Payload(1100, f.Data)
	at := p.arrival(f.At)
	for i, b := range parts {
		p.items = append(p.items, Item{At: at, Track: p.Track.ID, RTP: &rtp.Packet{
			Header: rtp.Header{Version: 2, PayloadType: p.Track.Codec.PayloadType, SSRC: p.Track.SSRC,
				SequenceNumber: p.seq, Timestamp: p.rtpTime(f.At), Marker: i == len(parts)-1},
			Payload: b,
		}})
		p.seq++
	}
}

// reports come first when browsers send them, after 0.5 s (video) and 2.4 s (audio), then every second and 5 s.
func (p *packetiser) reports(from, to time.Duration) {
	first, every := 500*time.Millisecond, time.Second
	if p.Track.Kind == media.Audio {
		first, every = 2400*time.Millisecond, 5*time.Second
	}
	for t := from + first; t <= to; t += every {
		wall := t
		if p.Clock.Noise > 0 {
			wall += time.Duration(p.rand.Int64N(2*int64(p.Clock.Noise))) - p.Clock.Noise
		}
		p.items = append(p.items, Item{At: p.arrival(t), Track: p.Track.ID, SR: &rtcp.SenderReport{
			SSRC: p.Track.SSRC, NTPTime: p.Clock.ntp(wall), RTPTime: p.rtpTime(t),
		}})
	}
}

// Lose drops packets at random.
func Lose(items []Item, share float64, seed uint64) []Item {
	r := rand.New(rand.NewPCG(seed, 1))
	return slices.DeleteFunc(items, func(i Item) bool { return i.RTP != nil && r.Float64() < share })
}

// Repeat doubles packets at random; the copy comes a little later.
func Repeat(items []Item, share float64, seed uint64) []Item {
	r := rand.New(rand.NewPCG(seed, 2))
	for _, i := range slices.Clone(items) {
		if i.RTP != nil && r.Float64() < share {
			i.At += time.Duration(r.Int64N(int64(30 * time.Millisecond)))
			items = append(items, i)
		}
	}
	return items
}

// Shuffle delays packets at random by up to d, so that later ones overtake them.
func Shuffle(items []Item, share float64, d time.Duration, seed uint64) []Item {
	r := rand.New(rand.NewPCG(seed, 3))
	for k := range items {
		if items[k].RTP != nil && r.Float64() < share {
			items[k].At += time.Duration(r.Int64N(int64(d)))
		}
	}
	return items
}
