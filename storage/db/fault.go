package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// What an error of PostgreSQL means for who called:
//
//	40001, 40P01   rolled back for sure, because of others; tried again here, see DB.again
//	22…, 23…, 54…  rolled back for sure, because of a value; the same again fails again
//	55P03, 57014   a lock or the statement took too long; rolled back unless it was the commit
//	others, and every error of a connection: the outcome is unknown
//
// Only the first kind is tried again in this package, besides what was never sent. Callers treat every error as an unknown
// outcome, as the contracts of the stores say.
const maxTries = 5

// again runs f until it ends otherwise than by a transaction that was rolled back because of others, or by a connection that broke
// before anything was sent, a few times at most.
func (d *DB) again(ctx context.Context, f func() error) (err error) {
	for try := range maxTries {
		if err = f(); err == nil || !harmless(err) || !pause(ctx, try) {
			return err
		}
	}
	return err
}

// pause lets the others of a deadlock finish first, for up to 10, 20, 40 … milliseconds. It says whether ctx is still alive.
func pause(ctx context.Context, try int) bool {
	t := time.NewTimer(rand.N(10 * time.Millisecond << try))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// harmless is whether the error leaves nothing behind and the same may succeed at once.
func harmless(err error) bool {
	switch code(err) {
	case "40001", "40P01": // serialization failure, deadlock
		return true
	case "":
		return err != nil && (pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn))
	}
	return false
}

// rowFault is whether the database refused a value: its type, its encoding, a constraint or its size.
func rowFault(err error) bool {
	c := code(err)
	return len(c) == 5 && (c[:2] == "22" || c[:2] == "23" || c[:2] == "54")
}

// code is the SQLSTATE of an error of PostgreSQL, or empty.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// native runs f on a connection for writing, without database/sql between.
func (d *DB) native(ctx context.Context, f func(*pgx.Conn) error) error {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error { return quiet(f(c.(quietConn).Conn.Conn())) })
}
