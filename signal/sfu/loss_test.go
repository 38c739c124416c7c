package sfu

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/transport/v5/vnet"

	"parley/signal/media"
)

// network is a virtual one with three hosts, that misbehaves once it is told to.
type network struct {
	router *vnet.Router
	hosts  []*vnet.Net
	mu     sync.Mutex
	rand   *rand.Rand
	loss   float64
}

// building guards vnet's counter of MAC addresses, which is not safe for parallel tests.
var building sync.Mutex

func newNetwork(t *testing.T, seed uint64) *network {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "10.0.0.0/24", LoggerFactory: silent, MinDelay: 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	n := &network{router: router, rand: rand.New(rand.NewPCG(seed, seed))}
	for i := range 3 {
		host, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{fmt.Sprintf("10.0.0.%d", i+1)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := router.AddNet(host); err != nil {
			t.Fatal(err)
		}
		n.hosts = append(n.hosts, host)
	}
	router.AddChunkFilter(n.pass)
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = router.Stop() })
	return n
}

// pass loses datagrams of media and of its reports.
func (n *network) pass(c vnet.Chunk) bool {
	b := c.UserData()
	if len(b) == 0 || b[0] < 128 || b[0] > 191 {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rand.Float64() >= n.loss
}

func (n *network) lose(share float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss = share
}

func (n *network) sfu(t *testing.T) *SFU {
	return openSFU(t, Config{Net: n.hosts[0], UDP: netip.MustParseAddrPort("10.0.0.1:5000")})
}

func TestEverythingArrivesOnceInSpiteOfLoss(t *testing.T) {
	t.Parallel()
	for _, share := range []float64{0.01, 0.05, 0.10} {
		t.Run(fmt.Sprintf("%.0f percent", share*100), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, 7)
			r := openRoom(t, n.sfu(t))
			a := join(t, r, clientConfig{id: "a", publish: both, sink: newSink(), net: n.hosts[1]})
			b := join(t, r, clientConfig{id: "b", net: n.hosts[2]})
			out := a.publish(media.Microphone, media.Camera)
			pump(t, "media flows", out, 5*time.Millisecond, func() bool {
				return b.got("a", media.Microphone) > 0 && b.got("a", media.Camera) > 0
			})
			from := out[0].sent
			n.lose(share)
			pump(t, "300 packets under loss", out, 10*time.Millisecond, func() bool { return out[0].sent > from+300 })
			to := out[0].sent
			n.lose(0)
			pump(t, "repair", out, 10*time.Millisecond, func() bool {
				return complete(b.slot("a", media.Microphone), from+1, to) && complete(b.slot("a", media.Camera), from+1, to)
			})
			if got := a.sink.repeats(); got > 0 {
				t.Errorf("the sink saw %d packets again", got)
			}
			for id := media.TrackID(1); id <= 2; id++ {
				if got := a.sink.count(id); got < int(to) {
					t.Errorf("the sink saw %d packets of track %d, want at least %d", got, id, to)
				}
			}
			for _, e := range a.sink.list() {
				if g, ok := e.(media.Gap); ok {
					t.Errorf("a gap is written although all came: %+v", g)
				}
			}
		})
	}
}

// complete says whether each packet from from to to is there.
func complete(r *received, from, to uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := from; n <= to; n++ {
		if r.payloads[n] == 0 {
			return false
		}
	}
	return true
}

func TestWhatNeverComesIsWrittenAsAGapAndAKeyFrameIsAskedFor(t *testing.T) {
	n := newNetwork(t, 1)
	r := openRoom(t, n.sfu(t))
	a := join(t, r, clientConfig{id: "a", publish: both, sink: newSink(), net: n.hosts[1]})
	b := join(t, r, clientConfig{id: "b", net: n.hosts[2]})
	out := a.publish(media.Camera)
	pump(t, "media flows", out, 5*time.Millisecond, func() bool { return b.got("a", media.Camera) > 10 })
	before := a.plis.Load()
	first := out[0].seq + 1
	for range 5 {
		out[0].next(false) // never sent, so no retransmission brings it
	}
	pump(t, "a gap in the evidence", out, 5*time.Millisecond, func() bool { return len(gaps(a.sink)) > 0 })
	g := gaps(a.sink)[0]
	if uint16(g.From) != first || g.To != g.From+4 || g.Reason != media.Loss || g.Track != 1 {
		t.Errorf("gap %+v, want 5 from %d", g, first)
	}
	pump(t, "a request for a key frame", out, 5*time.Millisecond, func() bool { return a.plis.Load() > before })
}

func gaps(s *sink) []media.Gap {
	var found []media.Gap
	for _, e := range s.list() {
		if g, ok := e.(media.Gap); ok {
			found = append(found, g)
		}
	}
	return found
}

func TestAPeerThatVanishesIsReportedAndItsAbsenceIsWritten(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 1)
	r := openRoom(t, n.sfu(t))
	a := join(t, r, clientConfig{id: "a", publish: both, sink: newSink(), net: n.hosts[1]})
	a.publish(media.Microphone)[0].send(t, false)
	eventually(t, "track", func() bool { return a.happened(is[TrackUp]) })
	_ = n.router.Stop()
	eventually(t, "disconnected", func() bool { return a.happened(is[Disconnected]) })
	eventually(t, "gap", func() bool { return len(gaps(a.sink)) > 0 })
	if g := gaps(a.sink)[0]; g.Reason != media.Disconnected || g.Track != 1 {
		t.Errorf("gap %+v", g)
	}
	if a.happened(is[TrackDown]) {
		t.Error("the track is down although the peer may come back")
	}
}
