package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // the "sqlite" driver
)

// DB is the main database. Statements are written once for both engines: numbered placeholders ($1), upserts with ON
// CONFLICT, times as microseconds since 1970 in BIGINT, bytes as they are.
//
// SQLite takes one writer at a time, so writes go through a pool of one connection and never meet SQLITE_BUSY among
// themselves; reads have a pool of their own and see the last commit (WAL).
//
// PostgreSQL has many writers, under READ COMMITTED: each statement sees what was committed before it began. What must not
// interleave locks a row first, or stands in a [queue]. There too the pool for reading can't write.
type DB struct {
	write   *sql.DB
	read    *reads
	dialect dialect
	clock   func() time.Time // of now, on SQLite
}

// OpenSQLite opens, or makes, the database file and brings its schema up to date. Commits are durable on return
// (synchronous=FULL). A new file is the owner's alone, also in a folder that others may look into.
func OpenSQLite(ctx context.Context, path string) (*DB, error) {
	if err := private(path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	// recursive_triggers lets the triggers of append-only tables see what REPLACE deletes.
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "busy_timeout(5000)",
		"recursive_triggers(1)"}}
	q.Set("_txlock", "immediate")
	file := "file:" + (&url.URL{Path: path}).EscapedPath() // so that no character of the path is taken for a parameter
	write, err := sql.Open("sqlite", file+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	write.SetMaxOpenConns(1)
	if err := migrate(ctx, write, sqliteDialect); err != nil {
		write.Close()
		return nil, err
	}
	q.Set("_txlock", "deferred")
	q.Add("_pragma", "query_only(1)")
	read, err := sql.Open("sqlite", file+"?"+q.Encode())
	if err != nil {
		write.Close()
		return nil, fmt.Errorf("open database for reading: %w", err)
	}
	read.SetMaxOpenConns(8)
	read.SetMaxIdleConns(8)
	return &DB{write: write, read: newReads(read, mostStatements), dialect: sqliteDialect, clock: time.Now}, nil
}

// private makes the file if there is none. SQLite gives what it puts beside it the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// Close closes the database after the statements under way.
func (d *DB) Close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// Ping says whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.read.PingContext(ctx) }

// tx runs f in one write transaction. An error of f, or of the commit, rolls all of it back; after a failed commit the
// outcome is unknown to the caller, who must be able to try again. On PostgreSQL f runs again, in a new transaction, when the
// database rolled back because of others (see [DB.again]): what f sets outside, it sets anew.
func (d *DB) tx(ctx context.Context, f func(*sql.Tx) error) error {
	return d.again(ctx, func() error { return d.once(ctx, f) })
}

func (d *DB) once(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// queryer is what reads one row: a transaction or a pool. scanner is one row.
type (
	queryer interface {
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	scanner interface{ Scan(dest ...any) error }
)

// micros and fromMicros are how times are stored: microseconds since 1970, UTC; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
