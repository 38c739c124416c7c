package sfu

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/policy"
	"parley/signal/media"
	"parley/signal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

var both = Publish{Audio: true, Video: true, Screen: true}

func TestTwoPeersHearAndSeeEachOther(t *testing.T) {
	r := openRoom(t, openSFU(t, Config{UDP: loopback}))
	a := join(t, r, clientConfig{id: "a", publish: both, sink: newSink()})
	b := join(t, r, clientConfig{id: "b", publish: both, sink: newSink()})
	out := append(a.publish(media.Microphone, media.Camera), b.publish(media.Microphone, media.Camera)...)
	pump(t, "media both ways", out, 10*time.Millisecond, func() bool {
		return a.got("b", media.Microphone) > 20 && a.got("b", media.Camera) > 20 &&
			b.got("a", media.Microphone) > 20 && b.got("a", media.Camera) > 20
	})
	for _, c := range []*client{a, b} {
		if !c.happened(is[Connected]) || !c.happened(is[TrackUp]) {
			t.Errorf("%s: events %v", c.id, c.events)
		}
		if n := c.sink.repeats(); n > 0 {
			t.Errorf("%s: the sink saw %d packets again", c.id, n)
		}
	}
}

func TestWorkersHaveAPortEachAndRoomsAreSpreadOverThem(t *testing.T) {
	s := openSFU(t, Config{UDP: loopback, Workers: 3})
	seen := map[netip.AddrPort]bool{}
	for _, p := range s.Ports() {
		seen[p] = true
	}
	if len(seen) != 3 || seen[loopback] {
		t.Errorf("ports %v", s.Ports())
	}
	workers := map[*worker]bool{}
	for _, id := range []RoomID{"a", "b", "c"} {
		r, err := s.NewRoom(id, RoomConfig{})
		if err != nil {
			t.Fatal(err)
		}
		workers[r.worker] = true
	}
	if len(workers) != 3 {
		t.Errorf("3 rooms are on %d workers", len(workers))
	}
}

func TestPortsCountUpAndATakenOneIsAnError(t *testing.T) {
	first := openSFU(t, Config{UDP: loopback})
	taken := first.Ports()[0]
	below := netip.AddrPortFrom(taken.Addr(), taken.Port()-1)
	second := New(Config{UDP: below, Workers: 2})
	if err := second.Open(); err == nil {
		t.Error("a taken port was bound")
	}
	if err := second.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	third := New(Config{UDP: netip.AddrPortFrom(taken.Addr(), 65535), Workers: 2})
	if err := third.Open(); err == nil {
		t.Error("there is a port 65536")
	}
	if _, err := third.NewRoom("a", RoomConfig{}); !errors.Is(err, policy.ErrUnavailable) {
		t.Errorf("a room without a socket: %v", err)
	}
	_ = third.Close()
	if err := third.Open(); err == nil {
		t.Error("an SFU was opened after it was closed")
	}
}

// candidatesOf collects the addresses that a client is told.
func candidatesOf(t *testing.T, cfg Config) map[string]bool {
	t.Helper()
	r := openRoom(t, openSFU(t, cfg))
	frames := make(chan wire.Body, 100)
	p, err := r.Join(PeerConfig{ID: "a", Publish: both, Send: func(b wire.Body) { frames <- b }})
	if err != nil {
		t.Fatal(err)
	}
	offer := wire.RTCOffer{PC: wire.Pub, SDP: offerOf(t, media.Microphone), Tracks: []wire.RTCTrack{{Mid: "0", Label: "microphone"}}}
	if err := p.Handle(offer); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	timeout := time.After(deadline)
	for first := true; ; first = false {
		select {
		case b := <-frames:
			if _, ok := b.(wire.RTCAnswer); ok != first {
				t.Fatalf("got %T, first %v: the answer comes first", b, first)
			}
			c, ok := b.(wire.RTCCandidate)
			if !ok {
				continue
			}
			if c.Candidate == "" {
				return found
			}
			found[strings.Fields(c.Candidate)[4]] = true
		case <-timeout:
			t.Fatal("candidates do not end")
		}
	}
}

func TestClientsAreToldThePublicAddressesWhereThereAreSome(t *testing.T) {
	public := []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")}
	everywhere := netip.MustParseAddrPort("0.0.0.0:0")
	for name, c := range map[string]struct {
		cfg        Config
		want, hide string
	}{
		"public, bound everywhere":    {Config{UDP: everywhere, Public: public}, "203.0.113.7", "127.0.0.1"},
		"public, bound to one":        {Config{UDP: loopback, Public: public}, "203.0.113.7", "127.0.0.1"},
		"not reachable there":         {Config{UDP: everywhere, Public: public}, "203.0.113.7", "2001:db8::7"},
		"own addresses":               {Config{UDP: everywhere}, "127.0.0.1", "203.0.113.7"},
		"zero value is own addresses": {Config{}, "127.0.0.1", "203.0.113.7"},
	} {
		got := candidatesOf(t, c.cfg)
		if !got[c.want] || got[c.hide] {
			t.Errorf("%s: told %v", name, got)
		}
	}
}
