package sfu

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"parley/signal/media"
)

func valueOf(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// noise makes datagrams of strangers: anything, and what looks like ours.
func noise(r *rand.Rand) []byte {
	b := make([]byte, 1+r.IntN(1400))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	switch r.IntN(5) {
	case 0:
		b[0] = 0x80
	case 1:
		b[0] = 22
	case 2:
		m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername("stranger:nobody"), stun.Fingerprint)
		if err == nil {
			return m.Raw
		}
	case 3:
		m, err := stun.Build(stun.TransactionID, stun.BindingRequest)
		if err == nil {
			return append(m.Raw[:len(m.Raw):len(m.Raw)], 0, 0)
		}
	}
	return b
}

// flood sends noise from a socket of its own until stop is closed.
func flood(t *testing.T, to netip.AddrPort, seed uint64, stop <-chan struct{}) {
	c, err := net.Dial("udp4", to.String())
	if err != nil {
		t.Errorf("dial: %v", err)
		return
	}
	defer func() { _ = c.Close() }()
	r := rand.New(rand.NewPCG(seed, seed))
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for {
		select {
		case <-stop:
			return
		case <-pause.C:
			for range 10 {
				_, _ = c.Write(noise(r)) // what does not get through does no harm either
			}
		}
	}
}

func TestStrangersOnThePortHarmNobody(t *testing.T) {
	s := openSFU(t, Config{UDP: loopback})
	r := openRoom(t, s)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for seed := range uint64(3) {
		wg.Go(func() { flood(t, s.Ports()[0], seed, stop) })
	}
	a := join(t, r, clientConfig{id: "a", publish: both, sink: newSink()}) // also joining works meanwhile
	b := join(t, r, clientConfig{id: "b"})
	out := a.publish(media.Microphone, media.Camera)
	pump(t, "media flows", out, 5*time.Millisecond, func() bool {
		return b.got("a", media.Microphone) > 0 && b.got("a", media.Camera) > 0
	})
	from := out[0].sent
	pump(t, "200 packets", out, 5*time.Millisecond, func() bool { return out[0].sent > from+200 })
	pump(t, "all of them arrive", out, 5*time.Millisecond, func() bool {
		return complete(b.slot("a", media.Microphone), from+1, from+200) && complete(b.slot("a", media.Camera), from+1, from+200)
	})
	close(stop)
	wg.Wait()
	if valueOf(t, s.metrics.garbage) == 0 || valueOf(t, s.metrics.unknown) == 0 {
		t.Errorf("counted %v garbage, %v of unknown sources", valueOf(t, s.metrics.garbage), valueOf(t, s.metrics.unknown))
	}
	if a.happened(is[Disconnected]) || b.happened(is[Disconnected]) {
		t.Error("a peer was lost")
	}
}
