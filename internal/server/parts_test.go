package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newParts() (*parts, context.Context) {
	failed, fail := context.WithCancelCause(context.Background())
	return &parts{log: slog.New(slog.DiscardHandler), fail: fail}, failed
}

func TestPartsStopInReverseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newParts()
		var mu sync.Mutex
		var order []string
		note := func(s string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, s)
		}
		p.closer("keys", func() error { note("keys"); return nil })
		p.run("recorder", func(ctx context.Context) error { <-ctx.Done(); note("recorder"); return nil })
		p.run("gateway", func(ctx context.Context) error { <-ctx.Done(); note("gateway"); return ctx.Err() })
		if err := p.stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := []string{"gateway", "recorder", "keys"}; !slices.Equal(order, want) {
			t.Errorf("stopped %v, want %v", order, want)
		}
	})
}

func TestPartThatEndsByItselfFailsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, failed := newParts()
		broken := errors.New("disk on fire")
		p.run("recorder", func(context.Context) error { return broken })
		<-failed.Done()
		if err := context.Cause(failed); !errors.Is(err, broken) {
			t.Errorf("cause = %v, want %v", err, broken)
		}
		_ = p.stop(t.Context())
	})
}

func TestDeadlineLeavesNoPartOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := newParts()
		closed := false
		p.closer("keys", func() error { closed = true; return nil })
		release := make(chan struct{})
		p.run("stuck", func(context.Context) error { <-release; return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := p.stop(ctx)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop = %v, want the deadline", err)
		}
		if !closed {
			t.Error("what was below the stuck part was not closed")
		}
		close(release)
	})
}
