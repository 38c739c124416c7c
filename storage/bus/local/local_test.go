package local

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"parley/storage/bus"
	"parley/storage/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// one bus is every node's end.
func one(b *Bus) bustest.Ends { return func(bus.Node) bus.Bus { return b } }

func TestBusKeepsTheContract(t *testing.T) {
	bustest.Bus(t, func(*testing.T) bustest.Ends { return one(New(Config{})) })
}

func TestBusKeepsTheContractWithHardlyAnyQueue(t *testing.T) {
	bustest.Bus(t, func(*testing.T) bustest.Ends { return one(New(Config{Queue: 1})) })
}

func TestASlowNodeLosesTheOldestAndTheyAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewPedanticRegistry()
		b := New(Config{Queue: 3, Metrics: metrics})
		b.Attach(t.Context(), "u1", "n1")
		for i := range 5 {
			b.Send(t.Context(), []string{"u1"}, fmt.Append(nil, i))
		}
		var got []string
		ctx, cancel := context.WithCancel(t.Context())
		go b.Receive(ctx, "n1", func(m bus.Message) { got = append(got, string(m.Payload)) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		if fmt.Sprint(got) != "[2 3 4]" {
			t.Errorf("got %v, want the last three", got)
		}
		for name, want := range map[string]float64{"parley_bus_dropped_total": 2, "parley_bus_messages_total": 5} {
			if n := counter(t, metrics, name); n != want {
				t.Errorf("%s is %v, want %v", name, n, want)
			}
		}
	})
}

// counter reads a counter without labels.
func counter(t *testing.T, from prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestANodeHasOneReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{})
		ctx, cancel := context.WithCancel(t.Context())
		go b.Receive(ctx, "n1", func(bus.Message) {})
		synctest.Wait()
		if err := b.Receive(t.Context(), "n1", func(bus.Message) {}); !errors.Is(err, bus.ErrReceiving) {
			t.Errorf("second receiver: %v, want %v", err, bus.ErrReceiving)
		}
		cancel()
		synctest.Wait()
	})
}

func TestNothingIsKeptOfUsersAndNodesThatAreGone(t *testing.T) {
	b := New(Config{})
	for i := range 100 {
		user := fmt.Sprint(i)
		b.Attach(t.Context(), user, "n1")
		b.Send(t.Context(), []string{user}, nil)
		b.Detach(t.Context(), user, "n1")
	}
	if len(b.users) > 0 || len(b.nodes) > 0 {
		t.Errorf("%d users and %d nodes are left", len(b.users), len(b.nodes))
	}
}
