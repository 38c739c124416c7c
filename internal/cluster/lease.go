package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Acquire makes this node the room's owner, with an epoch higher than all before. Whoever held it in this process is fenced
// off by that, too. [*Elsewhere] when another living node has it, or is to have it because this one is draining. After any
// other error nothing is held here, and a beat gives back what the store may have given.
func (c *Cluster) Acquire(ctx context.Context, room string) (Lease, error) {
	if to, err := c.divert(ctx, room); err != nil || to != "" {
		return Lease{}, errors.Join(err, elsewhere(to))
	}
	c.mu.Lock()
	c.pending[room]++
	c.mu.Unlock()
	l, err := c.cfg.Store.Acquire(ctx, c.self, room, c.ttl())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending[room]--; c.pending[room] == 0 {
		delete(c.pending, room)
	}
	if err != nil {
		return Lease{}, fmt.Errorf("acquire room: %w", err)
	}
	c.held[room] = max(c.held[room], l.Epoch)
	c.metrics.leases.Set(float64(len(c.held)))
	return l, nil
}

func elsewhere(n NodeID) error {
	if n == "" {
		return nil
	}
	return &Elsewhere{n}
}

// divert names the node that a draining one leaves a room to: the one that has it, or else one that takes rooms. Nothing
// when the room may stay here.
func (c *Cluster) divert(ctx context.Context, room string) (NodeID, error) {
	c.mu.Lock()
	_, ours := c.held[room]
	draining := c.draining && !ours
	c.mu.Unlock()
	if !draining {
		return "", nil
	}
	holders, err := c.cfg.Store.Holders(ctx, []string{room}, c.ttl())
	if err != nil {
		return "", fmt.Errorf("acquire room: %w", err)
	}
	if n := holders[room]; n != "" && n != c.cfg.Node {
		return n, nil
	}
	return c.other(room), nil
}

// other picks a living node that takes rooms: the same for everybody who asks about the room, as long as the nodes are the
// same. Nothing when there is none.
func (c *Cluster) other(room string) NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	var best NodeID
	var most [sha256.Size]byte
	for _, p := range c.living {
		if p.Draining || p.Address == "" {
			continue
		}
		sum := sha256.Sum256([]byte(string(p.Node) + "\n" + room))
		if best == "" || bytes.Compare(sum[:], most[:]) > 0 {
			best, most = p.Node, sum
		}
	}
	return best
}

// Release gives the room up; its epoch is kept, so that the next owner's is higher. A lease that is not held any more is no
// error. What a failing store does not take now, a later beat gives back.
func (c *Cluster) Release(ctx context.Context, l Lease) error {
	c.mu.Lock()
	if c.held[l.Room] == l.Epoch {
		delete(c.held, l.Room)
	}
	c.metrics.leases.Set(float64(len(c.held)))
	c.mu.Unlock()
	if err := c.cfg.Store.Release(ctx, c.self, l); err != nil {
		return fmt.Errorf("release room: %w", err)
	}
	return nil
}

// Where names the other living nodes that hold rooms of these. Those that are held here, or by nobody, are missing.
func (c *Cluster) Where(ctx context.Context, rooms ...string) (map[string]NodeID, error) {
	if len(rooms) == 0 {
		return nil, nil
	}
	holders, err := c.cfg.Store.Holders(ctx, rooms, c.ttl())
	if err != nil {
		return nil, fmt.Errorf("look up rooms: %w", err)
	}
	for room, n := range holders {
		if n == c.cfg.Node {
			delete(holders, room)
		}
	}
	return holders, nil
}
