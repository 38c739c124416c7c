package sfu

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"parley/internal/policy"
	"parley/signal/media"
	"parley/signal/wire"
)

// publisher is the connection on which a peer sends. It is owned by the room's goroutine.
type publisher struct {
	*connection
	labels map[string]media.Label // by mid
	level  uint8                  // id of the audio level extension in the client's packets
}

func (p *publisher) isConnected() bool { return p != nil && p.connection.isConnected() }

// handleOffer answers an offer of the client on "pub". An offer that can't be applied ends what was published before:
// the client has to begin again with a new connection.
func (p *Peer) handleOffer(o *wire.RTCOffer) error {
	if o.PC != wire.Pub {
		return bad(`The client offers on "pub" only`, "客户端只能在 pub 上发起提议")
	}
	v, err := vetSDP(o.SDP, true)
	if err != nil {
		return err
	}
	labels, err := p.labelsOf(v, o.Tracks)
	if err != nil {
		return err
	}
	if p.pub == nil {
		if err := p.openPublisher(); err != nil {
			return err
		}
	}
	p.pub.labels, p.pub.level = labels, v.level
	p.pub.intake.transportCC.Store(uint32(v.transportCC))
	answer, err := p.pub.answer(v.sdp)
	if err != nil {
		p.closePublisher()
		return bad("The offer can't be applied", "无法应用该提议")
	}
	p.pub.described(v.ufrag)
	p.pub.trickle.release(wire.RTCAnswer{PC: wire.Pub, SDP: answer})
	return nil
}

// labelsOf says what each sending section of the offer shows, and that the peer may publish it, each once.
func (p *Peer) labelsOf(v *vetted, tracks []wire.RTCTrack) (map[string]media.Label, error) {
	named := map[string]media.Label{}
	for _, t := range tracks {
		named[t.Mid] = media.Label(t.Label)
	}
	labels, used := map[string]media.Label{}, map[media.Label]bool{}
	for _, s := range v.sections {
		if !s.sends {
			continue
		}
		l := named[s.mid]
		switch {
		case kindOf(l) == media.Unknown || kindOf(l) != s.kind:
			return nil, bad("A media section that sends has no label that fits it", "有媒体未标明类型")
		case used[l]:
			return nil, bad("Two media sections have the same label", "同一类媒体只能发布一路")
		case !p.cfg.Publish.allows(l):
			return nil, policy.ErrForbidden.With("You may not publish this kind of media here.", "此处不允许发布该类媒体。")
		}
		used[l], labels[s.mid] = true, l
	}
	return labels, nil
}

func kindOf(l media.Label) media.Kind {
	switch l {
	case media.Microphone:
		return media.Audio
	case media.Camera, media.Screen:
		return media.Video
	}
	return media.Unknown
}

func (p *Peer) openPublisher() error {
	c, err := p.connect(wire.Pub)
	if err != nil {
		return fmt.Errorf("open publisher: %w", err)
	}
	p.pub = &publisher{connection: c}
	p.out.Store(c)
	pub := p.pub
	c.pc.OnTrack(func(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		p.post(func() { p.begin(pub, remote, receiver) })
	})
	if !p.reporting {
		p.reporting = true
		p.room.tasks.Go(p.reports)
	}
	return nil
}

func (p *Peer) closePublisher() {
	for len(p.tracks) > 0 {
		t := p.tracks[0]
		p.drop(t)
		p.event(TrackDown{Track: t.info})
	}
	p.out.Store(nil)
	p.pub.close()
	p.pub = nil
	p.reconsider()
}

// answer applies an offer that was vetted and makes the answer, with one codec a section.
func (p *publisher) answer(sdp string) (string, error) {
	p.trickle.hold()
	var answer webrtc.SessionDescription
	err := p.guard(func() error {
		err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdp})
		if err != nil {
			return fmt.Errorf("set offer: %w", err)
		}
		p.preferCodecs()
		if answer, err = p.pc.CreateAnswer(nil); err != nil {
			return fmt.Errorf("create answer: %w", err)
		}
		if err := p.pc.SetLocalDescription(answer); err != nil {
			return fmt.Errorf("set answer: %w", err)
		}
		return nil
	})
	return answer.SDP, err
}

// preferCodecs leaves the client's first codec of each section only, so that a track is of one codec all its life, and
// asks for Opus as we want it.
func (p *publisher) preferCodecs() {
	for _, tr := range p.pc.GetTransceivers() {
		if tr.Receiver() == nil {
			continue
		}
		codecs := tr.Receiver().GetParameters().Codecs
		i := slices.IndexFunc(codecs, func(c webrtc.RTPCodecParameters) bool {
			return !strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX)
		})
		if i < 0 {
			continue
		}
		one := []webrtc.RTPCodecParameters{codecs[i]}
		if strings.EqualFold(one[0].MimeType, webrtc.MimeTypeOpus) {
			one[0].SDPFmtpLine = opusFormat
		}
		if rtx := rtxOf(codecs, one[0].PayloadType); rtx != 0 {
			j := slices.IndexFunc(codecs, func(c webrtc.RTPCodecParameters) bool { return uint8(c.PayloadType) == rtx })
			one = append(one, codecs[j])
		}
		_ = tr.SetCodecPreferences(one) // they came from it
	}
}

// rtxOf finds the payload type of a codec's retransmissions (RFC 4588, 8.6); zero when there is none.
func rtxOf(codecs []webrtc.RTPCodecParameters, pt webrtc.PayloadType) uint8 {
	want := fmt.Sprintf("apt=%d", pt)
	for _, c := range codecs {
		if strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX) && slices.Contains(strings.Split(c.SDPFmtpLine, ";"), want) {
			return uint8(c.PayloadType)
		}
	}
	return 0
}

// begin makes a track of a stream whose first packet came.
func (p *Peer) begin(pub *publisher, remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	label, ok := pub.labels[midOf(receiver)]
	if p.pub != pub || !ok {
		return
	}
	for _, t := range slices.Clone(p.tracks) { // a new stream of the same section ends the one before
		if t.info.Label == label {
			p.ended(t)
		}
	}
	id, ok := p.room.number(p.cfg.ID)
	if !ok {
		p.fail(FailedLimit)
		return
	}
	t := newTrack(p, infoOf(id, label, remote))
	t.repair.ask = hasNACK(remote.Codec())
	if t.info.Kind == media.Audio {
		t.level = pub.level
	}
	p.publish(t)
	p.read(pub, t, remote, receiver)
}

func midOf(receiver *webrtc.RTPReceiver) string {
	if tr := receiver.RTPTransceiver(); tr != nil {
		return tr.Mid()
	}
	return ""
}

func infoOf(id media.TrackID, label media.Label, remote *webrtc.TrackRemote) media.Track {
	c := remote.Codec()
	return media.Track{ID: id, Kind: kindOf(label), Label: label, SSRC: uint32(remote.SSRC()),
		Codec: media.Codec{MIME: c.MimeType, ClockRate: c.ClockRate, Channels: c.Channels,
			PayloadType: uint8(remote.PayloadType()), Fmtp: c.SDPFmtpLine}}
}

func hasNACK(c webrtc.RTPCodecParameters) bool {
	return slices.ContainsFunc(c.RTCPFeedback, func(f webrtc.RTCPFeedback) bool {
		return f.Type == webrtc.TypeRTCPFBNACK && f.Parameter == ""
	})
}

// publish tells everybody of a track.
func (p *Peer) publish(t *track) {
	p.tracks = append(p.tracks, t)
	p.share()
	t.start(p.muted[t.info.Label])
	p.event(TrackUp{Track: t.info})
	for _, other := range p.room.peers {
		other.subscribe(t)
	}
}

// share shows the tracks to readers outside the room's goroutine.
func (p *Peer) share() {
	list := slices.Clone(p.tracks)
	p.published.Store(&list)
}

// drop ends a track: the sink is told, and nobody is sent anything of it any more.
func (p *Peer) drop(t *track) {
	i := slices.Index(p.tracks, t)
	if i < 0 {
		return
	}
	p.tracks = slices.Delete(p.tracks, i, i+1)
	p.share()
	t.end()
	for _, other := range p.room.peers {
		other.unsubscribe(t)
	}
}

// ended drops a track of a peer that stays.
func (p *Peer) ended(t *track) {
	if slices.Contains(p.tracks, t) {
		p.drop(t)
		p.event(TrackDown{Track: t.info})
	}
}

// read starts the goroutines that read the track's packets and its sender reports.
func (p *Peer) read(pub *publisher, t *track, remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	if rtx := uint32(remote.RtxSSRC()); rtx != 0 {
		pub.intake.repair(rtx, repeats{t.info.SSRC, t.info.Codec.PayloadType})
	}
	p.room.tasks.Go(func() {
		readPackets(t, remote, pub.intake)
		p.post(func() { p.ended(t) })
	})
	p.room.tasks.Go(func() { readReports(t, receiver) })
}

// readPackets reads a track to its end. Pion has taken the first packet to find out what it is; the rest comes straight
// out of the queue, which Pion would wait for without the retransmissions that we put in.
func readPackets(t *track, remote *webrtc.TrackRemote, in *intake) {
	buf := make([]byte, receiveMTU)
	n, _, err := remote.Read(buf)
	queue := in.stream(t.info.SSRC)
	for queue != nil {
		switch {
		case err == nil:
			t.receive(buf[:n], time.Now())
		case !errors.Is(err, io.ErrShortBuffer): // one packet was too long; the queue goes on
			return
		}
		if until, held := t.held(); held && !queue.wait(until) {
			t.expire()
		}
		n, err = queue.Read(buf)
	}
}

// receiveMTU is the largest packet taken.
const receiveMTU = 1600

func readReports(t *track, receiver *webrtc.RTPReceiver) {
	readRTCP(receiver.Read, func(packet rtcp.Packet) {
		if sr, ok := packet.(*rtcp.SenderReport); ok && sr.SSRC == t.info.SSRC {
			t.report(sr, time.Now())
		}
	})
}

// readRTCP hands on each RTCP packet until read fails. What can't be read is left out.
func readRTCP(read func([]byte) (int, interceptor.Attributes, error), take func(rtcp.Packet)) {
	buf := make([]byte, receiveMTU)
	for {
		n, _, err := read(buf)
		if err != nil && !errors.Is(err, io.ErrShortBuffer) {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, packet := range packets {
			take(packet)
		}
	}
}

// absent writes into the evidence that the peer's connection was lost (E7).
func (p *Peer) absent() {
	for _, t := range p.tracks {
		t.tell(media.Gap{At: time.Now(), Track: t.info.ID, Reason: media.Disconnected})
	}
}

// sinkFailed tells the owner, once. It may be called from any goroutine.
func (p *Peer) sinkFailed() {
	if p.sinkDead.CompareAndSwap(false, true) {
		p.fail(FailedSink)
	}
}
