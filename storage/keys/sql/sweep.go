package sql

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// soil says that old versions of rows hold what was destroyed.
func (v *Vault) soil() {
	select {
	case v.dirty <- struct{}{}:
	default:
	}
}

// sweep has the database give up old versions of rows after keys were destroyed, many at once.
func (v *Vault) sweep(ctx context.Context) {
	const collect = time.Second
	for {
		select {
		case <-ctx.Done():
			v.lastSweep()
			return
		case <-v.dirty:
		}
		select {
		case <-ctx.Done():
			v.soil()
			v.lastSweep()
			return
		case <-time.After(collect):
		}
		if err := v.vacuum(ctx); err != nil && ctx.Err() == nil {
			v.cfg.Log.WarnContext(ctx, "vacuum of the vault failed; what was destroyed stays, wrapped, in old versions of rows", "err", err)
		}
	}
}

// lastSweep does before a node ends what is left to do, if it is quick.
func (v *Vault) lastSweep() {
	select {
	case <-v.dirty:
		ctx, cancel := context.WithTimeout(context.Background(), v.cfg.Timeout)
		defer cancel()
		if err := v.vacuum(ctx); err != nil {
			v.cfg.Log.WarnContext(ctx, "vacuum of the vault failed; another node or autovacuum will do it", "err", err)
		}
	default:
	}
}

// vacuum drops the old versions of all rows that have held a secret, on a connection without a time-out for
// statements.
func (v *Vault) vacuum(ctx context.Context) error {
	c, err := v.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	_, err = c.Exec(ctx, "VACUUM vault_keys, vault_roots, vault_names, vault_signing")
	return stored(err)
}

// connect opens a connection beside the pool.
func (v *Vault) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := pgx.ConnectConfig(ctx, v.pool.Config().ConnConfig)
	return c, stored(err)
}
