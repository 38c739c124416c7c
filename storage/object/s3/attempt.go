package s3

import (
	"context"
	"math/rand/v2"
	"time"
)

// patience says how long is waited for a store.
type patience struct {
	request  time.Duration // for what has no body
	slowest  int64         // bytes a second below which a body takes too long
	listing  time.Duration
	page     int // how many keys are listed before the listing begins anew after the last
	attempts int
	pause    time.Duration // before the second attempt; twice as long before each next, at random from zero
}

var defaultPatience = patience{request: 30 * time.Second, slowest: 128 << 10, listing: 5 * time.Minute, page: 1000,
	attempts: 4, pause: 250 * time.Millisecond}

func (p patience) forBody(size int64) time.Duration {
	return p.request + time.Duration(size/p.slowest)*time.Second
}

// call makes one request of the store, with a limit of its own, and counts it.
func (b *Bucket) call(ctx context.Context, op operation, limit time.Duration, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	err := plain(ctx, f(within))
	b.metrics.saw(op, time.Since(began), err)
	return err
}

// again does a sequence of requests, from its start, as often as what stopped it may pass.
func (b *Bucket) again(ctx context.Context, f func(context.Context) error) error {
	pause := b.patience.pause
	for n := 1; ; n++ {
		err := f(ctx)
		if err == nil || n == b.patience.attempts || !mayPass(err) {
			return err
		}
		if err := wait(ctx, rand.N(pause)+1); err != nil {
			return err
		}
		pause *= 2
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
