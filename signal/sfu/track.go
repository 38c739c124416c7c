package sfu

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"parley/signal/media"
	"parley/signal/sfu/rtpcache"
	"parley/signal/sfu/seqmap"
	"parley/signal/sfu/udp"
)

// How many packets are kept to answer NACKs: two seconds of a good picture, five of sound.
const (
	videoCache = 512
	audioCache = 256
)

// delaySample is how many packets go by for one in the histogram of delays.
const delaySample = 64

// track is one stream that a peer publishes.
//
// mu serialises the goroutine that reads its packets, the one that reads its sender reports, repair and the end: every
// call of the sink about this track stands under it. Slots are read without it.
type track struct {
	info    media.Track
	mime    string // in lower case
	peer    *Peer
	sink    media.Sink
	metrics *metrics
	conn    *udp.Conn
	isKey   func(payload []byte) bool // nil for audio
	level   uint8                     // id of the audio level extension in the publisher's packets, 0 for none

	cache *rtpcache.Cache
	slots atomic.Pointer[[]*slot] // changed by the room's goroutine only
	clock atomic.Pointer[clock]   // of the last sender report

	keyFrame atomic.Bool // a key frame is wanted

	mu     sync.Mutex
	ended  bool
	window seqmap.Window
	packet rtp.Packet // of the call under way
	frame  frame      // what is held back
	repair repair
	heard  reception
	count  uint
}

// clock relates the publisher's media clock to its wall clock.
type clock struct {
	ntp uint64
	rtp uint32
	at  time.Time
}

func newTrack(p *Peer, info media.Track) *track {
	t := &track{info: info, mime: strings.ToLower(info.Codec.MIME), peer: p, sink: p.cfg.Sink, metrics: p.room.metrics, conn: p.room.worker.conn,
		isKey: keyFrameOf(info.Codec.MIME)}
	size := audioCache
	if info.Kind == media.Video {
		size = videoCache
	}
	t.cache = rtpcache.New(size)
	t.slots.Store(&[]*slot{})
	return t
}

// start tells the sink of the track before its first packet.
func (t *track) start(muted bool) {
	now := time.Now()
	t.tell(media.TrackStarted{At: now, Track: t.info})
	if muted {
		t.tell(media.Muted{At: now, Track: t.info.ID, Muted: true})
	}
}

// tell hands the sink an event, unless the track has ended.
func (t *track) tell(e media.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tellLocked(e)
}

func (t *track) tellLocked(e media.Event) {
	if t.sink != nil && !t.ended {
		t.sink.Event(e)
	}
}

// end tells the sink that the track has ended; nothing of it reaches the sink or a slot afterwards.
func (t *track) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.release()
	t.abandon(t.repair.all(), now)
	t.tellLocked(media.TrackEnded{At: now, Track: t.info.ID})
	t.ended = true
}

// receive takes one RTP packet of the publisher; raw is only read during the call.
func (t *track) receive(raw []byte, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &t.packet
	if t.ended {
		return
	}
	if err := p.Unmarshal(raw); err != nil || p.PayloadType != t.info.Codec.PayloadType {
		t.metrics.malformed.Inc()
		return
	}
	ext, ok := t.accept(p, at)
	if !ok || !t.store(p, at) {
		return
	}
	t.forward(ext, at)
}

// accept drops repeats, keeps the figures for receiver reports and notes what is missing.
func (t *track) accept(p *rtp.Packet, at time.Time) (uint64, bool) {
	first, highest := !t.window.Started(), t.window.Highest()
	ext, verdict := t.window.Accept(p.SequenceNumber)
	if verdict != seqmap.Fresh {
		t.metrics.repeated.Inc()
		return 0, false
	}
	t.heard.packet(ext, p.Timestamp, t.info.Codec.ClockRate, at, first)
	switch {
	case first:
	case ext > highest+1:
		t.missing(highest+1, ext-1, at)
	case ext < highest:
		t.repair.arrived(ext)
	}
	return ext, true
}

// missing begins the repair of a gap, or gives it up at once when it is hopeless.
func (t *track) missing(from, to uint64, at time.Time) {
	if !t.repair.begin(from, to, at) {
		t.abandon([]span{{from, to}}, at)
		return
	}
	t.peer.nudge()
}

// abandon writes gaps into the evidence (E7) and asks for a picture that does not need what is missing.
func (t *track) abandon(gaps []span, at time.Time) {
	for _, g := range gaps {
		t.metrics.lost.Add(float64(g.to - g.from + 1))
		t.tellLocked(media.Gap{At: at, Track: t.info.ID, From: g.from, To: g.to, Reason: media.Loss})
	}
	if len(gaps) > 0 {
		t.requestKeyFrame()
	}
}

// store hands the packet to the sink; false when the sink has failed, then nothing may be forwarded.
func (t *track) store(p *rtp.Packet, at time.Time) bool {
	if t.sink == nil {
		return true
	}
	select {
	case <-t.sink.Failed():
		t.peer.sinkFailed()
		return false
	default:
	}
	t.sink.Packet(media.Packet{Track: t.info.ID, Arrival: at, RTP: p})
	return true
}

// report takes a sender report of the publisher and passes its clock on to the subscribers.
func (t *track) report(sr *rtcp.SenderReport, at time.Time) {
	t.clock.Store(&clock{ntp: sr.NTPTime, rtp: sr.RTPTime, at: at})
	t.mu.Lock()
	if !t.ended {
		t.heard.report(sr.NTPTime, at)
		if t.sink != nil {
			t.sink.Report(media.Report{Track: t.info.ID, Arrival: at, RTCP: sr})
		}
	}
	t.mu.Unlock()
}

// requestKeyFrame asks for a key frame as soon as the throttle allows. It takes no lock and never blocks.
func (t *track) requestKeyFrame() {
	if t.isKey == nil {
		return
	}
	t.keyFrame.Store(true)
	t.peer.nudge()
}

// attach lets a slot have the track's packets; it runs on the room's goroutine.
func (t *track) attach(s *slot) {
	list := append(slices.Clone(*t.slots.Load()), s)
	t.slots.Store(&list)
	s.follow(t)
	t.requestKeyFrame()
}

// detach is attach's opposite.
func (t *track) detach(s *slot) {
	list := slices.DeleteFunc(slices.Clone(*t.slots.Load()), func(x *slot) bool { return x == s })
	t.slots.Store(&list)
	s.unfollow(t)
}
