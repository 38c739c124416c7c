package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"

	"parley/signal/media"
	"parley/signal/sfu"
	"parley/signal/wire"
)

// peer is one participant of the load: one connection, that publishes or watches.
type peer struct {
	id   sfu.PeerID
	name string // wire.Pub or wire.Sub
	pc   *webrtc.PeerConnection
	send func(signalling) error

	mu    sync.Mutex
	ready bool // the remote description is set
	early []webrtc.ICECandidateInit
	local []wire.RTCCandidate // until the description has gone out
	told  bool
}

// quiet swallows Pion's log.
var quiet = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}

// newPeer makes a participant with a socket of its own; what it receives goes to watch once it is decrypted, without
// the queues and goroutines behind; nil ignores it.
func newPeer(id sfu.PeerID, name string, send func(signalling) error, watch func(rtp []byte)) (*peer, error) {
	m := &webrtc.MediaEngine{}
	for _, c := range []webrtc.RTPCodecParameters{
		{PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}},
		{PayloadType: 97, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=96"}},
	} {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, fmt.Errorf("register codec: %w", err)
		}
	}
	s := webrtc.SettingEngine{LoggerFactory: quiet}
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(net.IP.IsLoopback)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(0)
	s.DisableSRTPReplayProtection(true)
	s.BufferFactory = func(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
		t := &tap{take: func([]byte) {}, done: make(chan struct{})}
		if kind == packetio.RTPBufferPacket && watch != nil {
			t.take = watch
		}
		return t
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("new peer connection: %w", err)
	}
	p := &peer{id: id, name: name, pc: pc, send: send}
	pc.OnICECandidate(p.found)
	return p, nil
}

// tap takes decrypted packets as they come.
type tap struct {
	take func([]byte)
	once sync.Once
	done chan struct{}
}

// Write takes a packet.
func (t *tap) Write(b []byte) (int, error) {
	t.take(b)
	return len(b), nil
}

// Read waits for the end.
func (t *tap) Read([]byte) (int, error) {
	<-t.done
	return 0, io.EOF
}

// SetReadDeadline is asked for by Pion.
func (*tap) SetReadDeadline(time.Time) error { return nil }

// Close ends Read.
func (t *tap) Close() error {
	t.once.Do(func() { close(t.done) })
	return nil
}

func (p *peer) frame(b wire.Body) error {
	encoded, err := wire.Encode(wire.Frame{Body: b})
	if err != nil {
		return err
	}
	return p.send(signalling{Peer: p.id, Frame: encoded})
}

// found tells the server of a candidate, after the description.
func (p *peer) found(c *webrtc.ICECandidate) {
	if c == nil {
		return
	}
	i := c.ToJSON()
	x := wire.RTCCandidate{PC: p.name, Candidate: i.Candidate, Mid: i.SDPMid, Line: i.SDPMLineIndex}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.told {
		p.local = append(p.local, x)
		return
	}
	_ = p.frame(x) // without it the peer does not connect, which is noticed
}

// described sends the description and the candidates that waited for it.
func (p *peer) described(b wire.Body) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.frame(b); err != nil {
		return err
	}
	p.told = true
	for _, x := range p.local {
		if err := p.frame(x); err != nil {
			return err
		}
	}
	p.local = nil
	return nil
}

// publish offers a camera.
func (p *peer) publish(track webrtc.TrackLocal) (*webrtc.RTPSender, error) {
	sender, err := p.pc.AddTrack(track)
	if err != nil {
		return nil, fmt.Errorf("add track: %w", err)
	}
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return nil, fmt.Errorf("offer: %w", err)
	}
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return nil, fmt.Errorf("offer: %w", err)
	}
	mid := p.pc.GetTransceivers()[0].Mid()
	return sender, p.described(wire.RTCOffer{PC: wire.Pub, SDP: offer.SDP,
		Tracks: []wire.RTCTrack{{Mid: mid, Label: string(media.Camera)}}})
}

// take handles a frame of the server.
func (p *peer) take(raw json.RawMessage) error {
	f, err := wire.Decode(raw)
	if err != nil {
		return fmt.Errorf("decode frame: %w", err)
	}
	switch b := f.Body.(type) {
	case wire.RTCOffer:
		return p.answer(b)
	case wire.RTCAnswer:
		return p.remote(webrtc.SDPTypeAnswer, b.SDP)
	case wire.RTCCandidate:
		return p.candidate(b)
	}
	return nil
}

func (p *peer) answer(o wire.RTCOffer) error {
	if err := p.remote(webrtc.SDPTypeOffer, o.SDP); err != nil {
		return err
	}
	a, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if err := p.pc.SetLocalDescription(a); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return p.described(wire.RTCAnswer{PC: wire.Sub, SDP: a.SDP})
}

func (p *peer) remote(kind webrtc.SDPType, sdp string) error {
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: sdp}); err != nil {
		return fmt.Errorf("set description: %w", err)
	}
	p.mu.Lock()
	early := p.early
	p.ready, p.early = true, nil
	p.mu.Unlock()
	for _, c := range early {
		if err := p.pc.AddICECandidate(c); err != nil {
			return fmt.Errorf("add candidate: %w", err)
		}
	}
	return nil
}

func (p *peer) candidate(c wire.RTCCandidate) error {
	if c.Candidate == "" {
		return nil
	}
	init := webrtc.ICECandidateInit{Candidate: c.Candidate, SDPMid: c.Mid, SDPMLineIndex: c.Line}
	p.mu.Lock()
	if !p.ready {
		p.early = append(p.early, init)
		p.mu.Unlock()
		return nil
	}
	p.mu.Unlock()
	if err := p.pc.AddICECandidate(init); err != nil {
		return fmt.Errorf("add candidate: %w", err)
	}
	return nil
}
