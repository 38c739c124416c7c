package gateway

import (
	"context"
	"math/rand/v2"
	"time"

	"parley/internal/identity"
	"parley/signal/wire"
)

// How Drain spreads the farewell: slices of at least minSlice sessions, at most mostSlices of them, a beat apart.
const (
	mostSlices = 20
	minSlice   = 50
	beat       = 100 * time.Millisecond
)

// Drop ends the user's sessions, here at once and on other nodes as soon as the bus has told them: the user's access was
// revoked (T7). A node that is not told finds out at the next ping, if it has [Config.Revocations].
func (g *Gateway) Drop(user identity.UserID) {
	for _, s := range g.sessions.of(user) {
		s.cut(revoked())
	}
	NewHub(g.cfg.Bus, g.log).Drop(user)
}

// DropToken ends the sessions on this node that live by the token: it was taken back, and no other of its user (T7). Other
// nodes find out at the next ping, if they have [Config.Revocations].
func (g *Gateway) DropToken(id string) {
	for _, s := range g.sessions.all() {
		if t := s.token.Load(); t != nil && *t == id {
			s.cut(revoked())
		}
	}
}

// cut ends the session without waiting for what it is doing. Any goroutine may call it.
func (s *session) cut(e *ending) {
	s.box.end(e)
	s.cancel()
}

func revoked() *ending {
	return &ending{code: wire.CloseRevoked, reason: "revoked", last: wire.Bye{Reason: "revoked"}}
}

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
