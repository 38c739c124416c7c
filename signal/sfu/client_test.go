package sfu

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"parley/internal/policy"
	"parley/signal/media"
	"parley/signal/wire"
)

const deadline = 15 * time.Second

// eventually polls until ok, or fails the test.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, deadline)
		}
	}
}

// received is what a client got of one slot.
type received struct {
	user, label string
	mu          sync.Mutex
	payloads    map[uint32]int // by the number that the sender wrote into the payload
	seqs        []uint16
	stamps      []uint32
	reports     []rtcp.SenderReport
}

func (r *received) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.payloads)
}

// client is a participant: two Pion peer connections and the frames between.
type client struct {
	t    *testing.T
	id   PeerID
	api  *webrtc.API
	peer *Peer
	sink *sink

	mu       sync.Mutex
	pub, sub *webrtc.PeerConnection
	labels   map[string]wire.RTCTrack // of "sub", by mid
	slots    map[string]*received     // by user and label
	events   []PeerEvent
	offers   int
	plis     atomic.Int64 // asked of us
	frames   chan wire.Body
	done     chan struct{}
	serving  sync.WaitGroup
	wg       sync.WaitGroup
}

type clientConfig struct {
	id      PeerID
	publish Publish
	sink    *sink
	net     transport.Net
}

func clientAPI(t *testing.T, net transport.Net) *webrtc.API {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	m.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack"}, webrtc.RTPCodecTypeAudio)
	reg := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(m, reg); err != nil {
		t.Fatal(err)
	}
	s := webrtc.SettingEngine{LoggerFactory: silent}
	s.SetIncludeLoopbackCandidate(true)
	s.SetICEMulticastDNSMode(0)
	s.SetICETimeouts(5*time.Second, 25*time.Second, time.Second)
	s.SetSRTPReplayProtectionWindow(replayWindow) // as browsers do
	if net != nil {
		s.SetNet(net)
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(reg), webrtc.WithSettingEngine(s))
}

// join lets a client into a room.
func join(t *testing.T, r *Room, cfg clientConfig) *client {
	t.Helper()
	c := &client{t: t, id: cfg.id, api: clientAPI(t, cfg.net), sink: cfg.sink, labels: map[string]wire.RTCTrack{},
		slots: map[string]*received{}, frames: make(chan wire.Body, 1024), done: make(chan struct{})}
	pc := PeerConfig{ID: cfg.id, Publish: cfg.publish, Send: func(b wire.Body) { c.frames <- b }, Events: c.event}
	if cfg.sink != nil {
		pc.Sink = cfg.sink
	}
	peer, err := r.Join(pc)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	c.peer = peer
	c.serving.Go(c.serve)
	t.Cleanup(c.close)
	return c
}

func (c *client) event(e PeerEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

func (c *client) happened(match func(PeerEvent) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		if match(e) {
			return true
		}
	}
	return false
}

func is[E PeerEvent](e PeerEvent) bool {
	_, ok := e.(E)
	return ok
}

// close hangs up without telling the server.
func (c *client) close() {
	c.mu.Lock()
	select {
	case <-c.done:
		c.mu.Unlock()
		return
	default:
	}
	close(c.done)
	c.mu.Unlock()
	c.serving.Wait()
	c.mu.Lock()
	pub, sub := c.pub, c.sub
	c.mu.Unlock()
	for _, pc := range []*webrtc.PeerConnection{pub, sub} {
		if pc != nil {
			_ = pc.GracefulClose()
		}
	}
	c.wg.Wait()
}

// serve answers the server's frames in order.
func (c *client) serve() {
	var early []wire.RTCCandidate
	for {
		select {
		case <-c.done:
			return
		case b := <-c.frames:
			switch b := b.(type) {
			case wire.RTCAnswer:
				err := c.pub.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: b.SDP})
				if err != nil && !c.closed() {
					c.t.Errorf("apply answer: %v", err)
				}
			case wire.RTCOffer:
				c.answer(b)
			case wire.RTCCandidate:
				early = append(early, b)
			}
			for _, x := range early {
				c.candidate(x)
			}
			early = nil
		}
	}
}

func (c *client) candidate(b wire.RTCCandidate) {
	c.mu.Lock()
	pc := c.pub
	if b.PC == wire.Sub {
		pc = c.sub
	}
	c.mu.Unlock()
	if pc == nil || b.Candidate == "" {
		return
	}
	init := webrtc.ICECandidateInit{Candidate: b.Candidate, SDPMid: b.Mid, SDPMLineIndex: b.Line}
	if err := pc.AddICECandidate(init); err != nil && !c.closed() {
		c.t.Errorf("add candidate of the server: %v", err)
	}
}

func (c *client) closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *client) connection(name string) *webrtc.PeerConnection {
	pc, err := c.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		c.t.Errorf("new connection: %v", err)
		return nil
	}
	pc.OnICECandidate(func(x *webrtc.ICECandidate) {
		if x == nil {
			return
		}
		i := x.ToJSON()
		_ = c.peer.Handle(wire.RTCCandidate{PC: name, Candidate: i.Candidate, Mid: i.SDPMid, Line: i.SDPMLineIndex})
	})
	return pc
}

func (c *client) answer(o wire.RTCOffer) {
	c.mu.Lock()
	c.offers++
	if c.sub == nil {
		c.sub = c.connection(wire.Sub)
		c.sub.OnTrack(c.watch)
	}
	for _, x := range o.Tracks {
		c.labels[x.Mid] = x
	}
	sub := c.sub
	c.mu.Unlock()
	err := sub.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.SDP})
	var a webrtc.SessionDescription
	if err == nil {
		a, err = sub.CreateAnswer(nil)
	}
	if err == nil {
		err = sub.SetLocalDescription(a)
	}
	if err != nil {
		if !c.closed() {
			c.t.Errorf("answer: %v", err)
		}
		return
	}
	if err := c.peer.Handle(wire.RTCAnswer{PC: wire.Sub, SDP: a.SDP}); err != nil && !errors.Is(err, policy.ErrGone) {
		c.t.Errorf("send answer: %v", err)
	}
}

// watch reads a slot until it ends.
func (c *client) watch(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	c.mu.Lock()
	l := c.labels[receiver.RTPTransceiver().Mid()]
	r := c.slots[l.User+" "+l.Label]
	if r == nil {
		r = &received{user: l.User, label: l.Label, payloads: map[uint32]int{}}
		c.slots[l.User+" "+l.Label] = r
	}
	c.mu.Unlock()
	c.wg.Go(func() { r.reportsOf(receiver) })
	c.wg.Go(func() {
		for {
			p, _, err := remote.ReadRTP()
			if err != nil {
				return
			}
			r.take(p)
		}
	})
}

func (r *received) reportsOf(receiver *webrtc.RTPReceiver) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		r.mu.Lock()
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				r.reports = append(r.reports, *sr)
			}
		}
		r.mu.Unlock()
	}
}

func (r *received) take(p *rtp.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(p.Payload) < 8 {
		return
	}
	r.payloads[binary.BigEndian.Uint32(p.Payload[len(p.Payload)-4:])]++
	r.seqs = append(r.seqs, p.SequenceNumber)
	r.stamps = append(r.stamps, p.Timestamp)
}

func (c *client) slot(user PeerID, label media.Label) *received {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slots[string(user)+" "+string(label)]
}

// got is how many different packets came of a slot.
func (c *client) got(user PeerID, label media.Label) int {
	if r := c.slot(user, label); r != nil {
		return r.count()
	}
	return 0
}

// openSFU opens an SFU that is closed with the test.
func openSFU(t *testing.T, cfg Config) *SFU {
	t.Helper()
	s := New(cfg)
	if err := s.Open(); err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func openRoom(t *testing.T, s *SFU) *Room {
	t.Helper()
	r, err := s.NewRoom("room", RoomConfig{})
	if err != nil {
		t.Fatalf("new room: %v", err)
	}
	return r
}
