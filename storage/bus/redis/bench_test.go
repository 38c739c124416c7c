package redis

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/testenv/engines"
	"parley/storage/bus"
)

// BenchmarkBetweenNodes reports what a hint of 400 bytes costs from one node to another through Redis, all in one process,
// with many under way.
func BenchmarkBetweenNodes(b *testing.B) {
	from, _, received := benchNodes(b)
	payload := make([]byte, 400)
	const window = 1000
	sent := 0
	for b.Loop() {
		from.send("rob", string(payload))
		for sent++; sent-int(received.Load()) > window; {
			<-time.After(20 * time.Microsecond)
		}
	}
	for int(received.Load()) < sent {
		<-time.After(20 * time.Microsecond)
	}
}

// BenchmarkOneAtATime reports how long a hint is under way.
func BenchmarkOneAtATime(b *testing.B) {
	from, arrived, received := benchNodes(b)
	var took []time.Duration
	for b.Loop() {
		had, begin := received.Load(), time.Now()
		from.send("rob", "hello")
		for received.Load() == had {
			<-arrived
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/p99")
}

func benchNodes(b *testing.B) (from *end, arrived chan struct{}, received *atomic.Int64) {
	server := engines.Redis(b)
	from = join(b, "redis://"+server.Addr, "n1")
	to := open(b, "redis://"+server.Addr, "n2")
	received, arrived = &atomic.Int64{}, make(chan struct{}, 1)
	running(b, func(ctx context.Context) error {
		return to.Receive(ctx, "n2", func(m bus.Message) {
			if len(m.Users) == 0 {
				return
			}
			received.Add(1)
			select {
			case arrived <- struct{}{}:
			default:
			}
		})
	})
	to.attach("rob")
	eventually(b, "both are up", func() bool { return from.isUp() && to.metric("parley_bus_up") == 1 })
	eventually(b, "the receiver is reached", func() bool { from.send("rob", "first"); return received.Load() > 0 })
	for last := int64(-1); last != received.Load(); { // those that were sent on the way
		last = received.Load()
		<-time.After(100 * time.Millisecond)
	}
	received.Store(0)
	return from, arrived, received
}

// BenchmarkRegister reports what it takes to fill an empty registry with the users of a node.
func BenchmarkRegister(b *testing.B) {
	const users = 20_000
	server := engines.Redis(b)
	n := open(b, "redis://"+server.Addr, "n1")
	for i := range users {
		n.Bus.attached.add(fmt.Sprint("user-", i), n.secrets.name(fmt.Sprint("user-", i)))
	}
	eventually(b, "it is up", func() bool { return registeredUsers(b, server.Addr) == users })
	for b.Loop() {
		if err := n.registerAgain(b.Context(), n.current.get()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(users, "users")
}
