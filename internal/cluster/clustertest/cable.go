package clustertest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"parley/internal/cluster"
)

// ErrCut is what a cut [Cable] answers.
var ErrCut = errors.New("clustertest: the store does not answer")

// Cable is one node's way to a store. While it is cut, nothing comes through.
type Cable struct {
	cluster.Store
	cut atomic.Bool
}

// Cut takes the store away, or gives it back.
func (c *Cable) Cut(yes bool) { c.cut.Store(yes) }

func (c *Cable) broken() error {
	if c.cut.Load() {
		return ErrCut
	}
	return nil
}

// Join implements [cluster.Store].
func (c *Cable) Join(ctx context.Context, p cluster.Peer) error {
	if err := c.broken(); err != nil {
		return err
	}
	return c.Store.Join(ctx, p)
}

// Beat implements [cluster.Store].
func (c *Cable) Beat(ctx context.Context, p cluster.Peer) ([]cluster.Lease, error) {
	if err := c.broken(); err != nil {
		return nil, err
	}
	return c.Store.Beat(ctx, p)
}

// Leave implements [cluster.Store].
func (c *Cable) Leave(ctx context.Context, p cluster.Peer) error {
	if err := c.broken(); err != nil {
		return err
	}
	return c.Store.Leave(ctx, p)
}

// Members implements [cluster.Store].
func (c *Cable) Members(ctx context.Context) ([]cluster.Member, error) {
	if err := c.broken(); err != nil {
		return nil, err
	}
	return c.Store.Members(ctx)
}

// Acquire implements [cluster.Store].
func (c *Cable) Acquire(ctx context.Context, p cluster.Peer, room string, ttl time.Duration) (cluster.Lease, error) {
	if err := c.broken(); err != nil {
		return cluster.Lease{}, err
	}
	return c.Store.Acquire(ctx, p, room, ttl)
}

// Release implements [cluster.Store].
func (c *Cable) Release(ctx context.Context, p cluster.Peer, l cluster.Lease) error {
	if err := c.broken(); err != nil {
		return err
	}
	return c.Store.Release(ctx, p, l)
}

// Holders implements [cluster.Store].
func (c *Cable) Holders(ctx context.Context, rooms []string, ttl time.Duration) (map[string]cluster.NodeID, error) {
	if err := c.broken(); err != nil {
		return nil, err
	}
	return c.Store.Holders(ctx, rooms, ttl)
}
