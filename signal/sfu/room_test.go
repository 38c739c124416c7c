package sfu

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"parley/internal/policy"
	"parley/signal/media"
	"parley/signal/wire"
)

func TestAReloadGoesOnInTheSameSlotWithoutAJump(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	b := join(t, r, clientConfig{id: "b"})
	s := newSink()
	first := join(t, r, clientConfig{id: "a", publish: both, sink: s})
	out := first.publish(media.Microphone, media.Camera)
	pump(t, "media", out, 5*time.Millisecond, func() bool { return b.got("a", media.Camera) > 20 && b.got("a", media.Microphone) > 20 })
	settled(t, b)
	offers := b.offered()

	second := join(t, r, clientConfig{id: "a", publish: both, sink: s})
	first.close()
	before := b.got("a", media.Camera)
	out = second.publish(media.Microphone, media.Camera)
	out[1].sent = 1000 // tell the two apart
	pump(t, "media again", out, 5*time.Millisecond, func() bool { return b.got("a", media.Camera) > before+20 })

	if got := b.offered(); got != offers {
		t.Errorf("the reload cost %d offers", got-offers)
	}
	jumps(t, b.slot("a", media.Camera))
	jumps(t, b.slot("a", media.Microphone))
	for id := media.TrackID(1); id <= 4; id++ {
		if s.count(id) == 0 {
			t.Errorf("the sink saw nothing of track %d", id)
		}
	}
	if s.late > 0 {
		t.Errorf("%d packets came after the end of their track", s.late)
	}
	if err := first.peer.Handle(wire.RTCRestart{}); !errors.Is(err, policy.ErrGone) {
		t.Errorf("the former peer is still served: %v", err)
	}
}

// settled waits until everything is negotiated.
func settled(t *testing.T, c *client) {
	t.Helper()
	eventually(t, "negotiated", func() bool {
		ok := false
		_ = c.peer.do(func() error {
			ok = c.peer.sub != nil && c.peer.sub.offer == "" && !c.peer.sub.planned && !c.peer.sub.due
			return nil
		})
		return ok
	})
}

func (c *client) offered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offers
}

// jumps fails the test when the numbers of a slot don't go on one by one, or its time runs off.
func jumps(t *testing.T, r *received) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[uint16]bool{}
	for i, seq := range r.seqs {
		if i > 0 && r.seqs[i-1]+1 != seq && !seen[seq-1] {
			t.Errorf("%s: %d after %d", r.label, seq, r.seqs[i-1])
		}
		if i > 0 && r.stamps[i]-r.stamps[i-1] > 90000*20 {
			t.Errorf("%s: time %d after %d", r.label, r.stamps[i], r.stamps[i-1])
		}
		seen[seq] = true
	}
}

func TestLeavingEndsTracksAndFreesTheirSections(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	_ = r.do(func() error {
		r.linger = 100 * time.Millisecond
		return nil
	})
	b := join(t, r, clientConfig{id: "b"})
	for i, id := range []PeerID{"a", "c", "d"} {
		s := newSink()
		a := join(t, r, clientConfig{id: id, publish: both, sink: s})
		out := a.publish(media.Microphone, media.Camera)
		pump(t, "media of "+string(id), out, 5*time.Millisecond, func() bool {
			return b.got(id, media.Camera) > 5 && b.got(id, media.Microphone) > 5
		})
		a.peer.Leave()
		if n := len(ended(s)); n != 2 {
			t.Errorf("%s: %d tracks have ended when Leave returns", id, n)
		}
		a.peer.Leave()
		eventually(t, "the sections are free again", func() bool {
			slots := -1
			_ = b.peer.do(func() error {
				slots = len(b.peer.sub.slots)
				return nil
			})
			return slots == 0
		})
		settled(t, b)
		if n := len(b.sub.GetTransceivers()); n != 2 {
			t.Errorf("after %d came and went there are %d sections, want 2", i+1, n)
		}
	}
}

func ended(s *sink) []media.TrackEnded {
	var found []media.TrackEnded
	for _, e := range s.list() {
		if x, ok := e.(media.TrackEnded); ok {
			found = append(found, x)
		}
	}
	return found
}

func TestPeersPublishOnlyWhatTheyMay(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	for name, c := range map[string]struct {
		publish Publish
		labels  []media.Label
		want    error
	}{
		"a viewer":                {Publish{}, []media.Label{media.Microphone}, policy.ErrForbidden},
		"sound only":              {Publish{Audio: true}, []media.Label{media.Microphone, media.Camera}, policy.ErrForbidden},
		"no screen":               {Publish{Audio: true, Video: true}, []media.Label{media.Screen}, policy.ErrForbidden},
		"two cameras":             {both, []media.Label{media.Camera, media.Camera}, policy.ErrBadRequest},
		"all three":               {both, []media.Label{media.Microphone, media.Camera, media.Screen}, nil},
		"a camera, without sound": {Publish{Video: true}, []media.Label{media.Camera}, nil},
	} {
		a := join(t, r, clientConfig{id: "a", publish: c.publish})
		if _, err := a.offer(c.labels...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestFramesThatMakeNoSenseAreRefused(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	a := join(t, r, clientConfig{id: "a", publish: both})
	sdp := offerOf(t, media.Microphone)
	for name, b := range map[string]wire.Body{
		"offer on sub":               wire.RTCOffer{PC: wire.Sub, SDP: sdp},
		"offer without labels":       wire.RTCOffer{PC: wire.Pub, SDP: sdp},
		"camera that is audio":       wire.RTCOffer{PC: wire.Pub, SDP: sdp, Tracks: []wire.RTCTrack{{Mid: "0", Label: "camera"}}},
		"unknown label":              wire.RTCOffer{PC: wire.Pub, SDP: sdp, Tracks: []wire.RTCTrack{{Mid: "0", Label: "hologram"}}},
		"answer on pub":              wire.RTCAnswer{PC: wire.Pub, SDP: sdp},
		"answer to nothing":          wire.RTCAnswer{PC: wire.Sub, SDP: sdp},
		"candidate without offer":    wire.RTCCandidate{PC: wire.Pub, Candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host"},
		"candidate of nothing":       wire.RTCCandidate{PC: "other", Candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host"},
		"a frame of something else":  wire.Pong{},
		"offer with nothing in it":   &wire.RTCOffer{PC: wire.Pub},
		"candidate that is garbage":  &wire.RTCCandidate{PC: wire.Pub, Candidate: "x"},
		"answer with nothing in it.": &wire.RTCAnswer{PC: wire.Sub},
	} {
		var refusal *policy.Refusal
		if err := a.peer.Handle(b); !errors.As(err, &refusal) || refusal.ID != policy.ErrBadRequest.ID {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.peer.Handle(wire.RTCRestart{}); err != nil {
		t.Errorf("a restart of nothing: %v", err)
	}
}

func TestAnOfferThatCannotBeAppliedEndsOnlyWhatThePeerPublished(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	a := join(t, r, clientConfig{id: "a", publish: both})
	b := join(t, r, clientConfig{id: "b", publish: both})
	out := a.publish(media.Microphone)
	other := b.publish(media.Microphone)
	pump(t, "media", append(out, other...), 5*time.Millisecond, func() bool {
		return b.got("a", media.Microphone) > 5 && a.got("b", media.Microphone) > 5
	})
	broken := strings.Replace(offerOf(t, media.Microphone), "BUNDLE 0", "BUNDLE 7", 1) // a section that is not there
	offer := wire.RTCOffer{PC: wire.Pub, SDP: broken, Tracks: []wire.RTCTrack{{Mid: "0", Label: "microphone"}}}
	if err := a.peer.Handle(offer); !errors.Is(err, policy.ErrBadRequest) {
		t.Fatalf("an offer that contradicts itself: %v", err)
	}
	eventually(t, "the track is down", func() bool { return a.happened(is[TrackDown]) })
	before := a.got("b", media.Microphone)
	pump(t, "what the peer hears goes on", other, 5*time.Millisecond, func() bool { return a.got("b", media.Microphone) > before+5 })

	_ = a.pub.GracefulClose()
	a.forget()
	out = a.publish(media.Microphone)
	before = b.got("a", media.Microphone)
	out[0].sent = 1000
	pump(t, "a new beginning", out, 5*time.Millisecond, func() bool { return b.got("a", media.Microphone) > before+5 })
}

func TestAClientThatMakesUpStreamsIsCutOff(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	a := join(t, r, clientConfig{id: "a", publish: both})
	out := a.publish(media.Microphone)
	pump(t, "track", out, 5*time.Millisecond, func() bool { return a.happened(is[TrackUp]) })
	transport := a.pub.SCTP().Transport()
	ssrc := uint32(1000)
	pump(t, "cut off", out, 5*time.Millisecond, func() bool {
		for range 50 {
			ssrc++
			_, _ = transport.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}) // of streams that are not
		}
		return a.happened(func(e PeerEvent) bool { return e == Failed{Reason: FailedLimit} })
	})
	pump(t, "the track is down", out, 5*time.Millisecond, func() bool { return a.happened(is[TrackDown]) })
}

func TestKeyFramesAreAskedForAtMostTwiceASecond(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	a := join(t, r, clientConfig{id: "a", publish: both})
	out := a.publish(media.Camera)
	pump(t, "track", out, 5*time.Millisecond, func() bool { return a.happened(is[TrackUp]) })
	before, began := a.plis.Load(), time.Now()
	pump(t, "three requests", out, 5*time.Millisecond, func() bool {
		a.peer.RequestKeyFrame(1)
		a.peer.RequestKeyFrame(77) // of no track
		return a.plis.Load() >= before+3
	})
	if took := time.Since(began); took < 2*keyFramePause-100*time.Millisecond {
		t.Errorf("three within %v", took)
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	a := join(t, r, clientConfig{id: "a", publish: both})
	a.publish(media.Microphone)
	var err error
	for n := 0; n <= maxCandidates && err == nil; n++ {
		err = a.peer.Handle(wire.RTCCandidate{PC: wire.Pub, Candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host"})
	}
	if !errors.Is(err, policy.ErrBadRequest) {
		t.Errorf("%d candidates were taken: %v", maxCandidates+1, err)
	}
}

func TestRoomsAndPeersAreBounded(t *testing.T) {
	s := openSFU(t, Config{UDP: loopback, MaxRooms: 2})
	r, err := s.NewRoom("one", RoomConfig{MaxPeers: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.NewRoom("one", RoomConfig{}); !errors.Is(err, policy.ErrConflict) {
		t.Errorf("the same room twice: %v", err)
	}
	join(t, r, clientConfig{id: "a"})
	join(t, r, clientConfig{id: "b"})
	cfg := PeerConfig{ID: "c", Send: func(wire.Body) {}}
	if _, err := r.Join(cfg); !errors.Is(err, policy.ErrConflict) {
		t.Errorf("a third peer of two: %v", err)
	}
	join(t, r, clientConfig{id: "b"}) // replaces
	if _, err := r.Join(PeerConfig{ID: "c"}); !errors.Is(err, policy.ErrBadRequest) {
		t.Errorf("a peer that can't be answered: %v", err)
	}
	two, err := s.NewRoom("two", RoomConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.NewRoom("three", RoomConfig{}); !errors.Is(err, policy.ErrUnavailable) {
		t.Errorf("a third room of two: %v", err)
	}
	two.Close()
	two.Close()
	if _, err := two.Join(cfg); !errors.Is(err, policy.ErrGone) {
		t.Errorf("a closed room: %v", err)
	}
	if _, err := s.NewRoom("two", RoomConfig{}); err != nil {
		t.Errorf("the name of a closed room: %v", err)
	}
}

func TestMutingIsTold(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	s := newSink()
	a := join(t, r, clientConfig{id: "a", publish: Publish{Audio: true, Video: true}, sink: s})
	if err := a.peer.Mute(media.Screen, true); !errors.Is(err, policy.ErrBadRequest) {
		t.Errorf("muting what may not be published: %v", err)
	}
	if err := a.peer.Mute(media.Camera, true); err != nil { // before there is one
		t.Fatal(err)
	}
	out := a.publish(media.Microphone, media.Camera)
	pump(t, "tracks", out, 5*time.Millisecond, func() bool { return s.count(1) > 0 && s.count(2) > 0 })
	for _, muted := range []bool{true, false} {
		if err := a.peer.Mute(media.Microphone, muted); err != nil {
			t.Fatal(err)
		}
	}
	labels := map[media.TrackID]media.Label{}
	var got []media.Muted
	for _, e := range s.list() {
		switch e := e.(type) {
		case media.TrackStarted:
			labels[e.Track.ID] = e.Track.Label
		case media.Muted:
			got = append(got, e)
		}
	}
	if len(got) != 3 || labels[got[0].Track] != media.Camera || !got[0].Muted || labels[got[1].Track] != media.Microphone ||
		!got[1].Muted || got[2].Muted {
		t.Errorf("told %+v of %v", got, labels)
	}
}

func TestNothingIsForwardedOnceTheSinkHasFailed(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	s := newSink()
	a := join(t, r, clientConfig{id: "a", publish: both, sink: s})
	b := join(t, r, clientConfig{id: "b"})
	out := a.publish(media.Microphone)
	pump(t, "media", out, 5*time.Millisecond, func() bool { return b.got("a", media.Microphone) > 5 })
	close(s.failed)
	last := out[0].sent
	pump(t, "failure", out, 5*time.Millisecond, func() bool {
		return a.happened(func(e PeerEvent) bool { return e == Failed{Reason: FailedSink} })
	})
	dropped := out[0].sent
	pump(t, "more packets", out, 5*time.Millisecond, func() bool { return out[0].sent > dropped+50 })
	x := b.slot("a", media.Microphone)
	x.mu.Lock()
	defer x.mu.Unlock()
	for n := range x.payloads {
		if n > last {
			t.Errorf("packet %d was forwarded, the sink failed at %d", n, last)
		}
	}
}

func TestATrackThatIsStoppedGoesAndComesBack(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	a := join(t, r, clientConfig{id: "a", publish: both, sink: newSink()})
	b := join(t, r, clientConfig{id: "b"})
	out := a.publish(media.Microphone, media.Screen)
	pump(t, "media", out, 5*time.Millisecond, func() bool { return b.got("a", media.Screen) > 5 })
	var screen = a.pub.GetTransceivers()[1]
	if err := a.pub.RemoveTrack(screen.Sender()); err != nil {
		t.Fatal(err)
	}
	if err := a.renegotiate(a.pub); err != nil {
		t.Fatal(err)
	}
	pump(t, "the screen is down", out[:1], 5*time.Millisecond, func() bool { return a.happened(is[TrackDown]) })
	before := b.got("a", media.Screen)
	again, err := a.offer(media.Screen)
	if err != nil {
		t.Fatal(err)
	}
	again[0].sent = 5000
	pump(t, "the screen is back", again, 5*time.Millisecond, func() bool { return b.got("a", media.Screen) > before+5 })
}

func TestICERestartsKeepMediaFlowing(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	a := join(t, r, clientConfig{id: "a", publish: both})
	b := join(t, r, clientConfig{id: "b"})
	out := a.publish(media.Microphone)
	pump(t, "media", out, 5*time.Millisecond, func() bool { return b.got("a", media.Microphone) > 5 })
	settled(t, b)
	offers := b.offered()
	if err := b.peer.Handle(wire.RTCRestart{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an offer that restarts", func() bool { return b.offered() > offers })
	before := b.got("a", media.Microphone)
	pump(t, "media after the restart of sub", out, 5*time.Millisecond, func() bool { return b.got("a", media.Microphone) > before+50 })
	if err := a.restart(); err != nil {
		t.Fatal(err)
	}
	before = b.got("a", media.Microphone)
	pump(t, "media after the restart of pub", out, 5*time.Millisecond, func() bool { return b.got("a", media.Microphone) > before+50 })
}

func TestClocksOfThePublisherReachSubscribers(t *testing.T) {
	t.Parallel()
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	s := newSink()
	a := join(t, r, clientConfig{id: "a", publish: both, sink: s})
	b := join(t, r, clientConfig{id: "b"})
	out := a.publish(media.Microphone)
	pump(t, "sender reports", out, 20*time.Millisecond, func() bool {
		x := b.slot("a", media.Microphone)
		if x == nil {
			return false
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		return len(x.reports) > 1
	})
	x := b.slot("a", media.Microphone)
	x.mu.Lock()
	defer x.mu.Unlock()
	first, last := x.reports[0], x.reports[len(x.reports)-1]
	wall := float64(last.NTPTime-first.NTPTime) / (1 << 32)
	ticks := float64(last.RTPTime - first.RTPTime)
	if diff := ticks/48000 - wall; diff > 0.5 || diff < -0.5 {
		t.Errorf("in %.2f s the media clock went %.2f s", wall, ticks/48000)
	}
	if last.PacketCount == 0 || last.OctetCount == 0 {
		t.Errorf("report %+v", last)
	}
}

// A callback that waits for a lock, held by someone who waits for the room, must not stop the room.
func TestACallbackThatBlocksDoesNotHoldUpTheRoom(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	release := make(chan struct{})
	p, err := r.Join(PeerConfig{ID: "a", Publish: both, Send: func(wire.Body) { <-release }})
	if err != nil {
		t.Fatal(err)
	}
	offer := wire.RTCOffer{PC: wire.Pub, SDP: offerOf(t, media.Microphone), Tracks: []wire.RTCTrack{{Mid: "0", Label: "microphone"}}}
	for range 3 {
		if err := p.Handle(offer); err != nil {
			t.Fatal(err)
		}
	}
	join(t, r, clientConfig{id: "b"})
	p.Leave()
	close(release)
}

func TestClosingInTheMiddleOfEverythingLeavesNothing(t *testing.T) {
	s := openSFU(t, Config{UDP: loopback, Workers: 2})
	for range 5 {
		r := openRoom(t, s)
		a := join(t, r, clientConfig{id: "a", publish: both, sink: newSink()})
		if _, err := a.offer(media.Microphone, media.Camera); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if err := a.peer.Handle(wire.RTCRestart{}); !errors.Is(err, policy.ErrGone) {
			t.Errorf("a closed room still serves: %v", err)
		}
		a.peer.RequestKeyFrame(1)
		a.peer.Leave()
		a.close()
	}
}
