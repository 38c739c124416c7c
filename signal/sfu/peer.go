package sfu

import (
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"parley/internal/policy"
	"parley/signal/media"
	"parley/signal/wire"
)

// Publish says what a peer may publish. The zero value allows nothing: such a peer only watches.
type Publish struct {
	Audio  bool // one microphone
	Video  bool // one camera
	Screen bool // one screen
}

func (p Publish) allows(l media.Label) bool {
	switch l {
	case media.Microphone:
		return p.Audio
	case media.Camera:
		return p.Video
	case media.Screen:
		return p.Screen
	}
	return false
}

// PeerConfig is a peer as its owner wants it.
type PeerConfig struct {
	ID      PeerID
	Publish Publish
	// Sink takes everything the peer publishes, each packet before it is forwarded; nil for none. Once it has failed
	// nothing of the peer is forwarded. The owner closes it, after Leave, a replacing Join or Close has returned.
	Sink media.Sink
	// Send takes an RTCOffer, RTCAnswer or RTCCandidate for the client, with Interview left empty; it must keep
	// their order and not block. Required.
	Send func(wire.Body)
	// Events tells what happens, in order; nil for none.
	//
	// Send and Events are called from one goroutine of the room that serves nothing else. They are not called any
	// more after Leave, a replacing Join or Close has returned, except for one call that was already under way.
	Events func(PeerEvent)
}

// Peer is one participant in a room. Its methods may be called from anywhere. It is a media.Source.
type Peer struct {
	cfg  PeerConfig
	room *Room
	gone atomic.Bool

	// published is a copy of tracks for readers outside the room's goroutine.
	published atomic.Pointer[[]*track]
	out       atomic.Pointer[connection]            // "pub", for the reports goroutine
	in        atomic.Pointer[webrtc.PeerConnection] // "sub", for sender reports
	wake      chan struct{}                         // has the reports goroutine look at the tracks
	sinkDead  atomic.Bool
	stop      chan struct{} // closed when the peer is out

	// Owned by the room's goroutine.
	pub       *publisher
	sub       *subscriber
	tracks    []*track
	muted     map[media.Label]bool
	connected bool
	reporting bool // the reports goroutine runs
}

var _ media.Source = (*Peer)(nil)

func newPeer(r *Room, cfg PeerConfig) *Peer {
	p := &Peer{cfg: cfg, room: r, wake: make(chan struct{}, 1), stop: make(chan struct{}),
		muted: map[media.Label]bool{}}
	p.published.Store(&[]*track{})
	return p
}

// ID is the peer's id.
func (p *Peer) ID() PeerID { return p.cfg.ID }

// Handle takes what the client sent: wire.RTCOffer on "pub", wire.RTCAnswer on "sub", wire.RTCCandidate on either,
// wire.RTCRestart. An answer goes out through Send. Errors wrap a *policy.Refusal: bad_request says what was wrong,
// forbidden that the peer may not publish that, gone that it is out of the room; anything else is internal.
func (p *Peer) Handle(b wire.Body) error {
	return p.do(func() error {
		switch b := b.(type) {
		case wire.RTCOffer:
			return p.handleOffer(&b)
		case *wire.RTCOffer:
			return p.handleOffer(b)
		case wire.RTCAnswer:
			return p.handleAnswer(&b)
		case *wire.RTCAnswer:
			return p.handleAnswer(b)
		case wire.RTCCandidate:
			return p.handleCandidate(&b)
		case *wire.RTCCandidate:
			return p.handleCandidate(b)
		case wire.RTCRestart, *wire.RTCRestart:
			return p.handleRestart()
		}
		return bad("This frame is not part of negotiation", "该消息不属于媒体协商")
	})
}

// bad refuses a request of the client and says what was wrong with it.
func bad(en, zh string) *policy.Refusal { return policy.ErrBadRequest.With(en+".", zh+"。") }

// do runs f on the room's goroutine while the peer is in the room.
func (p *Peer) do(f func() error) error {
	return p.room.do(func() error {
		if p.gone.Load() {
			return closed("peer")
		}
		return f()
	})
}

// post runs f on the room's goroutine soon, if the peer is still in the room then.
func (p *Peer) post(f func()) {
	p.room.post(func() {
		if !p.gone.Load() {
			f()
		}
	})
}

// Mute notes that the participant muted or unmuted what they publish under a label; the sink is told, now or when the
// track appears. Whatever the client still sends is forwarded.
func (p *Peer) Mute(label media.Label, muted bool) error {
	return p.do(func() error {
		if !p.cfg.Publish.allows(label) {
			return bad("Nothing is published under this label", "未发布该媒体")
		}
		p.muted[label] = muted
		for _, t := range p.tracks {
			if t.info.Label == label {
				t.tell(media.Muted{At: time.Now(), Track: t.info.ID, Muted: muted})
			}
		}
		return nil
	})
}

// Leave takes the peer out of the room. When it returns, TrackEnded was told to the sink for each track, and neither
// the sink nor, but for a call under way, Send and Events are called any more. It may be called more than once.
func (p *Peer) Leave() {
	_ = p.room.do(func() error { // a closed room has removed it already
		p.room.remove(p)
		return nil
	})
}

// RequestKeyFrame asks the client for a key frame of a track, at most once in 500 ms; a request in between is made at
// the end of that time. Unknown tracks are ignored. It may be called from within the sink.
func (p *Peer) RequestKeyFrame(id media.TrackID) {
	for _, t := range *p.published.Load() {
		if t.info.ID == id {
			t.requestKeyFrame()
		}
	}
}

// send hands a frame to the client.
func (p *Peer) send(b wire.Body) {
	p.room.outbox.put(func() {
		if !p.gone.Load() {
			p.cfg.Send(b)
		}
	})
}

// event tells the owner.
func (p *Peer) event(e PeerEvent) {
	if p.cfg.Events == nil {
		return
	}
	p.room.outbox.put(func() {
		if !p.gone.Load() {
			p.cfg.Events(e)
		}
	})
}

// close ends everything of the peer. It runs on the room's goroutine, once.
func (p *Peer) close() {
	p.gone.Store(true)
	close(p.stop)
	for len(p.tracks) > 0 {
		p.drop(p.tracks[0])
	}
	if p.sub != nil {
		p.sub.close()
	}
	if p.pub != nil {
		p.pub.close()
	}
}

// reconsider tells the owner when the peer became, or is no longer, connected.
func (p *Peer) reconsider() {
	now := p.pub.isConnected() || p.sub.isConnected()
	if now == p.connected {
		return
	}
	p.connected = now
	if now {
		p.event(Connected{})
		return
	}
	p.event(Disconnected{})
}

func (p *Peer) fail(reason Reason) { p.event(Failed{Reason: reason}) }
