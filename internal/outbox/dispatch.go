package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// dispatch is one run of an outbox. Its goroutine owns all fields; workers take claims from work and put a result for
// each into done. What is held here is bounded: at most twice as many claims as there are workers, whatever the target
// does. The rest waits in the store.
type dispatch struct {
	*Outbox
	work chan Claim
	done chan Result // has room for all that is out, so that workers never wait

	out     int      // claims that have no result yet
	results []Result // not settled yet

	failures int       // that the log was not told of
	told     time.Time // when the log last heard of the target
	down     bool      // the log's last word on it
}

func newDispatch(o *Outbox) *dispatch {
	held := 2 * o.cfg.Concurrency
	return &dispatch{Outbox: o, work: make(chan Claim, held), done: make(chan Result, held)}
}

func (d *dispatch) run(ctx context.Context) {
	// Tries outlive ctx by the grace.
	tries, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var workers sync.WaitGroup
	for range d.cfg.Concurrency {
		workers.Go(func() {
			for c := range d.work {
				d.done <- d.try(tries, c)
			}
		})
	}
	d.loop(ctx)
	d.giveBack()
	close(d.work)
	stop := time.AfterFunc(grace, cancel)
	workers.Wait()
	stop.Stop()
	d.take(ctx)
	last, end := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer end()
	d.settle(last)
}

// loop claims and settles until ctx ends. While results can't be settled nothing more is claimed.
func (d *dispatch) loop(ctx context.Context) {
	poll := time.NewTicker(d.cfg.Poll)
	defer poll.Stop()
	more := true // the store may have more that is due
	for ctx.Err() == nil {
		d.settle(ctx)
		if room := cap(d.done) - d.out; more && room > 0 && len(d.results) == 0 {
			more = d.claim(ctx, room)
		}
		select {
		case <-ctx.Done():
		case r := <-d.done:
			d.note(ctx, r)
			d.take(ctx)
		case <-d.wake:
			more = true
		case <-poll.C:
			more = true
		}
	}
}

// claim takes up to room events and says whether there may be more.
func (d *dispatch) claim(ctx context.Context, room int) bool {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	claims, err := d.cfg.Store.Claim(ctx, room, d.lease)
	if err != nil {
		d.fault(ctx, fmt.Errorf("claim events: %w", err))
		return false
	}
	for _, c := range claims {
		d.work <- c
	}
	d.out += len(claims)
	return len(claims) == room
}

// take collects the results that are there.
func (d *dispatch) take(ctx context.Context) {
	for {
		select {
		case r := <-d.done:
			d.note(ctx, r)
		default:
			return
		}
	}
}

// settle stores the results. If it can't, they are kept for the next time; if the process ends before, their leases do.
func (d *dispatch) settle(ctx context.Context) {
	if len(d.results) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := d.cfg.Store.Settle(ctx, d.results); err != nil {
		d.fault(ctx, fmt.Errorf("settle events: %w", err))
		return
	}
	d.results = d.results[:0]
}

// giveBack releases what was claimed and is not being tried.
func (d *dispatch) giveBack() {
	for {
		select {
		case c := <-d.work:
			d.results = append(d.results, Result{ID: c.Event.ID, Attempt: c.Attempt, Outcome: Released})
			d.out--
		default:
			return
		}
	}
}

// try makes one try. What the end of the run interrupts is given back, though the target may have it.
func (d *dispatch) try(ctx context.Context, c Claim) Result {
	r := Result{ID: c.Event.ID, Attempt: c.Attempt}
	began := time.Now()
	f := d.post(ctx, c.Event)
	d.metrics.took.Observe(time.Since(began).Seconds())
	switch {
	case f == nil:
		r.Outcome = Delivered
	case ctx.Err() != nil:
		r.Outcome = Released
	case c.Attempt >= d.cfg.Attempts, f.reason == reasonMalformed:
		r.Outcome, r.Reason = Dead, f.reason
	default:
		r.Outcome, r.Reason, r.After = Retry, f.reason, max(backoff(c.Attempt), f.wait)
	}
	return r
}

// note counts a result and tells the log about the target, once a minute at most: a target that is away fails very often.
func (d *dispatch) note(ctx context.Context, r Result) {
	d.out--
	d.results = append(d.results, r)
	switch r.Outcome {
	case Delivered:
		d.metrics.delivered.Inc()
		if d.down && time.Since(d.told) > complaining {
			d.down, d.told = false, time.Now()
			d.cfg.Log.InfoContext(ctx, "webhook target answers")
		}
	case Dead:
		d.metrics.given.Inc()
		d.cfg.Log.WarnContext(ctx, "event given up", slog.String("event", string(r.ID)), slog.String("reason", r.Reason))
		fallthrough
	case Retry:
		d.metrics.failed.WithLabelValues(r.Reason).Inc()
		d.complain(ctx, r.Reason)
	}
}

func (d *dispatch) complain(ctx context.Context, reason string) {
	d.failures++
	if !d.told.IsZero() && time.Since(d.told) < complaining {
		return
	}
	d.cfg.Log.WarnContext(ctx, "webhook target fails", slog.String("reason", reason), slog.Int("tries", d.failures))
	d.down, d.told, d.failures = true, time.Now(), 0
}
