package db

import (
	"context"
	"database/sql"
	"sync"
)

// reads is the pool for reading. On SQLite it keeps what it has prepared: half of the time of a short statement is its
// preparation. A statement whose text is another one each time, by the clock in it, goes to the DB beneath. Any goroutine may
// call it.
type reads struct {
	*sql.DB
	most int // statements that are kept; 0: none, the driver keeps its own

	mu   sync.RWMutex
	kept map[string]*sql.Stmt
}

// mostStatements is more than there are in this package; what is put together from lists must not push them out.
const mostStatements = 200

func newReads(pool *sql.DB, most int) *reads {
	return &reads{DB: pool, most: most, kept: map[string]*sql.Stmt{}}
}

// QueryContext is that of [sql.DB].
func (r *reads) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := r.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return r.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of [sql.DB].
func (r *reads) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := r.statement(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return r.DB.QueryRowContext(ctx, query, args...)
}

// statement is the prepared one; nil when there is none to be had, which the query itself then says.
func (r *reads) statement(ctx context.Context, query string) *sql.Stmt {
	if r.most == 0 {
		return nil
	}
	r.mu.RLock()
	s, full := r.kept[query], len(r.kept) >= r.most
	r.mu.RUnlock()
	if s != nil || full {
		return s
	}
	return r.keep(ctx, query)
}

func (r *reads) keep(ctx context.Context, query string) *sql.Stmt {
	s, err := r.DB.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if before := r.kept[query]; before != nil {
		_ = s.Close()
		return before
	}
	r.kept[query] = s
	return s
}

// Close closes the pool with its statements.
func (r *reads) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.kept {
		_ = s.Close()
	}
	return r.DB.Close()
}
