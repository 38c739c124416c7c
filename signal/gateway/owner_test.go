package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestWhatIsLeftForAnOwnerIsSeenByOneAtATime(t *testing.T) {
	const givers, things = 8, 2000
	var (
		r          role
		left, seen atomic.Int64
		owners     atomic.Int32
		work       sync.WaitGroup
	)
	own := func() {
		for {
			if owners.Add(1) > 1 {
				t.Error("two owners")
			}
			r.begin()
			seen.Store(left.Load())
			owners.Add(-1)
			if r.release() {
				return
			}
		}
	}
	for range givers {
		work.Go(func() {
			for range things {
				left.Add(1)
				if r.claim() {
					own()
				}
			}
		})
	}
	work.Wait()
	if seen.Load() != givers*things {
		t.Errorf("seen %d of %d", seen.Load(), givers*things)
	}
	r.end()
	if r.claim() {
		t.Error("there is an owner after the last")
	}
}

type job func()

func (j job) work() { j() }

func TestACrewIsAsLargeAsWhatItDoesAtOnceAndGoesHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newCrew(ctx)
		release := make(chan struct{})
		var done atomic.Int32
		busy := job(func() {
			<-release
			done.Add(1)
		})
		for range 2 * maxIdle {
			c.serve(busy)
		}
		close(release)
		synctest.Wait()
		if done.Load() != 2*maxIdle || c.idle.Load() != maxIdle {
			t.Errorf("%d done, %d wait for more, want %d", done.Load(), c.idle.Load(), maxIdle)
		}
		c.serve(busy)
		synctest.Wait()
		if done.Load() != 2*maxIdle+1 || c.idle.Load() != maxIdle {
			t.Errorf("%d done, %d wait for more after another", done.Load(), c.idle.Load())
		}
		cancel()
		c.work.Wait()
		if c.idle.Load() != 0 {
			t.Errorf("%d wait for more at the end", c.idle.Load())
		}
	})
}

func TestACrewWithoutWorkGoesHomeByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t.Context())
		c.serve(job(func() {}))
		c.work.Wait() // the bubble's clock goes on by linger
	})
}

func TestOnlySoManyHellosAreServedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission(1000)
		for range hellosAtOnce {
			if !a.take(t.Context()) {
				t.Fatal("refused while there is room")
			}
		}
		if a.take(t.Context()) {
			t.Error("let in when full")
		}
		waits := make(chan bool)
		go func() { waits <- a.take(t.Context()) }()
		synctest.Wait()
		a.give()
		if !<-waits {
			t.Error("the place that was given back went to nobody")
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if a.take(gone) {
			t.Error("let in who had gone")
		}
	})
}
