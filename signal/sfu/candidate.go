package sfu

import (
	"strings"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"parley/signal/wire"
)

// Bounds of the client's candidates.
const (
	maxCandidate  = 512 // bytes
	maxCandidates = 64  // of one connection and ICE generation
)

// vetCandidate says whether a candidate line is one we can use. Hidden addresses (names that end in .local) and TCP are
// left out without an error: the client's own checks reach us from the address that is behind the name.
func vetCandidate(line string) (bool, error) {
	if len(line) > maxCandidate {
		return false, bad("The ICE candidate is too long", "ICE 候选过长")
	}
	c, err := ice.UnmarshalCandidate(line)
	if err != nil {
		return false, bad("The ICE candidate can't be read", "无法解析 ICE 候选")
	}
	return c.NetworkType().IsUDP() && !strings.HasSuffix(c.Address(), ".local"), nil
}

// handleCandidate takes a trickled candidate; it may come before the description it belongs to.
func (p *Peer) handleCandidate(b *wire.RTCCandidate) error {
	c, err := p.connectionOf(b.PC)
	if err != nil {
		return err
	}
	if b.Candidate == "" {
		return nil // the end of candidates changes nothing: checks from new addresses are welcome
	}
	usable, err := vetCandidate(b.Candidate)
	if err != nil {
		return err
	}
	if c.taken++; c.taken > maxCandidates {
		return bad("There are too many ICE candidates", "ICE 候选过多")
	}
	init := webrtc.ICECandidateInit{Candidate: b.Candidate, SDPMid: b.Mid, SDPMLineIndex: b.Line}
	switch {
	case !usable:
	case !c.ready:
		c.waiting = append(c.waiting, init)
	default:
		c.add(init)
	}
	return nil
}

func (p *Peer) connectionOf(name string) (*connection, error) {
	switch {
	case name == wire.Pub && p.pub != nil:
		return p.pub.connection, nil
	case name == wire.Sub && p.sub != nil:
		return p.sub.connection, nil
	}
	return nil, bad("No offer was made on this connection", "该连接尚无提议")
}

// trickle sends our candidates, none before the description they belong to. It may be called from anywhere.
type trickle struct {
	name string
	send func(wire.Body)

	mu      sync.Mutex
	open    bool
	waiting []wire.RTCCandidate
}

func newTrickle(name string, send func(wire.Body)) *trickle { return &trickle{name: name, send: send} }

// found is Pion's callback; nil says that there are no more.
func (t *trickle) found(c *webrtc.ICECandidate) {
	frame := wire.RTCCandidate{PC: t.name}
	if c != nil {
		init := c.ToJSON()
		frame.Candidate, frame.Mid, frame.Line = init.Candidate, init.SDPMid, init.SDPMLineIndex
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		t.waiting = append(t.waiting, frame)
		return
	}
	t.send(frame)
}

// hold keeps candidates back until release.
func (t *trickle) hold() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = false
}

// release sends a description, then what waited for it.
func (t *trickle) release(description wire.Body) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = true
	t.send(description)
	for _, c := range t.waiting {
		t.send(c)
	}
	t.waiting = nil
}
