package redis

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"parley/internal/testenv/engines"
	"parley/internal/testenv/testlog"
	"parley/storage/bus"
	"parley/storage/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testKey = bytes.Repeat([]byte{7}, minKey)

const testProbe = 200 * time.Millisecond

// end is one node on the bus, whose bus runs until the test ends.
type end struct {
	*Bus
	t       testing.TB
	metrics *prometheus.Registry
	logs    *testlog.Buffer
	stop    func()

	mu      sync.Mutex
	got     []string
	resyncs int
}

type setting func(*Config)

func trust(pool *x509.CertPool) setting { return func(c *Config) { c.Trust = pool } }

// open starts a node's bus without a receiver.
func open(t testing.TB, url string, n bus.Node, settings ...setting) *end {
	t.Helper()
	e := &end{t: t, metrics: prometheus.NewPedanticRegistry(), logs: &testlog.Buffer{}}
	cfg := Config{URL: url, Node: n, Key: testKey, Probe: testProbe, Metrics: e.metrics, Log: slog.New(slog.NewJSONHandler(e.logs, nil))}
	for _, s := range settings {
		s(&cfg)
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.Bus = b
	e.stop = running(t, b.Run)
	return e
}

// running runs f until the test, or the returned function, ends it.
func running(t testing.TB, f func(context.Context) error) func() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// join starts a node's bus with a receiver.
func join(t testing.TB, url string, n bus.Node, settings ...setting) *end {
	t.Helper()
	e := open(t, url, n, settings...)
	running(t, func(ctx context.Context) error { return e.Receive(ctx, n, e.take) })
	return e
}

func (e *end) take(m bus.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.Resync {
		e.resyncs++
		return
	}
	e.got = append(e.got, string(m.Payload))
}

func (e *end) has(payload string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.got {
		if p == payload {
			return true
		}
	}
	return false
}

func (e *end) synced() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.resyncs
}

func (e *end) isUp() bool { return e.metric("parley_bus_up") == 1 && e.synced() > 0 }

func (e *end) attach(user string) {
	e.t.Helper()
	if err := e.Attach(e.t.Context(), user, e.cfg.Node); err != nil {
		e.t.Fatal(err)
	}
}

func (e *end) send(user, payload string) {
	e.t.Helper()
	if err := e.Send(e.t.Context(), []string{user}, []byte(payload)); err != nil {
		e.t.Fatal(err)
	}
}

// reach sends until the other end has it.
func (e *end) reach(to *end, user, payload string) {
	e.t.Helper()
	var last time.Time
	eventually(e.t, fmt.Sprintf("%q reaches %s", payload, to.cfg.Node), func() bool {
		if time.Since(last) > 100*time.Millisecond {
			e.send(user, payload)
			last = time.Now()
		}
		return to.has(payload)
	})
}

func (e *end) metric(name string) float64 {
	e.t.Helper()
	families, err := e.metrics.Gather()
	if err != nil {
		e.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	e.t.Fatalf("no metric %s", name)
	return 0
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	within(t, patience, what, ok)
}

func within(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// admin is a client of the test's own.
func admin(t testing.TB, addr string) *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: addr, Protocol: 2})
	t.Cleanup(func() { c.Close() })
	return c
}

func flush(t testing.TB, addr string) {
	t.Helper()
	if err := admin(t, addr).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestBusKeepsTheContract(t *testing.T) {
	server := engines.Redis(t)
	for name, settings := range map[string][]setting{
		"": nil, "with hardly any queue": {func(c *Config) { c.Queue = 2 * overhead }},
	} {
		t.Run(name, func(t *testing.T) {
			bustest.Bus(t, func(t *testing.T) bustest.Ends {
				flush(t, server.Addr)
				var mu sync.Mutex
				ends := map[bus.Node]*end{}
				return func(n bus.Node) bus.Bus {
					mu.Lock()
					defer mu.Unlock()
					if ends[n] == nil {
						ends[n] = open(t, "redis://"+server.Addr, n, settings...)
						eventually(t, "the link is up", func() bool { return ends[n].metric("parley_bus_up") == 1 })
					}
					return ends[n]
				}
			})
		})
	}
}
