package redis

import (
	"context"
	"fmt"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"parley/storage/bus"
)

// Online implements [bus.Bus]. Of users who are on this node it asks nobody, of all others the registry in one round trip. A
// user of a node that crashed is online until the registry forgets ([Config.TTL]).
func (b *Bus) Online(ctx context.Context, users []string) ([]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ask who is online: %w", err)
	}
	here := b.attached.has(users)
	if !slices.Contains(here, false) {
		return here, nil
	}
	l := b.current.get()
	if l == nil {
		return nil, fmt.Errorf("ask who is online: %w", bus.ErrAlone)
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	asked, err := b.where(ctx, l, users, here)
	if err != nil {
		return nil, fmt.Errorf("ask who is online: %w: %w", bus.ErrAlone, plain(err))
	}
	for i, answer := range asked {
		here[i] = len(b.living(answer.Val())) > 0
	}
	return here, nil
}

// where asks the registry for those of the users who are not known to be here, by their place in the list.
func (b *Bus) where(ctx context.Context, l *link, users []string, here []bool) (map[int]*goredis.ZSliceCmd, error) {
	asked := map[int]*goredis.ZSliceCmd{}
	pipe := l.client.Pipeline()
	oldest := fmt.Sprint(time.Now().Add(-b.cfg.TTL).Unix())
	for i, user := range users {
		if !here[i] {
			asked[i] = pipe.ZRangeByScoreWithScores(ctx, b.secrets.name(user).key(), &goredis.ZRangeBy{Min: oldest, Max: "+inf"})
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	return asked, nil
}
