package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"parley/internal/audit"
)

// Audit is the store of the audit log.
type Audit struct{ db *DB }

// Audit returns the store of the audit log.
func (d *DB) Audit() *Audit { return &Audit{db: d} }

var _ audit.Store = (*Audit)(nil)

const auditColumns = `seq, time_us, role, action, sealed, prev, hash`

// auditQueue orders the appends of all nodes: each must see the record before it.
const auditQueue queue = 0x7061726c_00000002

// Append implements [audit.Store]. A crash before the commit leaves nothing, one after it the record.
func (a *Audit) Append(ctx context.Context, f func(last audit.Record) (audit.Record, error)) error {
	err := a.db.tx(ctx, func(tx *sql.Tx) error {
		if err := a.db.serialize(ctx, tx, auditQueue); err != nil {
			return err
		}
		last, err := lastAudit(ctx, tx)
		if err != nil {
			return err
		}
		r, err := f(last)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO audit (`+auditColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			int64(r.Seq), micros(r.Time), string(r.Role), r.Action, r.Sealed, r.Prev[:], r.Hash[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("append to audit: %w", err)
	}
	return nil
}

// Last implements [audit.Store].
func (a *Audit) Last(ctx context.Context) (audit.Record, error) {
	r, err := lastAudit(ctx, a.db.read)
	if err != nil {
		return r, fmt.Errorf("read end of audit: %w", err)
	}
	return r, nil
}

func lastAudit(ctx context.Context, q queryer) (audit.Record, error) {
	r, err := scanAudit(q.QueryRowContext(ctx, `SELECT `+auditColumns+` FROM audit ORDER BY seq DESC LIMIT 1`))
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Record{}, nil
	}
	return r, err
}

// Read implements [audit.Store].
func (a *Audit) Read(ctx context.Context, after uint64, limit int) ([]audit.Record, error) {
	rows, err := a.db.read.QueryContext(ctx,
		`SELECT `+auditColumns+` FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2`, int64(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read audit: %w", err)
	}
	defer rows.Close()
	var records []audit.Record
	for rows.Next() {
		r, err := scanAudit(rows)
		if err != nil {
			return nil, fmt.Errorf("read audit: %w", err)
		}
		records = append(records, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read audit: %w", err)
	}
	return records, nil
}

func scanAudit(row scanner) (audit.Record, error) {
	var r audit.Record
	var seq, at int64
	var prev, hash []byte
	if err := row.Scan(&seq, &at, &r.Role, &r.Action, &r.Sealed, &prev, &hash); err != nil {
		return audit.Record{}, err
	}
	r.Seq, r.Time = uint64(seq), fromMicros(at)
	if copy(r.Prev[:], prev) != len(prev) || copy(r.Hash[:], hash) != len(hash) {
		r.Sealed = nil // a hash of another length: a record that does not verify
	}
	return r, nil
}
