package db

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"parley/internal/policy"
	"parley/internal/privacy"
)

// Consents is the [privacy.Store]. The table refuses changes and deletions by itself.
func (d *DB) Consents() privacy.Store { return consents{d} }

type consents struct{ db *DB }

const consentColumns = "seq, subject, purpose, context, kind, version, sealed, at_us"

// consentQueue orders the entries of a subject, so that who reads after a seq misses none that was committed later.
func consentQueue(s privacy.Hash) queue {
	return 0x7061726d_00000000 | queue(binary.BigEndian.Uint32(s[:4]))
}

func (c consents) Append(ctx context.Context, e privacy.Entry) (seq uint64, err error) {
	err = c.db.tx(ctx, func(tx *sql.Tx) error {
		if err := c.db.serialize(ctx, tx, consentQueue(e.Subject)); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `INSERT INTO consents (subject, purpose, context, kind, version, sealed, at_us)
			VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING seq`,
			e.Subject[:], e.Purpose, e.Context, e.Kind, e.Version, e.Sealed, micros(e.Time)).Scan(&seq)
	})
	if err != nil {
		return 0, fmt.Errorf("append consent: %w", err)
	}
	return seq, nil
}

func (c consents) Last(ctx context.Context, s privacy.Hash, p policy.Purpose, context string) (privacy.Entry, bool, error) {
	row := c.db.read.QueryRowContext(ctx, `SELECT `+consentColumns+` FROM consents
		WHERE subject = $1 AND purpose = $2 AND context = $3 ORDER BY seq DESC LIMIT 1`, s[:], p, context)
	e, err := scanConsent(row)
	if errors.Is(err, sql.ErrNoRows) {
		return privacy.Entry{}, false, nil
	}
	if err != nil {
		return privacy.Entry{}, false, fmt.Errorf("read last consent: %w", err)
	}
	return e, true, nil
}

func (c consents) History(ctx context.Context, s privacy.Hash, after uint64, limit int) ([]privacy.Entry, error) {
	rows, err := c.db.read.QueryContext(ctx, `SELECT `+consentColumns+` FROM consents
		WHERE subject = $1 AND seq > $2 ORDER BY seq LIMIT $3`, s[:], after, limit)
	if err != nil {
		return nil, fmt.Errorf("read consents: %w", err)
	}
	defer rows.Close()
	var found []privacy.Entry
	for rows.Next() {
		e, err := scanConsent(rows)
		if err != nil {
			return nil, fmt.Errorf("read consents: %w", err)
		}
		found = append(found, e)
	}
	return found, rows.Err()
}

func scanConsent(row scanner) (privacy.Entry, error) {
	var e privacy.Entry
	var subject []byte
	var at int64
	err := row.Scan(&e.Seq, &subject, &e.Purpose, &e.Context, &e.Kind, &e.Version, &e.Sealed, &at)
	copy(e.Subject[:], subject)
	e.Time = fromMicros(at)
	return e, err
}
