package sfu

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"parley/signal/media"
	"parley/signal/wire"
)

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

// forget makes the next offer one of a new connection.
func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pub = nil
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
