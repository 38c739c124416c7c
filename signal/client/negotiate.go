package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/pion/webrtc/v4"

	"parley/signal/wire"
)

// open makes both peer connections.
func (c *Call) open() error {
	var err error
	if c.pub, err = c.opt.API.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return fmt.Errorf("open pub: %w", err)
	}
	if c.sub, err = c.opt.API.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return fmt.Errorf("open sub: %w", err)
	}
	c.pub.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			c.once.Do(func() { close(c.connected) })
		case webrtc.PeerConnectionStateFailed:
			c.cancel(errors.New("client: the media connection failed"))
		}
	})
	c.sub.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		c.spawn(func() { c.receive(t, c.track(r)) })
	})
	return c.publish()
}

// offer sends the offer of pub with all candidates in it, and what each media section shows.
func (c *Call) offer(ctx context.Context) error {
	offer, err := c.pub.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	sdp, err := c.gathered(ctx, c.pub, offer)
	if err != nil {
		return err
	}
	f := wire.RTCOffer{Interview: c.interview, PC: wire.Pub, SDP: sdp}
	for _, t := range c.pub.GetTransceivers() {
		f.Tracks = append(f.Tracks, wire.RTCTrack{Mid: t.Mid(), Label: t.Sender().Track().ID()})
	}
	answer, err := c.s.Do(ctx, f)
	if err != nil {
		return fmt.Errorf("offer: %w", err)
	}
	if a, ok := answer.(wire.RTCAnswer); ok {
		c.frames <- a
	}
	return nil
}

func (c *Call) gathered(ctx context.Context, pc *webrtc.PeerConnection, d webrtc.SessionDescription) (string, error) {
	complete := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(d); err != nil {
		return "", fmt.Errorf("set local description: %w", err)
	}
	select {
	case <-complete:
		return pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// negotiate does what the server's frames ask for, in their order.
func (c *Call) negotiate() {
	for {
		select {
		case <-c.ctx.Done():
			return
		case b := <-c.frames:
			if err := c.handle(b); err != nil {
				c.cancel(err)
				return
			}
		}
	}
}

func (c *Call) handle(b wire.Body) error {
	switch b := b.(type) {
	case wire.RTCAnswer:
		return c.describe(wire.Pub, webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: b.SDP})
	case wire.RTCOffer:
		return c.answer(b)
	case wire.RTCCandidate:
		return c.candidate(b.PC, webrtc.ICECandidateInit{Candidate: b.Candidate, SDPMid: b.Mid, SDPMLineIndex: b.Line})
	}
	return nil
}

func (c *Call) answer(o wire.RTCOffer) error {
	c.mu.Lock()
	for _, t := range o.Tracks {
		c.mids[t.Mid] = t
	}
	c.mu.Unlock()
	if err := c.describe(wire.Sub, webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: o.SDP}); err != nil {
		return err
	}
	answer, err := c.sub.CreateAnswer(nil)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	sdp, err := c.gathered(c.ctx, c.sub, answer)
	if err != nil {
		return err
	}
	return c.s.Tell(c.ctx, wire.RTCAnswer{Interview: c.interview, PC: wire.Sub, SDP: sdp})
}

func (c *Call) pc(name string) *webrtc.PeerConnection {
	if name == wire.Pub {
		return c.pub
	}
	return c.sub
}

func (c *Call) describe(name string, d webrtc.SessionDescription) error {
	if err := c.pc(name).SetRemoteDescription(d); err != nil {
		return fmt.Errorf("set remote description of %s: %w", name, err)
	}
	early := c.early[name]
	delete(c.early, name)
	for _, i := range early {
		if err := c.candidate(name, i); err != nil {
			return err
		}
	}
	return nil
}

func (c *Call) candidate(name string, i webrtc.ICECandidateInit) error {
	if c.pc(name).RemoteDescription() == nil {
		c.early[name] = append(c.early[name], i)
		return nil
	}
	if err := c.pc(name).AddICECandidate(i); err != nil {
		return fmt.Errorf("add candidate to %s: %w", name, err)
	}
	return nil
}

// track says whose a received track is and what it shows.
func (c *Call) track(r *webrtc.RTPReceiver) Key {
	for _, t := range c.sub.GetTransceivers() {
		if t.Receiver() == r {
			c.mu.Lock()
			defer c.mu.Unlock()
			info := c.mids[t.Mid()]
			return Key{User: info.User, Label: info.Label}
		}
	}
	return Key{}
}
