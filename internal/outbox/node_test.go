package outbox_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/outbox"
	"parley/internal/outbox/outboxtest"
	"parley/internal/testenv/testlog"
)

const (
	secret    = "0123456789abcdef0123456789abcdef"
	oldSecret = "fedcba9876543210fedcba9876543210"
)

// target is the other side, without a network: what it was sent, in order, and how it answers.
type target struct {
	answer func(ctx context.Context, try int) (status int, header http.Header, err error)

	mu     sync.Mutex
	bodies []string
	header []http.Header
	busy   int
	most   int
}

func (s *target) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.bodies, s.header = append(s.bodies, string(body)), append(s.header, r.Header)
	s.busy++
	s.most = max(s.most, s.busy)
	try := len(s.bodies)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.busy--; s.mu.Unlock() }()
	status, header, err := http.StatusNoContent, http.Header{}, error(nil)
	if s.answer != nil {
		status, header, err = s.answer(r.Context(), try)
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func (s *target) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// fails answers the first n tries with the status, then with 204.
func fails(n, status int) func(context.Context, int) (int, http.Header, error) {
	return func(_ context.Context, try int) (int, http.Header, error) {
		if try <= n {
			return status, nil, nil
		}
		return http.StatusNoContent, nil, nil
	}
}

// hangs answers nothing until it is given up.
func hangs(ctx context.Context, _ int) (int, http.Header, error) {
	<-ctx.Done()
	return 0, nil, ctx.Err()
}

// node is a running outbox.
type node struct {
	*outbox.Outbox
	metrics *prometheus.Registry
	log     *testlog.Buffer
	stop    func()
}

func start(t *testing.T, store outbox.Store, to http.RoundTripper, c outbox.Config) *node {
	t.Helper()
	n := &node{metrics: prometheus.NewPedanticRegistry(), log: &testlog.Buffer{}}
	c.Store, c.Metrics, c.Log = store, n.metrics, slog.New(slog.NewJSONHandler(n.log, nil))
	if c.Target.URL == "" {
		c.Target = outbox.Target{URL: "https://hooks.example.com/sekret-path", Secrets: []outbox.Secret{secret}}
	}
	var err error
	if n.Outbox, err = outbox.New(c); err != nil {
		t.Fatal(err)
	}
	if to != nil {
		n.Through(to)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// metric is the sum over the metric's labels.
func (n *node) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := n.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func put(t *testing.T, s outbox.Store, n int) []outbox.Event {
	t.Helper()
	var events []outbox.Event
	for i := range n {
		events = append(events, outboxtest.Event(t, uint64(i+1)))
	}
	if err := s.Append(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	return events
}

func waiting(t *testing.T, s outbox.Store, pending, dead int) {
	t.Helper()
	b, err := s.Backlog(t.Context())
	if err != nil || b.Pending != pending || b.Dead != dead {
		t.Errorf("backlog %+v, %v; want %d pending, %d dead", b, err, pending, dead)
	}
}
