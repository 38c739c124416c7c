package recording

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Times and widths of background work.
const (
	retryEvery    = 30 * time.Second
	adoptEvery    = 5 * time.Second
	uploadsAtOnce = 4
	adoptsAtOnce  = 2
	partTime      = 10 * time.Second // of one part, like uploadTime
	uploadTime    = time.Minute      // of one object, and as long as its bytes take at uploadRate
	uploadRate    = 1 << 20          // bytes a second
	shutdownTime  = 20 * time.Second
)

// Run brings recordings to the bucket: those that run part by part, sealed ones as a whole. It adopts recordings of
// nodes that died, and tries again what failed, until ctx ends; then it seals the recordings that still run, brings
// what is missing of them, and returns. One upload that fails or hangs does not hold up others.
func (r *Recorder) Run(ctx context.Context) error {
	defer r.derived.clear()
	defer r.closeShipments()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { (&shipper{r: r}).run(ctx) })
	wg.Go(func() { newAdopter(r).run(ctx) })
	u := &uploads{r: r, slots: make(chan struct{}, uploadsAtOnce)}
	defer u.wg.Wait()
	t := time.NewTicker(retryEvery)
	defer t.Stop()
	for {
		r.sweep(ctx, u)
		select {
		case <-ctx.Done():
			return r.shutdown(ctx)
		case <-r.wake:
		case <-t.C:
		}
	}
}

// sweep does what is due: seal what could not be sealed, upload what is not stored.
func (r *Recorder) sweep(ctx context.Context, u *uploads) {
	if ctx.Err() != nil {
		return
	}
	r.derived.tidy()
	if err := r.Recover(ctx); err != nil && ctx.Err() == nil {
		r.cfg.Log.ErrorContext(ctx, "recordings wait to be sealed", "err", err)
	}
	for _, step := range []func(context.Context) error{u.begin, u.tidyParts, u.tails} {
		if err := step(ctx); err != nil && ctx.Err() == nil {
			r.cfg.Log.ErrorContext(ctx, "recordings wait to be uploaded", "err", err)
		}
	}
}

// shutdown seals what still runs and brings its last parts, within a bounded time: this disk may never come back.
func (r *Recorder) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	r.mu.Lock()
	r.closing = true
	live := make([]*Recording, 0, len(r.live))
	for _, rec := range r.live {
		live = append(live, rec)
	}
	r.mu.Unlock()
	var g errgroup.Group
	for _, rec := range live {
		g.Go(func() error {
			_, err := rec.Stop(ctx, "shutdown")
			if err == nil {
				r.shipRest(ctx, rec.id)
			}
			return err
		})
	}
	return g.Wait()
}
