package sfu

import "sync"

// maxOutbox is how many calls may wait for a caller's callbacks. They never block by contract; a room whose callbacks
// do is told nothing more.
const maxOutbox = 4096

// outbox calls what callers of this package gave it, in order, from a goroutine of its own, so that a callback that
// takes a lock of its owner never holds up the room.
type outbox struct {
	mu     sync.Mutex
	calls  []func()
	wake   chan struct{}
	closed bool
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// put adds a call; false when the outbox is closed or full.
func (o *outbox) put(f func()) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.calls) >= maxOutbox {
		return false
	}
	o.calls = append(o.calls, f)
	o.signal()
	return true
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
