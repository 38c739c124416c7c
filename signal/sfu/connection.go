package sfu

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/pion/webrtc/v4"

	"parley/signal/wire"
)

// connection is what both peer connections of a peer have in common. It is owned by the room's goroutine.
type connection struct {
	name    string // wire.Pub or wire.Sub
	peer    *Peer
	pc      *webrtc.PeerConnection
	api     *webrtc.API
	intake  *intake
	outlet  *outlet
	trickle *trickle
	state   webrtc.PeerConnectionState
	ready   bool                      // a remote description is set
	waiting []webrtc.ICECandidateInit // candidates that came before it
	taken   int                       // candidates of this ICE generation
	ufrag   string                    // the client's, of this ICE generation
}

func (p *Peer) connect(name string) (*connection, error) {
	c := &connection{name: name, peer: p, outlet: newOutlet(p.room.worker)}
	c.intake = newIntake(func() { p.room.after(0, func() { c.overflow() }) })
	c.trickle = newTrickle(name, p.send)
	pc, api, err := p.room.worker.newConnection(c.intake, c.outlet, name == wire.Pub)
	if err != nil {
		return nil, fmt.Errorf("connect %s: %w", name, err)
	}
	c.pc, c.api = pc, api
	pc.OnICECandidate(c.trickle.found)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { p.post(func() { c.changed(s) }) })
	return c, nil
}

func (c *connection) isConnected() bool {
	return c != nil && c.state == webrtc.PeerConnectionStateConnected
}

// changed runs on the room's goroutine.
func (c *connection) changed(s webrtc.PeerConnectionState) {
	if s == c.state {
		return
	}
	was := c.state
	c.state = s
	if c.name == wire.Pub && was == webrtc.PeerConnectionStateConnected && s == webrtc.PeerConnectionStateDisconnected {
		c.peer.absent()
	}
	c.peer.reconsider()
	if s == webrtc.PeerConnectionStateFailed {
		c.peer.fail(FailedConnection)
	}
}

// overflow ends a connection whose client makes up streams.
func (c *connection) overflow() {
	if c.peer.gone.Load() {
		return
	}
	c.peer.fail(FailedLimit)
	c.close()
}

// close closes the connection in the background; the room waits for that before it ends.
func (c *connection) close() {
	c.trickle.hold()
	c.peer.room.tasks.Go(func() { _ = c.pc.GracefulClose() })
}

// described notes the client's side of a description and gives Pion the candidates that waited for it.
func (c *connection) described(ufrag string) {
	c.ready = true
	if ufrag != c.ufrag {
		c.ufrag, c.taken = ufrag, 0
	}
	for _, candidate := range c.waiting {
		c.add(candidate)
	}
	c.waiting = nil
}

// add gives Pion a vetted candidate. One that it does not take is like one that does not answer.
func (c *connection) add(candidate webrtc.ICECandidateInit) {
	_ = c.guard(func() error { return c.pc.AddICECandidate(candidate) })
}

// guard runs f, which gives Pion what a client wrote. SDP is vetted before, so a panic is not expected; should there be
// one, it costs its sender's session and nobody else's.
func (c *connection) guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.peer.room.log.ErrorContext(context.Background(), "negotiation panicked", slog.String("connection", c.name),
				slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("negotiate %s: panic", c.name)
		}
	}()
	return f()
}
