package s3

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"parley/storage/object"
)

// gone answers as a proxy does behind which nobody is.
func gone(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	w.WriteHeader(http.StatusBadGateway)
}

// awaited opens a store that nobody answers for, and runs it; the channel tells how that ended.
func awaited(t *testing.T, l *liar) (*Bucket, <-chan error) {
	t.Helper()
	cfg := l.config()
	cfg.Await, cfg.Canary = true, 20*time.Millisecond
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	b, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		b.Close()
	})
	return b, ended
}

func TestAnAwaitedStoreIsUsedOnlyOnceItIsProven(t *testing.T) {
	l := newLiar(t, newSite(t), gone)
	b, _ := awaited(t, l)
	for name, err := range map[string]error{
		"put":    b.Put(t.Context(), "part/a", []byte("a")),
		"delete": b.Delete(t.Context(), "part/a"),
		"list":   b.List(t.Context(), "part/", func(object.Info) error { return nil }),
	} {
		if !errors.Is(err, ErrUnproven) {
			t.Errorf("%s: %v, want %v", name, err, ErrUnproven)
		}
	}
	l.tell(honest)
	until(t, func() bool { return b.Put(t.Context(), "part/a", []byte("a")) == nil }, "the store is proven and takes an object")
	if err := b.Health(); err != nil {
		t.Errorf("health: %v", err)
	}
}

func TestAnAwaitedStoreThatLiesIsRefusedInTheEnd(t *testing.T) {
	s := newSite(t)
	l := newLiar(t, s, gone)
	b, ended := awaited(t, l)
	l.tell(dishonest["writes over a key that is taken"].lie(s))
	select {
	case err := <-ended:
		if broken := (*Broken)(nil); !errors.As(err, &broken) {
			t.Errorf("run ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("a lying store is awaited for ever")
	}
	if err := b.Put(t.Context(), "part/a", []byte("a")); !errors.Is(err, ErrUnproven) {
		t.Errorf("put: %v", err)
	}
}

func TestALiarIsNotAwaited(t *testing.T) {
	s := newSite(t)
	cfg := newLiar(t, s, dishonest["writes over a key that is taken"].lie(s)).config()
	cfg.Await = true
	if _, err := Open(t.Context(), cfg); err == nil {
		t.Error("a lying store is opened")
	}
}
