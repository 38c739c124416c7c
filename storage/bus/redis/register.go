package redis

import (
	"context"
	"fmt"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// registerSlice is how many users are written to the registry in one round trip.
const registerSlice = 500

// refreshSlices is into how many parts the refreshing of all users is cut; each user has a turn in a third of the TTL.
const refreshSlices = 20

// registerAll writes to the registry what changes, and what is there again before it is forgotten, until ctx ends. It is the
// only writer, so that the last word about a user is the right one.
func (b *Bus) registerAll(ctx context.Context) {
	tick := time.NewTicker(max(b.cfg.TTL/3/refreshSlices, time.Millisecond))
	defer tick.Stop()
	var round refreshing
	for {
		l := b.current.wait(ctx)
		if l == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-l.ctx.Done():
		case <-b.attached.wake:
			b.register(l)
		case <-tick.C:
			_ = b.write(l, round.next(b.attached.names)) // the next round has them again
		}
	}
}

// register writes what has changed. What fails is kept for the next time that the registry answers.
func (b *Bus) register(l *link) {
	names := b.attached.take()
	for slice := range slices.Chunk(names, registerSlice) {
		if err := b.write(l, slice); err != nil {
			b.attached.settle(names, err)
			return
		}
	}
	b.attached.settle(nil, nil)
}

// write makes the registry say of each name what is the case.
func (b *Bus) write(l *link, names []name) error {
	if len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, commandTimeout)
	defer cancel()
	here, gone := b.attached.split(names)
	until := float64(time.Now().Add(b.cfg.TTL).Unix())
	pipe := l.client.Pipeline()
	for _, n := range here {
		pipe.ZAdd(ctx, n.key(), goredis.Z{Score: until, Member: string(b.cfg.Node)})
		pipe.PExpire(ctx, n.key(), 2*b.cfg.TTL)
	}
	for _, n := range gone {
		pipe.ZRem(ctx, n.key(), string(b.cfg.Node))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("write registry: %w", err)
	}
	return nil
}

// unregister takes all users of the node out of the registry. What fails ends by itself with the TTL.
func (b *Bus) unregister(l *link) {
	ctx, cancel := context.WithTimeout(l.ctx, commandTimeout)
	defer cancel()
	changed := b.attached.take()
	b.attached.settle(changed, errEnded)
	for slice := range slices.Chunk(slices.Concat(changed, b.attached.names()), registerSlice) {
		pipe := l.client.Pipeline()
		for _, n := range slice {
			pipe.ZRem(ctx, n.key(), string(b.cfg.Node))
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return
		}
	}
}

// refreshing is a round through all users.
type refreshing struct {
	left []name
	size int // of a slice
}

// next returns the next slice, of a new round if the last one is through.
func (r *refreshing) next(all func() []name) []name {
	if len(r.left) == 0 {
		r.left = all()
		r.size = (len(r.left) + refreshSlices - 1) / refreshSlices
	}
	n := min(r.size, len(r.left))
	slice := r.left[:n]
	r.left = r.left[n:]
	return slice
}
