package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Errors of PostgreSQL quote what was stored: "Failing row contains (…)", "Key (name)=(…) already exists". They are cut down to
// names of the schema as they leave the driver, so that no error can carry a value, wherever it is logged.

// speaking are the classes of errors whose messages hold words of the server, of our statements and of our triggers only.
var speaking = map[string]bool{"08": true, "25": true, "40": true, "42": true, "53": true, "55": true, "57": true, "58": true, "P0": true}

var errArgument = errors.New("db: an argument of the statement can't be sent")

// quiet takes the values out of an error.
func quiet(err error) error {
	if err == nil {
		return nil
	}
	var e *pgconn.PgError
	switch {
	case errors.As(err, &e):
		hush(e)
	case strings.Contains(err.Error(), "failed to encode"):
		return errArgument
	}
	return err
}

func hush(e *pgconn.PgError) {
	e.Detail, e.Hint, e.Where, e.InternalQuery = "", "", "", ""
	if len(e.Code) != 5 || !speaking[e.Code[:2]] {
		e.Message = "refused by the database" + named("table", e.TableName) + named("column", e.ColumnName) +
			named("constraint", e.ConstraintName)
	}
}

func named(what, name string) string {
	if name == "" {
		return ""
	}
	return ", " + what + " " + name
}

// connector makes quiet connections.
type connector struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, &unreachable{quiet(err)}
	}
	return quietConn{conn.(*stdlib.Conn)}, nil
}

// quietConn is the driver's connection; so are statements, rows and transactions that come from it.
type quietConn struct{ *stdlib.Conn }

// PrepareContext implements [driver.ConnPrepareContext].
func (c quietConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.Conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, quiet(err)
	}
	return quietStmt{s.(*stdlib.Stmt)}, nil
}

// BeginTx implements [driver.ConnBeginTx].
func (c quietConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.BeginTx(ctx, o)
	if err != nil {
		return nil, quiet(err)
	}
	return quietTx{tx}, nil
}

// ExecContext implements [driver.ExecerContext].
func (c quietConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	r, err := c.Conn.ExecContext(ctx, query, args)
	return r, quiet(err)
}

// QueryContext implements [driver.QueryerContext].
func (c quietConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	r, err := c.Conn.QueryContext(ctx, query, args)
	return quietly(r, err)
}

type quietStmt struct{ *stdlib.Stmt }

// ExecContext implements [driver.StmtExecContext].
func (s quietStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	r, err := s.Stmt.ExecContext(ctx, args)
	return r, quiet(err)
}

// QueryContext implements [driver.StmtQueryContext].
func (s quietStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	r, err := s.Stmt.QueryContext(ctx, args)
	return quietly(r, err)
}

type quietTx struct{ driver.Tx }

// Commit implements [driver.Tx].
func (t quietTx) Commit() error { return quiet(t.Tx.Commit()) }

type quietRows struct{ driver.Rows }

// Next implements [driver.Rows].
func (r quietRows) Next(dest []driver.Value) error { return quiet(r.Rows.Next(dest)) }

// Close implements [driver.Rows].
func (r quietRows) Close() error { return quiet(r.Rows.Close()) }

func quietly(r driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		return nil, quiet(err)
	}
	return quietRows{r}, nil
}
