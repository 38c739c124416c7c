package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"parley/internal/cluster"
)

// counter serves a stream of numbers until its caller has gone.
type counter struct {
	step time.Duration
	size int
	err  chan error // how it ended, of capacity 1
}

func (n *counter) serve(ctx context.Context, _ json.RawMessage, out *cluster.Outlet) error {
	tick := time.NewTicker(n.step)
	defer tick.Stop()
	pad := strings.Repeat("x", n.size)
	for i := 0; ; i++ {
		if err := out.Send(map[string]any{"n": i, "pad": pad}); err != nil {
			n.err <- err
			return err
		}
		select {
		case <-ctx.Done():
			n.err <- ctx.Err()
			return nil
		case <-tick.C:
		}
	}
}

type number struct{ N int }

func open(t *testing.T, a *node) *cluster.Stream {
	t.Helper()
	s, err := a.Stream(t.Context(), "b", "count", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestAStreamBringsItsLinesInOrderUntilItsEnd(t *testing.T) {
	a, _ := both(t, func(c *cluster.Cluster) {
		c.HandleStream("count", func(_ context.Context, _ json.RawMessage, out *cluster.Outlet) error {
			for i := range 500 {
				if err := out.Send(number{i}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	s := open(t, a)
	for i := range 500 {
		var n number
		if err := s.Recv(&n); err != nil || n.N != i {
			t.Fatalf("line %d: %d, %v", i, n.N, err)
		}
	}
	if err := s.Recv(nil); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
}

func TestAStreamEndsWithItsCaller(t *testing.T) {
	n := &counter{step: 10 * time.Millisecond, err: make(chan error, 1)}
	a, _ := both(t, func(c *cluster.Cluster) { c.HandleStream("count", n.serve) })
	s := open(t, a)
	if err := s.Recv(&number{}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := s.Recv(&number{}); !errors.Is(err, cluster.ErrUnreachable) {
		t.Errorf("after Close: %v", err)
	}
	ended(t, n.err, 5*time.Second)
}

func TestAStreamOutlivesTheContextItWasOpenedWith(t *testing.T) {
	n := &counter{step: 10 * time.Millisecond, err: make(chan error, 1)}
	a, _ := both(t, func(c *cluster.Cluster) { c.HandleStream("count", n.serve) })
	ctx, cancel := context.WithCancel(t.Context())
	s, err := a.Stream(ctx, "b", "count", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cancel()
	for range 50 {
		if err := s.Recv(&number{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStreamOnWhichNothingIsSentForLongIsNotCut(t *testing.T) {
	n := &counter{step: 2500 * time.Millisecond, err: make(chan error, 1)} // longer than the patience with one write
	a, _ := both(t, func(c *cluster.Cluster) { c.HandleStream("count", n.serve) })
	s := open(t, a)
	for i := range 2 {
		if err := s.Recv(&number{}); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
	}
}

func TestBothEndsNoticeANetworkThatSwallowsEverything(t *testing.T) {
	n := &counter{step: time.Second, err: make(chan error, 1)}
	a, b := both(t, func(c *cluster.Cluster) { c.HandleStream("count", n.serve) })
	s := open(t, a)
	if err := s.Recv(&number{}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	b.relay.Swallow(true)
	broken := make(chan error, 1)
	go func() {
		for {
			if err := s.Recv(&number{}); err != nil {
				broken <- err
				return
			}
		}
	}()
	if err := ended(t, broken, 10*time.Second); !errors.Is(err, cluster.ErrUnreachable) {
		t.Errorf("the caller: %v", err)
	}
	t.Logf("the caller after %v", time.Since(began))
	ended(t, n.err, 10*time.Second)
	t.Logf("the owner after %v", time.Since(began))
}

func TestAStreamWhoseNodeStopsIsCut(t *testing.T) {
	n := &counter{step: 10 * time.Millisecond, err: make(chan error, 1)}
	a, b := both(t, func(c *cluster.Cluster) { c.HandleStream("count", n.serve) })
	s := open(t, a)
	if err := s.Recv(&number{}); err != nil {
		t.Fatal(err)
	}
	b.close()
	var err error
	for err == nil {
		err = s.Recv(&number{})
	}
	if !errors.Is(err, cluster.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	ended(t, n.err, 5*time.Second)
}

func TestASlowCallerIsCutAndHoldsUpNobody(t *testing.T) {
	n := &counter{step: time.Millisecond, size: 8 << 10, err: make(chan error, 1)}
	a, _ := both(t, func(c *cluster.Cluster) {
		c.HandleStream("count", n.serve)
		c.Handle("echo", echo)
	})
	s := open(t, a) // and never reads
	if err := ended(t, n.err, 20*time.Second); !errors.Is(err, cluster.ErrSlow) {
		t.Errorf("the stream ended with %v", err)
	}
	var got text
	if err := a.Call(t.Context(), "b", "echo", text{"x"}, &got); err != nil {
		t.Errorf("a call meanwhile: %v", err)
	}
	var err error
	for err == nil {
		err = s.Recv(&number{})
	}
	if !errors.Is(err, cluster.ErrUnreachable) {
		t.Errorf("the caller: %v", err)
	}
}
