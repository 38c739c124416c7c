package db

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"
)

// dialect is which engine a DB speaks to. Statements are shared; what must differ asks for it.
type dialect int

const (
	noDialect dialect = iota
	sqliteDialect
	postgresDialect
)

// goose is the engine's name among migrations, and the folder of its own.
func (d dialect) goose() (goose.Dialect, string) {
	if d == postgresDialect {
		return goose.DialectPostgres, "migrations/postgres"
	}
	return goose.DialectSQLite3, "migrations/sqlite"
}

// postgresNow is the clock of now on PostgreSQL.
const postgresNow = `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// now is an SQL expression for the database's clock, in microseconds since 1970: what several nodes compare must come from
// one clock. On SQLite, which has one node, it is this process's clock.
func (d *DB) now() string {
	if d.dialect == postgresDialect {
		return postgresNow
	}
	return fmt.Sprint(d.clock().UnixMicro())
}

// queue is a line in which write transactions stand: those of one queue run one after the other, and each sees what the one
// before it committed. The numbers are PostgreSQL's advisory locks: the high half says whose, the low half is free.
type queue int64

// serialize makes the transaction wait for its turn in the queue, which it keeps until its end. SQLite has one writer anyway.
func (d *DB) serialize(ctx context.Context, tx *sql.Tx, q queue) error {
	if d.dialect != postgresDialect {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(q))
	return err
}
