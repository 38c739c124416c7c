package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// role says who owns a session. One goroutine at a time does; while there is nothing to do none does, so that a session that is
// idle costs the stack of its reader and nothing more.
//
//	asleep ──claim──▶ awake ──claim by another──▶ again
//	   ▲               │ ▲                          │
//	   └────release────┘ └──────────begin───────────┘      gone: for ever, nobody owns it any more
type role struct{ state atomic.Uint32 }

const (
	asleep uint32 = iota
	awake
	again // there may be more to do than the owner has seen
	gone
)

// claim is called after something was left for the owner. True makes the caller the owner; false says that there is one, who
// will see it, or that the session is gone.
func (r *role) claim() bool {
	for {
		switch s := r.state.Load(); s {
		case asleep:
			if r.state.CompareAndSwap(asleep, awake) {
				return true
			}
		case awake:
			if r.state.CompareAndSwap(awake, again) {
				return false
			}
		default:
			return false
		}
	}
}

// begin is called by the owner before it looks at what was left for it.
func (r *role) begin() { r.state.Store(awake) }

// release gives the role back; false says that something was left since begin, and that the caller is still the owner.
func (r *role) release() bool { return r.state.CompareAndSwap(awake, asleep) }

// end makes the caller the last owner.
func (r *role) end() { r.state.Store(gone) }

// wake has an owner look at what was left for it. Any goroutine may call it.
func (s *session) wake() {
	if s.role.claim() {
		s.g.crew.serve(s)
	}
}

// work is what an owner does: all there is to do. When the only thing left is to wait for an answer, it gives the role back,
// waits, and takes the role up again, unless another has it by then.
func (s *session) work() {
	ctx, cancel := context.WithCancel(s.g.base)
	defer cancel()
	for {
		s.ctx = ctx
		s.doing.Store(&cancel)
		if err := s.survive(s.turns); err != nil {
			s.finish(err)
			return
		}
		first := s.nextToSettle()
		s.ctx = nil
		s.doing.Store(nil)
		if !s.role.release() {
			s.settling = s.settling && first == nil
			continue
		}
		if first == nil {
			return
		}
		if err := s.survive(func() error { return first.settle(ctx) }); err != nil {
			s.box.end(s.ending(err))
		}
		if !s.role.claim() {
			return
		}
	}
}

// worker is a session whose role the caller has claimed.
type worker interface{ work() }

// crew lends goroutines to sessions that have something to do. One that has become free waits a moment for the next,
// with its stack grown already.
type crew struct {
	free chan worker
	idle atomic.Int32
	stop <-chan struct{} // closed: nobody waits any more
	work sync.WaitGroup
}

const (
	maxIdle = 64          // goroutines that wait for work
	linger  = time.Second // for which they do
)

func newCrew(ctx context.Context) *crew { return &crew{free: make(chan worker), stop: ctx.Done()} }

// serve has one of the crew do the work.
func (c *crew) serve(w worker) {
	select {
	case c.free <- w:
	default:
		c.work.Go(func() { c.run(w) })
	}
}

func (c *crew) run(w worker) {
	for w != nil {
		w.work()
		w = c.next()
	}
}

// next waits for a session; nil says that the goroutine is not needed.
func (c *crew) next() worker {
	defer c.idle.Add(-1)
	if c.idle.Add(1) > maxIdle {
		return nil
	}
	patience := time.NewTimer(linger)
	defer patience.Stop()
	select {
	case w := <-c.free:
		return w
	case <-patience.C:
	case <-c.stop:
	}
	return nil
}
