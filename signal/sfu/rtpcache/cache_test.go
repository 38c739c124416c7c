package rtpcache

import (
	"bytes"
	"sync"
	"testing"
)

func packet(seq uint64, payload string) Packet {
	return Packet{Seq: seq, Timestamp: uint32(seq) * 90, Marker: seq%2 == 0, Level: byte(seq), Payload: []byte(payload)}
}

func TestCacheFindsTheLastPackets(t *testing.T) {
	c := New(4)
	for seq := uint64(70000); seq < 70006; seq++ {
		c.Put(packet(seq, string(rune('a'+seq-70000))))
	}
	for seq, want := range map[uint64]string{70001: "", 70002: "c", 70003: "d", 70004: "e", 70005: "f", 70006: ""} {
		p, ok := c.Get(seq, nil)
		if ok != (want != "") || string(p.Payload) != want {
			t.Errorf("%d: %q, %v, want %q", seq, p.Payload, ok, want)
		}
		if ok && (p.Seq != seq || p.Timestamp != uint32(seq)*90 || p.Marker != (seq%2 == 0) || p.Level != byte(seq)) {
			t.Errorf("%d: %+v", seq, p)
		}
	}
}

func TestCacheKeepsTheNewerOfTwoInOnePlace(t *testing.T) {
	c := New(4)
	c.Put(packet(8, "new"))
	c.Put(packet(4, "old"))
	if p, ok := c.Get(8, nil); !ok || string(p.Payload) != "new" {
		t.Errorf("got %q, %v", p.Payload, ok)
	}
	if _, ok := c.Get(4, nil); ok {
		t.Error("the old packet was stored")
	}
}

func TestCacheOwnsItsBytes(t *testing.T) {
	c := New(4)
	p := packet(1, "hello")
	c.Put(p)
	copy(p.Payload, "later")
	got, _ := c.Get(1, []byte("ab"))
	if string(got.Payload) != "abhello" {
		t.Errorf("got %q", got.Payload)
	}
	copy(got.Payload, "changed")
	c.Put(packet(5, "world"))
	if again, _ := c.Get(5, nil); string(again.Payload) != "world" {
		t.Errorf("got %q", again.Payload)
	}
}

func TestCacheRefusesWhatNoMTUHolds(t *testing.T) {
	c := New(4)
	c.Put(Packet{Seq: 1, Payload: make([]byte, MaxPayload+1)})
	if _, ok := c.Get(1, nil); ok {
		t.Error("a payload beyond the limit was kept")
	}
}

func TestCacheServesReadersWhileItIsFilled(t *testing.T) {
	c := New(16)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			buf := make([]byte, 0, MaxPayload)
			for seq := range uint64(2000) {
				if p, ok := c.Get(seq, buf); ok && !bytes.Equal(p.Payload, bytes.Repeat([]byte{byte(seq)}, 100)) {
					t.Errorf("packet %d has another's payload", seq)
					return
				}
			}
		})
	}
	for seq := range uint64(2000) {
		c.Put(Packet{Seq: seq, Payload: bytes.Repeat([]byte{byte(seq)}, 100)})
	}
	wg.Wait()
}

func TestCacheAllocatesNothingOnceFull(t *testing.T) {
	c := New(8)
	p := Packet{Payload: make([]byte, 1200)}
	buf := make([]byte, 0, MaxPayload)
	for range 8 {
		c.Put(p)
		p.Seq++
	}
	if n := testing.AllocsPerRun(100, func() {
		c.Put(p)
		c.Get(p.Seq, buf)
		p.Seq++
	}); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
