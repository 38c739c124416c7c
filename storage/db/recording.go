package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"parley/internal/policy"
	"parley/recording"
)

// Recordings is the [recording.Store].
func (d *DB) Recordings() recording.Store { return recordings{d} }

type recordings struct{ db *DB }

const recordingColumns = "id, interview, node, state, started_us, ended_us, stored, sealed, epoch"

func (s recordings) Save(ctx context.Context, r recording.Row) error {
	err := s.db.tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `INSERT INTO recordings (`+recordingColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (id) DO UPDATE SET interview = excluded.interview, node = excluded.node, state = excluded.state,
				started_us = excluded.started_us, ended_us = excluded.ended_us, stored = excluded.stored,
				sealed = excluded.sealed, epoch = excluded.epoch
			WHERE recordings.epoch <= excluded.epoch`,
			r.ID, r.Interview, r.Node, r.State, micros(r.Started), micros(r.Ended), r.Stored, nonNil(r.Sealed), int64(r.Epoch))
		if err := fenced(done, err); err != nil {
			return err
		}
		return s.db.appendEvents(ctx, tx, r.Event)
	})
	if err != nil {
		return fmt.Errorf("save recording: %w", err)
	}
	return nil
}

// fenced is what a conditional write of one row says when it wrote none.
func fenced(done sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := done.RowsAffected()
	if err == nil && n == 0 {
		err = recording.ErrFenced
	}
	return err
}

func (s recordings) Adopt(ctx context.Context, id recording.ID, node string, epoch uint64) error {
	err := s.db.tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx,
			`UPDATE recordings SET node = $1, epoch = epoch + 1 WHERE id = $2 AND epoch = $3`, node, id, int64(epoch))
		return fenced(done, err)
	})
	if errors.Is(err, recording.ErrFenced) {
		if _, gone := s.Get(ctx, id); errors.Is(gone, policy.ErrNotFound) {
			err = gone
		}
	}
	if err != nil {
		return fmt.Errorf("adopt recording: %w", err)
	}
	return nil
}

// nonNil keeps an empty blob from becoming NULL.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (s recordings) Get(ctx context.Context, id recording.ID) (recording.Row, error) {
	r, err := scanRecording(s.db.read.QueryRowContext(ctx,
		`SELECT `+recordingColumns+` FROM recordings WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return recording.Row{}, policy.ErrNotFound
	}
	if err != nil {
		return recording.Row{}, fmt.Errorf("read recording: %w", err)
	}
	return r, nil
}

func (s recordings) List(ctx context.Context, interview string) ([]recording.Row, error) {
	return s.query(ctx, `SELECT `+recordingColumns+` FROM recordings
		WHERE interview = $1 ORDER BY started_us, id`, interview)
}

func (s recordings) Pending(ctx context.Context, node string) ([]recording.Row, error) {
	return s.query(ctx, `SELECT `+recordingColumns+` FROM recordings
		WHERE (node = $1 OR $1 = '') AND NOT stored AND state <> $2 ORDER BY started_us, id`, node, recording.StateFailed)
}

func (s recordings) query(ctx context.Context, query string, args ...any) ([]recording.Row, error) {
	rows, err := s.db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	defer rows.Close()
	var list []recording.Row
	for rows.Next() {
		r, err := scanRecording(rows)
		if err != nil {
			return nil, fmt.Errorf("list recordings: %w", err)
		}
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	return list, nil
}

func scanRecording(row scanner) (r recording.Row, err error) {
	var started, ended, epoch int64
	err = row.Scan(&r.ID, &r.Interview, &r.Node, &r.State, &started, &ended, &r.Stored, &r.Sealed, &epoch)
	r.Started, r.Ended, r.Epoch = fromMicros(started), fromMicros(ended), uint64(epoch)
	return r, err
}
