package sfu

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
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

// sink remembers what it was given.
type sink struct {
	mu      sync.Mutex
	packets map[media.TrackID]map[uint16]int
	events  []media.Event
	reports int
	failed  chan struct{}
	ended   map[media.TrackID]bool
	late    int // calls after the end of their track
}

func newSink() *sink {
	return &sink{packets: map[media.TrackID]map[uint16]int{}, failed: make(chan struct{}), ended: map[media.TrackID]bool{}}
}

func (s *sink) Packet(p media.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended[p.Track] {
		s.late++
	}
	if s.packets[p.Track] == nil {
		s.packets[p.Track] = map[uint16]int{}
	}
	s.packets[p.Track][p.RTP.SequenceNumber]++
}

func (s *sink) Report(media.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports++
}

func (s *sink) Event(e media.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := e.(media.TrackEnded); ok {
		s.ended[e.Track] = true
	}
	s.events = append(s.events, e)
}

func (s *sink) Failed() <-chan struct{} { return s.failed }

func (s *sink) Err() error { return errors.New("full") }

func (s *sink) count(id media.TrackID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.packets[id])
}

func (s *sink) list() []media.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]media.Event(nil), s.events...)
}

// repeats counts packets that the sink saw more than once.
func (s *sink) repeats() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, track := range s.packets {
		for _, times := range track {
			n += times - 1
		}
	}
	return n
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
	c.wg.Go(c.serve)
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

// outgoing is a track of a client.
type outgoing struct {
	track *webrtc.TrackLocalStaticRTP
	mime  string
	seq   uint16
	ts    uint32
	sent  uint32
}

var formats = map[media.Label]webrtc.RTPCodecCapability{
	media.Microphone: {MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2},
	media.Camera:     {MimeType: webrtc.MimeTypeVP8, ClockRate: 90000},
	media.Screen:     {MimeType: webrtc.MimeTypeVP9, ClockRate: 90000, SDPFmtpLine: "profile-id=0"},
}

// publish offers tracks of these labels and waits for the connection.
func (c *client) publish(labels ...media.Label) []*outgoing {
	c.t.Helper()
	out, err := c.offer(labels...)
	if err != nil {
		c.t.Fatalf("offer: %v", err)
	}
	eventually(c.t, "publisher connects", func() bool {
		return c.pub.ConnectionState() == webrtc.PeerConnectionStateConnected
	})
	return out
}

func (c *client) offer(labels ...media.Label) ([]*outgoing, error) {
	c.mu.Lock()
	if c.pub == nil {
		c.pub = c.connection(wire.Pub)
	}
	pub := c.pub
	c.mu.Unlock()
	var out []*outgoing
	named := map[string]media.Label{}
	for _, l := range labels {
		track, err := webrtc.NewTrackLocalStaticRTP(formats[l], string(l), "stream")
		if err != nil {
			return nil, err
		}
		tr, err := pub.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return nil, err
		}
		prefer(tr, formats[l].MimeType)
		c.wg.Go(func() { c.listen(tr.Sender()) })
		named[tr.Sender().Track().ID()] = l
		out = append(out, &outgoing{track: track, mime: formats[l].MimeType, seq: uint16(rand.Uint32()), ts: rand.Uint32()})
	}
	return out, c.renegotiate(pub)
}

// prefer puts a codec first: the answer takes the first that it knows.
func prefer(tr *webrtc.RTPTransceiver, mime string) {
	codecs := slices.Clone(tr.Sender().GetParameters().Codecs)
	slices.SortStableFunc(codecs, func(a, b webrtc.RTPCodecParameters) int {
		first := func(c webrtc.RTPCodecParameters) int {
			if strings.EqualFold(c.MimeType, mime) {
				return 0
			}
			return 1
		}
		return first(a) - first(b)
	})
	_ = tr.SetCodecPreferences(codecs)
}

func (c *client) renegotiate(pub *webrtc.PeerConnection) error {
	eventually(c.t, "the answer before", func() bool { return pub.SignalingState() == webrtc.SignalingStateStable })
	o, err := pub.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := pub.SetLocalDescription(o); err != nil {
		return err
	}
	return c.peer.Handle(wire.RTCOffer{PC: wire.Pub, SDP: o.SDP, Tracks: c.described()})
}

// listen counts the key frames that the server asks for.
func (c *client) listen(s *webrtc.RTPSender) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				c.plis.Add(1)
			}
		}
	}
}

// next makes the next packet: key frames for video, numbered from 1 in the last four bytes.
func (o *outgoing) next(key bool) *rtp.Packet {
	o.sent++
	o.seq++
	payload := make([]byte, 200)
	o.ts += formats[media.Label(o.track.ID())].ClockRate / 50
	switch o.mime {
	case webrtc.MimeTypeVP8:
		payload[0], payload[1] = 0x10, 0x01
		if key {
			payload[1] = 0
		}
	case webrtc.MimeTypeVP9:
		payload[0] = 0x48
		if key {
			payload[0] = 0x08
		}
	}
	binary.BigEndian.PutUint32(payload[len(payload)-4:], o.sent)
	return &rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: o.seq, Timestamp: o.ts}, Payload: payload}
}

// send sends the next packet.
func (o *outgoing) send(t *testing.T, key bool) {
	t.Helper()
	if err := o.track.WriteRTP(o.next(key)); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatalf("write: %v", err)
	}
}

// pump sends a packet each interval until ok.
func pump(t *testing.T, what string, tracks []*outgoing, interval time.Duration, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for !ok() {
		for _, o := range tracks {
			o.send(t, o.sent%30 == 0)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, deadline)
		}
	}
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

// restart has the client restart ICE on "pub".
func (c *client) restart() error {
	o, err := c.pub.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		return err
	}
	if err := c.pub.SetLocalDescription(o); err != nil {
		return err
	}
	return c.peer.Handle(wire.RTCOffer{PC: wire.Pub, SDP: o.SDP, Tracks: c.described()})
}

// described is what the sections of "pub" show.
func (c *client) described() []wire.RTCTrack {
	var tracks []wire.RTCTrack
	for _, tr := range c.pub.GetTransceivers() {
		if tr.Sender() != nil && tr.Sender().Track() != nil {
			tracks = append(tracks, wire.RTCTrack{Mid: tr.Mid(), Label: tr.Sender().Track().ID()})
		}
	}
	return tracks
}
