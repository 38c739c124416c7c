package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/prometheus/client_golang/prometheus"
)

// PostgresConfig is what the pools of a node may be told; zero fields mean the defaults.
//
// A write needs a connection for one or two round trips and one sync of the server's log. Chat's lanes (at most four) keep one
// each while they are busy; leases, interviews, recordings, the audit log and the outbox share the rest, so that a busy chat
// never keeps a node from renewing its leases. A third of MaxConns writes, at least six. Reads are short and many: lists and pages
// after a reconnect. They get the other connections. More than two or three busy connections a core of the server only make them
// wait there instead of here, where parley_db_waits_total counts it.
//
// The server must allow MaxConns for every node, plus what backup and operators need:
//
//	max_connections ≥ nodes × MaxConns + 10
//
// A pooler between (PgBouncer) must keep the session of a connection: prepared statements and session settings are used.
type PostgresConfig struct {
	// MaxConns is how many connections this node opens at most; default 24, at least 12.
	MaxConns int
	Metrics  prometheus.Registerer
}

func (c PostgresConfig) withDefaults() PostgresConfig {
	if c.MaxConns <= 0 {
		c.MaxConns = 24
	}
	c.MaxConns = max(c.MaxConns, 12)
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}

func (c PostgresConfig) writers() int { return max(c.MaxConns/3, 6) }

// What a connection asks of the server for its session.
const (
	// statementTimeout ends a statement that runs longer: no statement of ours needs a second, and one that waits for a broken
	// disk must not hold its locks when its caller has long gone.
	statementTimeout = 15 * time.Second
	// lockTimeout ends the wait for a row or a queue before the statement's own end, so that the two can be told apart.
	lockTimeout = 8 * time.Second
	// idleTimeout ends a transaction whose node fell silent in the middle, and frees the rows that it locked. Nothing of ours
	// waits for anything but the database inside a transaction.
	idleTimeout = 10 * time.Second
)

// settings are session settings as the first message of a connection carries them.
func settings(readOnly bool) map[string]string {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	s := map[string]string{
		"application_name":                    "parley",
		"statement_timeout":                   ms(statementTimeout),
		"lock_timeout":                        ms(lockTimeout),
		"idle_in_transaction_session_timeout": ms(idleTimeout),
		"default_transaction_isolation":       "read committed",
		"synchronous_commit":                  "on", // acknowledged is durable, whatever the server's default
		"timezone":                            "UTC",
		"jit":                                 "off", // it compiles for longer than a statement of ours runs, each time anew
	}
	if readOnly {
		s["default_transaction_read_only"] = "on"
	}
	return s
}

// ErrVaultDatabase says that the database is the key vault's. Keys and what they seal never share a database: a dump of the
// main one must not open what it holds.
var ErrVaultDatabase = errors.New("db: this database holds the key vault; the main database must be another one")

// OpenPostgres connects to the database and brings its schema up to date; of several nodes that start at once one does it and
// the others wait. The URL is as PostgreSQL writes it, see [CheckURL].
func OpenPostgres(ctx context.Context, url string, config PostgresConfig) (*DB, error) {
	if err := CheckURL(url); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	base, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if err := migratePostgres(ctx, base); err != nil {
		return nil, err
	}
	d := &DB{dialect: postgresDialect, clock: time.Now,
		write: pool(base, settings(false), config.writers()),
		read:  newReads(pool(base, settings(true), config.MaxConns-config.writers()), 0)}
	if err := config.Metrics.Register(pools{"write": d.write, "read": d.read.DB}); err != nil {
		return nil, errors.Join(fmt.Errorf("register metrics: %w", err), d.Close())
	}
	return d, nil
}

// pool opens no connection yet.
func pool(base *pgx.ConnConfig, settings map[string]string, size int) *sql.DB {
	c := base.Copy()
	maps.Copy(c.RuntimeParams, settings)
	p := sql.OpenDB(connector{stdlib.GetConnector(*c)})
	p.SetMaxOpenConns(size)
	p.SetMaxIdleConns(size)
	p.SetConnMaxIdleTime(5 * time.Minute)
	p.SetConnMaxLifetime(time.Hour) // so that a cluster's new members get their share
	return p
}

// migrationLock is the advisory lock under which one node at a time migrates.
const migrationLock queue = 0x7061726c_00000001

// migratePostgres holds the lock in a session of its own, which ends with this call, however it ends.
func migratePostgres(ctx context.Context, base *pgx.ConnConfig) error {
	s := settings(false)
	s["statement_timeout"], s["idle_in_transaction_session_timeout"] = "0", "0"
	s["lock_timeout"] = "0" // another node's migration takes what it takes
	locked := pool(base, s, 1)
	defer locked.Close()
	if _, err := locked.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
		return fmt.Errorf("wait to migrate: %w", err)
	}
	if err := notTheVault(ctx, locked); err != nil {
		return err
	}
	s["lock_timeout"] = settings(false)["lock_timeout"] // a migration that waits for a table makes everybody behind it wait
	work := pool(base, s, 1)
	defer work.Close()
	return migrate(ctx, work, postgresDialect)
}

func notTheVault(ctx context.Context, q queryer) error {
	var vault bool
	err := q.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_tables WHERE tablename = 'vault_keys')`).Scan(&vault)
	if err != nil {
		return fmt.Errorf("look for the vault: %w", err)
	}
	if vault {
		return ErrVaultDatabase
	}
	return nil
}
