package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"
)

// Run beats until ctx ends and then leaves, so that the others need not wait for the beats to grow old; whatever still
// uses leases must have stopped before. A store that is away ends nothing: the next beat tells what became of the leases.
// It returns early only with [ErrDisplaced], and then every lease is lost. A crash leaves a row that is dead after TTL.
func (c *Cluster) Run(ctx context.Context) error {
	defer c.http.CloseIdleConnections()
	tick := time.NewTicker(c.cfg.Beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return c.leave()
		case <-tick.C:
		}
		err := c.beat(ctx)
		if errors.Is(err, ErrDisplaced) {
			c.loseAll()
			return err
		}
		if err == nil {
			err = c.look(ctx)
		}
		if ctx.Err() == nil {
			c.note(ctx, err)
		}
	}
}

func (c *Cluster) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := c.cfg.Store.Leave(ctx, c.self); err != nil {
		return fmt.Errorf("leave cluster: %w", err)
	}
	return nil
}

// note logs when the store goes away and when it is back, not each beat in between.
func (c *Cluster) note(ctx context.Context, err error) {
	c.mu.Lock()
	was := c.away
	c.away = err != nil
	c.mu.Unlock()
	switch {
	case err != nil:
		c.metrics.missed.Inc()
		if !was {
			c.cfg.Log.ErrorContext(ctx, "node can't beat; its rooms go on until another node takes them", slog.Any("err", err))
		}
	case was:
		c.cfg.Log.InfoContext(ctx, "node beats again")
	}
}

// beat renews this node and compares what it holds by the store with what it thinks it holds.
func (c *Cluster) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	c.mu.Lock()
	before := maps.Clone(c.held)
	c.mu.Unlock()
	begun := time.Now()
	leases, err := c.cfg.Store.Beat(ctx, c.peer())
	if err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	c.present(begun)
	lost, stray := c.compare(before, leases)
	for _, room := range lost {
		c.cfg.Log.WarnContext(ctx, "room was lost to another node", slog.String("room", room))
		c.tellLost(room)
	}
	for _, l := range stray {
		if err := c.cfg.Store.Release(ctx, c.self, l); err != nil {
			return fmt.Errorf("release what nobody uses: %w", err)
		}
	}
	return nil
}

// present notes a beat that reached the store. After a while without one, this node can't tell who died from who could not
// beat either: for a TTL it gives the others the time that it was away itself.
func (c *Cluster) present(begun time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	absence := begun.Sub(c.beaten)
	if c.beaten.IsZero() {
		absence = unseen
	}
	if absence > 2*c.cfg.Beat {
		c.absence, c.lenient = absence, time.Now().Add(c.cfg.TTL)
	}
	c.beaten = begun
}

// ttl is how old the last beat of a node that lives may be.
func (c *Cluster) ttl() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.lenient) {
		return c.cfg.TTL + c.absence
	}
	return c.cfg.TTL
}

// compare finds the leases that were held before the beat and are not in its answer, and those in the answer that nobody
// here knows of: an Acquire that failed though it took effect, or a Release that failed. What Acquire is at just now is
// left alone.
func (c *Cluster) compare(before map[string]uint64, answer []Lease) (lost []string, stray []Lease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	have := map[string]uint64{}
	for _, l := range answer {
		have[l.Room] = l.Epoch
		if c.held[l.Room] != l.Epoch && c.pending[l.Room] == 0 {
			stray = append(stray, l)
		}
	}
	for room, epoch := range before {
		if have[room] != epoch && c.held[room] == epoch && c.pending[room] == 0 {
			delete(c.held, room)
			lost = append(lost, room)
		}
	}
	c.metrics.leases.Set(float64(len(c.held)))
	return lost, stray
}

func (c *Cluster) tellLost(room string) {
	c.metrics.lost.Inc()
	c.mu.Lock()
	tell := c.lost
	c.mu.Unlock()
	for _, f := range tell {
		f(room)
	}
}

func (c *Cluster) loseAll() {
	c.mu.Lock()
	rooms := c.held
	c.held = map[string]uint64{}
	c.mu.Unlock()
	for room := range rooms {
		c.tellLost(room)
	}
}

// look finds out which other nodes live, and which of them died since the last look.
func (c *Cluster) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	alive, err := c.Members(ctx)
	if err != nil {
		return err
	}
	now := map[NodeID]Peer{}
	for _, p := range alive {
		if p.Node != c.cfg.Node {
			now[p.Node] = p
		}
	}
	c.metrics.members.Set(float64(len(now) + 1))
	c.mu.Lock()
	before := c.living
	c.living = now
	tell := c.died
	c.mu.Unlock()
	for node := range before {
		if _, still := now[node]; still {
			continue
		}
		c.cfg.Log.WarnContext(ctx, "node is gone", slog.String("node", string(node)))
		for _, f := range tell {
			f(node)
		}
	}
	return nil
}
