package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"parley/chat/moderation"
	"parley/internal/identity"
	"parley/internal/outbox"
)

// Moderation is the store of silences and reports.
type Moderation struct{ db *DB }

// Moderation returns the store of silences and reports.
func (d *DB) Moderation() *Moderation { return &Moderation{db: d} }

var _ moderation.Store = (*Moderation)(nil)

const silenceColumns = "user_id, kind, until_us, reason, set_us"

// Silence implements [moderation.Silences].
func (m *Moderation) Silence(ctx context.Context, r moderation.SilenceRow) error {
	_, err := m.db.write.ExecContext(ctx, `INSERT INTO silences (`+silenceColumns+`) VALUES ($1, $2, $3, $4, `+m.db.now()+`)
		ON CONFLICT (user_id) DO UPDATE SET kind = EXCLUDED.kind, until_us = EXCLUDED.until_us, reason = EXCLUDED.reason, set_us = EXCLUDED.set_us`,
		r.User, r.Kind, micros(r.Until), nonNil(r.Reason))
	return wrap("keep silence", err)
}

func scanSilence(row scanner) (r moderation.SilenceRow, err error) {
	var until, set int64
	err = row.Scan(&r.User, &r.Kind, &until, &r.Reason, &set)
	r.Until, r.Set = fromMicros(until), fromMicros(set)
	return r, err
}

// Since implements [moderation.Silences]. The clock is read first: what is committed while the rows are read may be missing, and
// is found by the next look, which begins before it.
func (m *Moderation) Since(ctx context.Context, at time.Time) ([]moderation.SilenceRow, time.Time, error) {
	var now int64
	if err := m.db.read.DB.QueryRowContext(ctx, `SELECT `+m.db.now()).Scan(&now); err != nil {
		return nil, time.Time{}, fmt.Errorf("read clock: %w", err)
	}
	rows, err := m.db.read.QueryContext(ctx, `SELECT `+silenceColumns+` FROM silences WHERE set_us >= $1`, micros(at))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read silences: %w", err)
	}
	all, err := collect(rows, scanSilence)
	return all, fromMicros(now), wrap("read silences", err)
}

// Silenced implements [moderation.Silences].
func (m *Moderation) Silenced(ctx context.Context, now time.Time, after identity.UserID, limit int) ([]moderation.SilenceRow, error) {
	rows, err := m.db.read.QueryContext(ctx, `SELECT `+silenceColumns+` FROM silences
		WHERE user_id > $1 AND kind <> '' AND (until_us = 0 OR until_us > $2) ORDER BY user_id LIMIT $3`, after, micros(now), limit)
	if err != nil {
		return nil, fmt.Errorf("list silences: %w", err)
	}
	all, err := collect(rows, scanSilence)
	return all, wrap("list silences", err)
}

// Sweep implements [moderation.Silences].
func (m *Moderation) Sweep(ctx context.Context, now time.Time) error {
	day := (24 * time.Hour).Microseconds()
	_, err := m.db.write.ExecContext(ctx, `DELETE FROM silences
		WHERE kind = '' AND set_us < `+m.db.now()+` - $1 OR until_us > 0 AND until_us < $2 AND set_us < `+m.db.now()+` - $1`,
		day, micros(now)-day)
	return wrap("delete ended silences", err)
}

const reportColumns = "id, conversation, reporter, cid, reason, note, filed_us, outcome, closed_us"

// File implements [moderation.Reports]. A crash before the commit leaves nothing; the person's client files it again.
func (m *Moderation) File(ctx context.Context, r moderation.ReportRow, e outbox.Event) (id moderation.ReportID, err error) {
	err = m.db.tx(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `INSERT INTO reports (`+reportColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, '', 0)
			ON CONFLICT (conversation, reporter, cid) DO NOTHING RETURNING id`,
			r.ID, r.Conversation, r.Reporter, r.CID, r.Reason, nonNil(r.Note), micros(r.Filed)).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return tx.QueryRowContext(ctx, `SELECT id FROM reports WHERE conversation = $1 AND reporter = $2 AND cid = $3`,
				r.Conversation, r.Reporter, r.CID).Scan(&id)
		}
		if err != nil {
			return err
		}
		for _, x := range r.Entries {
			if _, err := tx.ExecContext(ctx, `INSERT INTO report_entries (report, seq, sender, leaf) VALUES ($1, $2, $3, $4)`,
				r.ID, int64(x.Seq), x.Sender, x.Digest[:]); err != nil {
				return err
			}
		}
		return m.db.appendEvents(ctx, tx, e)
	})
	return id, wrap("file report", err)
}

// Filed implements [moderation.Reports].
func (m *Moderation) Filed(ctx context.Context, reporter identity.UserID, since time.Time) (n int, err error) {
	err = m.db.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM reports WHERE reporter = $1 AND filed_us >= $2`, reporter, micros(since)).Scan(&n)
	return n, wrap("count reports", err)
}

func scanReport(row scanner) (r moderation.ReportRow, err error) {
	var filed, closed int64
	err = row.Scan(&r.ID, &r.Conversation, &r.Reporter, &r.CID, &r.Reason, &r.Note, &filed, &r.Outcome, &closed)
	r.Filed, r.Closed = fromMicros(filed), fromMicros(closed)
	return r, err
}

// Find implements [moderation.Reports].
func (m *Moderation) Find(ctx context.Context, o moderation.Outcome, after moderation.ReportID, limit int) ([]moderation.ReportRow, error) {
	rows, err := m.db.read.QueryContext(ctx, `SELECT `+reportColumns+` FROM reports WHERE outcome = $1 AND id > $2 ORDER BY id LIMIT $3`, o, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	all, err := collect(rows, scanReport)
	return all, wrap("list reports", err)
}

// Load implements [moderation.Reports].
func (m *Moderation) Load(ctx context.Context, id moderation.ReportID) (moderation.ReportRow, bool, error) {
	r, err := scanReport(m.db.read.QueryRowContext(ctx, `SELECT `+reportColumns+` FROM reports WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("load report: %w", err)
	}
	rows, err := m.db.read.QueryContext(ctx, `SELECT seq, sender, leaf FROM report_entries WHERE report = $1 ORDER BY seq`, id)
	if err != nil {
		return r, false, fmt.Errorf("load reported entries: %w", err)
	}
	r.Entries, err = collect(rows, func(row scanner) (x moderation.Exhibit, err error) {
		var digest []byte
		err = row.Scan(&x.Seq, &x.Sender, &digest)
		copy(x.Digest[:], digest)
		return x, err
	})
	return r, err == nil, wrap("load reported entries", err)
}

// Close implements [moderation.Reports].
func (m *Moderation) Close(ctx context.Context, id moderation.ReportID, o moderation.Outcome, at time.Time) (bool, error) {
	res, err := m.db.write.ExecContext(ctx, `UPDATE reports SET outcome = $2, closed_us = $3 WHERE id = $1 AND outcome = ''`, id, o, micros(at))
	if err != nil {
		return false, fmt.Errorf("close report: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, wrap("close report", err)
}
