package sfu

import (
	"context"
	"log/slog"
	"sync"
)

// maxOutbox is how many calls may wait for a caller's callbacks. They never block by contract; while they do, what goes
// beyond is lost, and logged.
const maxOutbox = 4096

// outbox calls what callers of this package gave it, in order, from a goroutine of its own, so that a callback that
// takes a lock of its owner never holds up the room.
type outbox struct {
	log  *slog.Logger
	wake chan struct{}

	mu     sync.Mutex
	calls  []func()
	full   bool
	closed bool
}

func newOutbox(log *slog.Logger) *outbox { return &outbox{log: log, wake: make(chan struct{}, 1)} }

// put adds a call, unless the outbox is closed or full.
func (o *outbox) put(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
	case len(o.calls) < maxOutbox:
		o.calls, o.full = append(o.calls, f), false
		o.signal()
	case !o.full:
		o.full = true
		o.log.ErrorContext(context.Background(), "callbacks of the room block, calls are lost")
	}
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// close lets run return after what was put before.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.signal()
}

func (o *outbox) run() {
	for range o.wake {
		o.mu.Lock()
		calls, closed := o.calls, o.closed
		o.calls = nil
		o.mu.Unlock()
		for _, f := range calls {
			f()
		}
		if closed {
			return
		}
	}
}
