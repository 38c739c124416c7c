package gateway

import (
	"context"
	"math/rand/v2"
	"time"

	"parley/signal/wire"
)

// How Drain spreads the farewell: slices of at least minSlice sessions, at most mostSlices of them, a beat apart.
const (
	mostSlices = 20
	minSlice   = 50
	beat       = 100 * time.Millisecond
)

func replaced() *ending {
	return &ending{code: wire.CloseDuplicate, reason: "replaced", last: wire.Bye{Reason: "replaced"}}
}

// Drain ends all sessions in order and takes no new ones: each client is told when to come back, in slices, so that not
// all come back at once. It returns when the last one is gone. When ctx ends first, the rest is cut off, and its error is
// returned once nothing of the gateway runs any more.
func (g *Gateway) Drain(ctx context.Context) error {
	g.sessions.mu.Lock()
	g.draining.Store(true)
	g.sessions.mu.Unlock()
	g.shut()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		g.owners.Wait()
	}()
	g.dismiss(ctx)
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.stop()
	for _, s := range g.sessions.all() {
		_ = s.conn.CloseNow()
	}
	<-gone
	g.crew.work.Wait()
	return err
}

func (g *Gateway) dismiss(ctx context.Context) {
	all := g.sessions.all()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	size := max(minSlice, len(all)/mostSlices)
	pause := time.NewTicker(beat)
	defer pause.Stop()
	for i, s := range all {
		s.box.end(g.drained())
		if (i+1)%size != 0 {
			continue
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

func (g *Gateway) drained() *ending {
	return &ending{code: wire.CloseAway, reason: "drain", last: wire.Bye{Reason: "drain", RetryAfter: int(jitter(retryBusy).Milliseconds())}}
}
