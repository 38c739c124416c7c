package sql

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/chain"
	"parley/storage/keys"
	"parley/storage/keys/wrap"
)

// Vault is a [keys.Vault] in a database. Any number of nodes may have it open.
type Vault struct {
	cfg   Config
	pool  *pgxpool.Pool
	names wrap.Names
	cache *wrap.Cache

	ring    atomic.Pointer[wrap.Ring]
	signing atomic.Pointer[signer]

	// asking is held by who asks what changed; valid and applied are written under it.
	asking  chan struct{}
	valid   atomic.Pointer[time.Time] // what is in memory was true at that moment
	applied int64                     // the last destruction that memory has followed

	closed atomic.Bool
	stop   context.CancelFunc
	work   sync.WaitGroup
	dirty  chan struct{} // old versions of rows wait for VACUUM

	created, destroyed, failures prometheus.Counter

	batch int // rotateBatch
	// step is called between the durable steps of a rotation; tests fail there.
	step func(name string) error
}

var (
	_ keys.Vault   = (*Vault)(nil)
	_ keys.Rotator = (*Vault)(nil)
	_ keys.Eraser  = (*Vault)(nil)
)

// Open opens the vault, or makes it in an empty database. It fails if the root key is not the vault's, if the database
// holds anything else, or if a newer version wrote it. Close ends what Open began.
func Open(ctx context.Context, cfg Config) (*Vault, error) {
	v, err := open(ctx, cfg.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	return v, nil
}

func open(ctx context.Context, cfg Config) (*Vault, error) {
	if cfg.Root == nil {
		return nil, errors.New("no root key is given")
	}
	if err := CheckURL(cfg.URL); err != nil {
		return nil, err
	}
	pool, err := newPool(ctx, cfg)
	if err != nil {
		return nil, err
	}
	v := &Vault{
		cfg: cfg, pool: pool, cache: wrap.NewCache(cfg.Cache), asking: make(chan struct{}, 1), dirty: make(chan struct{}, 1),
		batch: rotateBatch, step: func(string) error { return nil },
	}
	v.register(cfg.Metrics)
	if err := v.begin(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return v, nil
}

func newPool(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, errors.New("address of the vault: it can't be read")
	}
	c.MaxConns = cfg.MaxConns
	c.ConnConfig.ConnectTimeout = cfg.Timeout
	c.AfterConnect = session
	pool, err := pgxpool.NewWithConfig(ctx, c)
	return pool, stored(err)
}

// session makes commits wait for the disk, where the server's setting is weaker, and lets the server end what the
// client has given up.
func session(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `SELECT set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
		THEN 'on' ELSE current_setting('synchronous_commit') END, false),
		set_config('statement_timeout', '30s', false), set_config('lock_timeout', '10s', false)`)
	return err
}

func (v *Vault) begin(ctx context.Context) error {
	if err := v.start(ctx); err != nil {
		return err
	}
	if err := v.loadRing(ctx); err != nil {
		return err
	}
	if err := v.loadNames(ctx); err != nil {
		return err
	}
	if err := v.refresh(ctx, 0); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	v.stop = stop
	v.work.Go(func() { v.follow(background) })
	v.work.Go(func() { v.sweep(background) })
	return nil
}

func (v *Vault) register(metrics prometheus.Registerer) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	v.created = counter("parley_keys_created_total", "Data keys that were made.")
	v.destroyed = counter("parley_keys_destroyed_total", "Data keys that were destroyed.")
	v.failures = counter("parley_keys_revalidation_failures_total", "Times that the node could not learn which keys were destroyed elsewhere.")
	if metrics != nil {
		metrics.MustRegister(v.created, v.destroyed, v.failures)
	}
}

// Close ends the work in the background and forgets the keys in memory. Closing twice is no error.
func (v *Vault) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	v.stop()
	v.work.Wait()
	v.pool.Close()
	v.cache.Clear()
	return nil
}

// Sign implements [chain.Signer]. It never asks the database.
func (v *Vault) Sign(ctx context.Context, message []byte) (chain.Signature, error) {
	if err := v.usable(ctx); err != nil {
		return chain.Signature{}, err
	}
	return chain.SignWith(v.signing.Load().key, message)
}

// PublicKey implements [chain.Signer].
func (v *Vault) PublicKey(ctx context.Context) (ed25519.PublicKey, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	return v.signing.Load().public, nil
}

func (v *Vault) usable(ctx context.Context) error {
	if v.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}

// call runs f, which asks the database, within the time-out of a call. When the connection breaks it runs f once more:
// whatever f does may be repeated, also when it took effect.
func (v *Vault) call(ctx context.Context, f func(context.Context) error) error {
	if err := v.usable(ctx); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	err := f(within)
	if unanswered(err) {
		err = f(within)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// tx runs f in one transaction. After a failed commit the outcome is unknown.
func (v *Vault) tx(ctx context.Context, f func(pgx.Tx) error) error {
	tx, err := v.pool.Begin(ctx)
	if err != nil {
		return stored(err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback(context.WithoutCancel(ctx)) // a connection on which it fails is thrown away
		return err
	}
	return stored(tx.Commit(ctx))
}
