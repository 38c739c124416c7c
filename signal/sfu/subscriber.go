package sfu

import (
	"fmt"
	"strings"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"parley/signal/media"
	"parley/signal/wire"
)

const (
	// batch is how long changes of what a peer is sent are gathered into one offer.
	batch = 20 * time.Millisecond
	// linger is how long a slot whose track ended stays, for the publisher to come back without negotiation.
	linger = 3 * time.Second
)

// subscriber is the connection on which a peer receives. It is owned by the room's goroutine.
type subscriber struct {
	*connection
	slots   map[slotKey]*slot
	offer   string          // the one that waits for an answer, empty when none does
	tracks  []wire.RTCTrack // what it described
	due     bool            // an offer is due once the one under way is answered
	restart bool            // it has to restart ICE
	planned bool            // a negotiation is about to begin
	closing bool
}

func (s *subscriber) isConnected() bool { return s != nil && s.connection.isConnected() }

// subscribe lets the peer have another's track, in the slot of what it shows.
func (p *Peer) subscribe(t *track) {
	if t.peer.cfg.ID == p.cfg.ID {
		return
	}
	if p.sub == nil {
		c, err := p.connect(wire.Sub)
		if err != nil {
			p.fail(FailedConnection)
			return
		}
		p.sub = &subscriber{connection: c, slots: map[slotKey]*slot{}}
		p.in.Store(c.pc)
	}
	key := slotKey{t.peer.cfg.ID, t.info.Label}
	s := p.sub.slots[key]
	if s == nil {
		s = newSlot(p, key, t.info.Kind)
		if err := p.sub.open(s); err != nil {
			p.fail(FailedConnection)
			return
		}
	}
	t.attach(s)
}

// unsubscribe ends a track in its slot, which goes after a while unless another track comes.
func (p *Peer) unsubscribe(t *track) {
	if p.sub == nil {
		return
	}
	s := p.sub.slots[slotKey{t.peer.cfg.ID, t.info.Label}]
	if s == nil || s.source != t { // written on this goroutine only
		return
	}
	t.detach(s)
	p.room.after(p.room.linger, func() { p.sub.release(s) })
}

// open gives a slot a media section: one that is free, or a new one.
func (s *subscriber) open(sl *slot) error {
	sl.outlet = s.outlet
	free := s.freeSection(sl.Kind())
	if free == nil {
		tr, err := s.pc.AddTransceiverFromTrack(sl,
			webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return fmt.Errorf("add section: %w", err)
		}
		sl.transceiver, sl.sender = tr, tr.Sender()
	} else if err := s.reuse(free, sl); err != nil {
		return err
	}
	s.slots[sl.key] = sl
	sender := sl.sender
	s.peer.room.tasks.Go(func() { readFeedback(sl, sender) })
	s.plan()
	return nil
}

// freeSection finds a section that shows nothing, so that the description does not grow with every come and go.
func (s *subscriber) freeSection(kind webrtc.RTPCodecType) *webrtc.RTPTransceiver {
	for _, tr := range s.pc.GetTransceivers() {
		if tr.Kind() == kind && tr.Sender() == nil && tr.Direction() == webrtc.RTPTransceiverDirectionInactive {
			return tr
		}
	}
	return nil
}

func (s *subscriber) reuse(tr *webrtc.RTPTransceiver, sl *slot) error {
	sender, err := s.api.NewRTPSender(sl, s.transport())
	if err != nil {
		return fmt.Errorf("new sender: %w", err)
	}
	if err := tr.SetSender(sender, sl); err != nil {
		_ = sender.Stop() // it was never used
		return fmt.Errorf("reuse section: %w", err)
	}
	sl.transceiver, sl.sender = tr, sender
	return nil
}

// transport is the one that all sections share (BUNDLE).
func (s *subscriber) transport() *webrtc.DTLSTransport { return s.pc.SCTP().Transport() }

// release frees the section of a slot that has been idle for a while.
func (s *subscriber) release(sl *slot) {
	if s.closing || s.slots[sl.key] != sl || sl.idle.IsZero() || time.Since(sl.idle) < s.peer.room.linger {
		return
	}
	delete(s.slots, sl.key)
	_ = s.guard(func() error { return s.pc.RemoveTrack(sl.sender) })
	s.plan()
}

// close ends all slots and the connection.
func (s *subscriber) close() {
	s.closing = true
	for _, sl := range s.slots {
		if t := sl.source; t != nil { // written on this goroutine only
			t.detach(sl)
		}
	}
	s.connection.close()
}

// plan makes an offer soon; what changes until then goes into the same one.
func (s *subscriber) plan() {
	s.due = true
	if s.planned {
		return
	}
	s.planned = true
	s.peer.room.after(batch, func() {
		s.planned = false
		s.negotiate()
	})
}

// negotiate makes an offer if one is due and none is under way.
func (s *subscriber) negotiate() {
	if s.closing || s.offer != "" || !(s.due || s.restart) {
		return
	}
	if err := s.makeOffer(); err != nil {
		s.peer.fail(FailedNegotiation)
	}
}

func (s *subscriber) makeOffer() error {
	s.trickle.hold()
	options := &webrtc.OfferOptions{ICERestart: s.restart}
	err := s.guard(func() error {
		offer, err := s.pc.CreateOffer(options)
		if err != nil {
			return fmt.Errorf("create offer: %w", err)
		}
		if err := s.pc.SetLocalDescription(offer); err != nil {
			return fmt.Errorf("set offer: %w", err)
		}
		s.offer = askForSound(offer.SDP)
		return nil
	})
	if err != nil {
		return err
	}
	s.due, s.restart = false, false
	s.tracks = s.described()
	s.trickle.release(s.frame())
	return nil
}

// askForSound says that lost sound is resent as well: browsers ask for it when the offer says so, but don't repeat it in
// their answer, so Pion leaves it out of the next offer.
func askForSound(sdp string) string {
	const format, nack = "a=rtpmap:111 opus/48000/2\r\n", "a=rtcp-fb:111 nack\r\n"
	return strings.ReplaceAll(strings.ReplaceAll(sdp, nack, ""), format, format+nack)
}

// frame is the offer under way.
func (s *subscriber) frame() wire.Body {
	return wire.RTCOffer{PC: wire.Sub, SDP: s.offer, Tracks: s.tracks}
}

// described says whose track each section is.
func (s *subscriber) described() []wire.RTCTrack {
	var tracks []wire.RTCTrack
	for _, tr := range s.pc.GetTransceivers() {
		for _, sl := range s.slots {
			if sl.transceiver == tr {
				tracks = append(tracks, wire.RTCTrack{Mid: tr.Mid(), User: string(sl.key.peer), Label: string(sl.key.label)})
			}
		}
	}
	return tracks
}

// handleAnswer applies the client's answer to the offer under way.
func (p *Peer) handleAnswer(a *wire.RTCAnswer) error {
	if a.PC != wire.Sub {
		return bad(`The client answers on "sub" only`, "客户端只能在 sub 上应答")
	}
	s := p.sub
	if s == nil || s.offer == "" {
		return bad("No offer waits for an answer", "没有等待应答的提议")
	}
	v, err := vetSDP(a.SDP, false)
	if err != nil {
		return err
	}
	err = s.guard(func() error {
		return s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: v.sdp})
	})
	if err != nil {
		p.fail(FailedNegotiation)
		return bad("The answer can't be applied", "无法应用该应答")
	}
	s.offer = ""
	s.connection.described(v.ufrag)
	s.negotiate()
	return nil
}

// handleRestart restarts ICE on "sub". An offer that waits for its answer is sent once more first: the client may never
// have got it.
func (p *Peer) handleRestart() error {
	s := p.sub
	if s == nil {
		return nil
	}
	s.restart = s.ready // before the first answer there is nothing to restart
	if s.offer != "" {
		p.send(s.frame())
		return nil
	}
	s.negotiate()
	return nil
}

// readFeedback reads what the subscriber says about a slot, until its section ends.
func readFeedback(s *slot, sender *webrtc.RTPSender) {
	var seqs []uint16
	readRTCP(sender.Read, func(packet rtcp.Packet) { seqs = s.feedback(packet, seqs[:0]) })
}

// feedback takes one RTCP packet of the subscriber; seqs is scratch space.
func (s *slot) feedback(packet rtcp.Packet, seqs []uint16) []uint16 {
	m := s.owner.room.metrics
	switch packet := packet.(type) {
	case *rtcp.TransportLayerNack:
		for _, pair := range packet.Nacks {
			pair.Range(func(seq uint16) bool {
				seqs = append(seqs, seq)
				return true
			})
		}
		m.nacksIn.Add(float64(len(seqs)))
		m.resent.Add(float64(s.resend(seqs, time.Now())))
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		m.plisIn.Inc()
		s.mu.Lock()
		t := s.source
		s.mu.Unlock()
		if t != nil && s.kind == media.Video {
			t.requestKeyFrame()
		}
	}
	return seqs
}
