package sql

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"parley/storage/keys/wrap"
)

// channel is where nodes tell each other that something changed. It is only for speed: see refresh.
const channel = "parley_vault"

// maxFollow is how many destructions a node follows one by one; after more of them it forgets all keys in memory.
const maxFollow = 10_000

// fresh says whether what is in memory was true less than Revalidate ago.
func (v *Vault) fresh() bool { return v.younger(v.cfg.Revalidate) }

func (v *Vault) younger(than time.Duration) bool {
	valid := v.valid.Load()
	return valid != nil && time.Since(*valid) < than
}

// refresh learns what other nodes changed, unless it did less than that long ago. One caller asks at a time; the others
// wait for its answer.
func (v *Vault) refresh(ctx context.Context, unlessYounger time.Duration) error {
	if v.younger(unlessYounger) {
		return nil
	}
	came := time.Now()
	select {
	case v.asking <- struct{}{}:
		defer func() { <-v.asking }()
	case <-ctx.Done():
		return stored(ctx.Err())
	}
	// An answer to a question that was asked after this call came is as good as its own.
	if v.younger(max(unlessYounger, time.Since(came))) {
		return nil
	}
	return v.ask(ctx)
}

// ask reads the state of the vault and makes memory agree with it. The answer counts from before the question.
func (v *Vault) ask(ctx context.Context) error {
	asked := time.Now()
	var (
		last        int64
		generations []int64
		public      []byte
	)
	err := v.pool.QueryRow(ctx, `SELECT (SELECT last FROM vault_burials),
		(SELECT array_agg(generation ORDER BY generation) FROM vault_generations),
		(SELECT public FROM vault_signing WHERE until_us = 0)`).Scan(&last, &generations, &public)
	if err != nil {
		return stored(err)
	}
	if !v.knows(generations) {
		if err := v.loadRing(ctx); err != nil {
			return err
		}
	}
	if err := v.followSigning(ctx, public); err != nil {
		return err
	}
	if err := v.followBurials(ctx, last); err != nil {
		return err
	}
	v.valid.Store(&asked)
	return nil
}

// knows says whether the ring has just these generations.
func (v *Vault) knows(generations []int64) bool {
	have := v.ring.Load().Generations()
	return slices.EqualFunc(have, generations, func(a uint32, b int64) bool { return int64(a) == b })
}

// followBurials forgets the keys that were destroyed up to that number. Numbers become visible in their order, so none
// below it is missing. A number that went back means that a backup was restored under the node.
func (v *Vault) followBurials(ctx context.Context, last int64) error {
	switch {
	case last == v.applied:
		return nil
	case last < v.applied || last-v.applied > maxFollow:
		v.cache.Clear()
	default:
		rows, err := v.pool.Query(ctx, "SELECT name FROM vault_keys WHERE burial > $1 AND burial <= $2", v.applied, last)
		if err != nil {
			return stored(err)
		}
		names, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (wrap.NameHash, error) {
			var name []byte
			if err := row.Scan(&name); err != nil {
				return wrap.NameHash{}, err
			}
			return wrap.NameHash(name), nil
		})
		if err != nil {
			return stored(err)
		}
		v.cache.Remove(names...)
	}
	v.applied = last
	return nil
}

// follow refreshes twice in the time that memory is trusted, and whenever another node notifies.
func (v *Vault) follow(ctx context.Context) {
	var c *pgx.Conn
	defer func() { closeConn(c) }()
	for ctx.Err() == nil {
		if c == nil {
			c = v.listen(ctx)
		}
		if !v.wait(ctx, c) {
			closeConn(c)
			c = nil
		}
		if ctx.Err() != nil {
			return
		}
		within, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
		if err := v.refresh(within, 0); err != nil && ctx.Err() == nil {
			v.failures.Inc()
			v.cfg.Log.WarnContext(ctx, "the vault could not be asked what changed", "err", err)
		}
		cancel()
	}
}

func (v *Vault) interval() time.Duration { return v.cfg.Revalidate / 2 }

// listen returns a connection that hears notifications, or nil.
func (v *Vault) listen(ctx context.Context) *pgx.Conn {
	within, cancel := context.WithTimeout(ctx, v.interval())
	defer cancel()
	c, err := v.connect(within)
	if err != nil {
		return nil
	}
	if _, err := c.Exec(within, "LISTEN "+channel); err != nil {
		closeConn(c)
		return nil
	}
	return c
}

// wait returns after a notification or an interval; false says that the connection is of no use any more.
func (v *Vault) wait(ctx context.Context, c *pgx.Conn) bool {
	within, cancel := context.WithTimeout(ctx, v.interval())
	defer cancel()
	if c == nil {
		<-within.Done()
		return false
	}
	_, err := c.WaitForNotification(within)
	return err == nil || errors.Is(err, context.DeadlineExceeded) && !c.IsClosed()
}

func closeConn(c *pgx.Conn) {
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx)
}
