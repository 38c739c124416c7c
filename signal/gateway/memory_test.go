package gateway_test

import (
	"net"
	"runtime"
	"testing"
	"time"

	"parley/signal/gateway"
)

// BenchmarkIdleSession reports what an idle session holds: heap and goroutine stacks, with the little that the client's
// bare TCP connection in the same process adds.
func BenchmarkIdleSession(b *testing.B) {
	const sessions = 500
	n := start(b, limits(gateway.Limits{PerUser: sessions, Storm: 1 << 20, UserBurst: 1 << 20}))
	n.open()
	tok := token(b, ann, time.Hour)
	n.bare(tok).Close() // what is made once is made now
	for b.Loop() {
		before := inUse()
		conns := make([]net.Conn, sessions)
		for i := range conns {
			conns[i] = n.bare(tok)
		}
		b.ReportMetric((inUse()-before)/sessions/1024, "KiB/session")
		for _, c := range conns {
			c.Close()
		}
		for n.Sessions() > 0 {
			runtime.Gosched()
		}
	}
}

func inUse() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
