package crowd

import (
	"encoding/json"
	"testing"
	"time"

	"parley/signal/wire"
)

type deaf int

func (*deaf) Frame([]byte)          {}
func (*deaf) State(wire.CrowdState) {}

// BenchmarkFrame shows 22 entries to 1,000 subscribers: encoded once, handed on a thousand times.
func BenchmarkFrame(b *testing.B) {
	s := New(Config{})
	r := newRoom(s, Room{ID: "0195794e-8f10-7c3a-9d42-6f1f5a3b2c01"}, nil)
	for i := range 1000 {
		d := deaf(i)
		r.subs[&d] = struct{}{}
	}
	e := wire.CrowdEntry{User: "u-1", Name: "李**", Time: time.Now().UTC(), Type: TypeText, Content: json.RawMessage(`{"text":"什么时候开始校招？"}`)}
	b.ReportAllocs()
	for b.Loop() {
		for i := range 22 {
			e.Seq = uint64(i + 1)
			r.shown = append(r.shown, e)
		}
		r.show()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/22_000, "ns/delivery")
}
