package sfu

import (
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/signal/media"
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
