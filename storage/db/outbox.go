package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/internal/outbox"
)

// Outbox is the store of events that wait for delivery, and of dead letters.
type Outbox struct{ db *DB }

// Outbox returns the store of events.
func (d *DB) Outbox() *Outbox { return &Outbox{db: d} }

var (
	_ outbox.Store     = (*Outbox)(nil)
	_ outbox.Graveyard = (*Outbox)(nil)
)

// The columns of an event: those that chat's own statement fills, and those that have an empty default.
const (
	eventColumns    = "id, kind, at_us, conversation, seq, type, sender, interview, recording"
	allEventColumns = eventColumns + ", user_id, channel, class, notice, report"
)

// appendEvents inserts events in the transaction of the changes that they tell of. One without a kind is none; one whose
// id is there already is not kept twice.
func (d *DB) appendEvents(ctx context.Context, tx *sql.Tx, events ...outbox.Event) error {
	events = slices.DeleteFunc(slices.Clone(events), func(e outbox.Event) bool { return e.Kind == "" })
	if len(events) == 0 {
		return nil
	}
	insert := `INSERT INTO outbox (` + allEventColumns + `, due_us, attempts) `
	if d.dialect == postgresDialect {
		_, err := tx.ExecContext(ctx, insert+`SELECT r.*, `+d.now()+`, 0 FROM unnest($1::text[], $2::text[], $3::bigint[],
			$4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
			$13::text[], $14::text[]) r ON CONFLICT (id) DO NOTHING`,
			transpose(events)...)
		return err
	}
	one, err := tx.PrepareContext(ctx, insert+`VALUES (`+placeholders(14)+`, `+d.now()+`, 0)
		ON CONFLICT (id) DO NOTHING`)
	if err != nil {
		return err
	}
	defer one.Close()
	for _, e := range events {
		if _, err := one.ExecContext(ctx, eventArgs(e)...); err != nil {
			return err
		}
	}
	return nil
}

func eventArgs(e outbox.Event) []any {
	return []any{
		e.ID, e.Kind, micros(e.At), e.Conversation, int64(e.Seq), e.Type, e.Sender, e.Interview, e.Recording,
		e.User, e.Channel, e.Class, e.Notice, e.Report,
	}
}

// transpose turns events into one array a column.
func transpose(events []outbox.Event) []any {
	ats, seqs := make([]int64, len(events)), make([]int64, len(events))
	for i, e := range events {
		ats[i], seqs[i] = micros(e.At), int64(e.Seq)
	}
	text := func(of func(outbox.Event) string) []string {
		all := make([]string, len(events))
		for i, e := range events {
			all[i] = of(e)
		}
		return all
	}
	return []any{
		text(func(e outbox.Event) string { return string(e.ID) }),
		text(func(e outbox.Event) string { return string(e.Kind) }),
		ats,
		text(func(e outbox.Event) string { return e.Conversation }),
		seqs,
		text(func(e outbox.Event) string { return e.Type }),
		text(func(e outbox.Event) string { return string(e.Sender) }),
		text(func(e outbox.Event) string { return e.Interview }),
		text(func(e outbox.Event) string { return e.Recording }),
		text(func(e outbox.Event) string { return string(e.User) }),
		text(func(e outbox.Event) string { return e.Channel }),
		text(func(e outbox.Event) string { return e.Class }),
		text(func(e outbox.Event) string { return e.Notice }),
		text(func(e outbox.Event) string { return e.Report }),
	}
}

// Append implements [outbox.Store].
func (o *Outbox) Append(ctx context.Context, events ...outbox.Event) error {
	if err := o.db.tx(ctx, func(tx *sql.Tx) error { return o.db.appendEvents(ctx, tx, events...) }); err != nil {
		return fmt.Errorf("append events: %w", err)
	}
	return nil
}

// Claim implements [outbox.Store]. On PostgreSQL several nodes claim at once: rows that another has locked are passed over.
// A crash after the claim leaves events that come due again when the lease is over.
func (o *Outbox) Claim(ctx context.Context, limit int, lease time.Duration) ([]outbox.Claim, error) {
	due := false
	err := o.db.read.DB.QueryRowContext(ctx, `SELECT COALESCE((SELECT MIN(due_us) FROM outbox) <= `+o.db.now()+`, FALSE)`).Scan(&due)
	if err != nil || !due {
		return nil, wrap("look for events that are due", err)
	}
	rows, err := o.db.write.QueryContext(ctx, o.claim(limit), lease.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("claim events: %w", err)
	}
	claims, err := collect(rows, func(row scanner) (c outbox.Claim, err error) {
		c.Event, err = scanEvent(row, &c.Attempt)
		return c, err
	})
	slices.SortFunc(claims, func(a, b outbox.Claim) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
	return claims, wrap("claim events", err)
}

// claim is the statement that claims. It must cost the same whatever waits: the clock is read once, so that the index is
// searched for it, the limit is written out, and PostgreSQL gets the rows' ids as an array, since it can't know how few they
// are and might read the whole table.
func (o *Outbox) claim(limit int) string {
	now := `(SELECT ` + o.db.now() + `)`
	pick, ids := fmt.Sprintf(`SELECT id FROM outbox WHERE due_us <= %s ORDER BY due_us LIMIT %d`, now, limit), `IN (SELECT id FROM due)`
	if o.db.dialect == postgresDialect {
		pick, ids = pick+` FOR UPDATE SKIP LOCKED`, `= ANY (ARRAY (SELECT id FROM due))`
	}
	return `WITH due AS MATERIALIZED (` + pick + `) UPDATE outbox SET due_us = ` + now + ` + $1, attempts = attempts + 1
		WHERE id ` + ids + ` RETURNING ` + allEventColumns + `, attempts`
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func collect[T any](rows *sql.Rows, scan func(scanner) (T, error)) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// scanEvent reads an event and what follows its columns.
func scanEvent(row scanner, more ...any) (e outbox.Event, err error) {
	var at int64
	err = row.Scan(append([]any{&e.ID, &e.Kind, &at, &e.Conversation, &e.Seq, &e.Type, &e.Sender, &e.Interview, &e.Recording,
		&e.User, &e.Channel, &e.Class, &e.Notice, &e.Report}, more...)...)
	e.At = fromMicros(at)
	return e, err
}

// Settle implements [outbox.Store]. A crash before the commit leaves the claims as they were.
func (o *Outbox) Settle(ctx context.Context, results []outbox.Result) error {
	return wrap("settle events", o.db.tx(ctx, func(tx *sql.Tx) error {
		var delivered []any
		for _, r := range results {
			var err error
			switch r.Outcome {
			case outbox.Delivered:
				delivered = append(delivered, r.ID)
			case outbox.Retry:
				err = o.due(ctx, tx, r, r.After, 0)
			case outbox.Released:
				err = o.due(ctx, tx, r, 0, 1)
			case outbox.Dead:
				err = o.bury(ctx, tx, r)
			default:
				err = errors.New("a result without an outcome")
			}
			if err != nil {
				return err
			}
		}
		return deleteEvents(ctx, tx, delivered)
	}))
}

// due sets when the event is tried again, if the claim is still the last.
func (o *Outbox) due(ctx context.Context, tx *sql.Tx, r outbox.Result, after time.Duration, uncounted int) error {
	_, err := tx.ExecContext(ctx, `UPDATE outbox SET due_us = `+o.db.now()+` + $3, attempts = attempts - $4
		WHERE id = $1 AND attempts = $2`, r.ID, r.Attempt, after.Microseconds(), uncounted)
	return err
}

func (o *Outbox) bury(ctx context.Context, tx *sql.Tx, r outbox.Result) error {
	e, err := scanEvent(tx.QueryRowContext(ctx, `DELETE FROM outbox WHERE id = $1 AND attempts = $2 RETURNING `+allEventColumns,
		r.ID, r.Attempt))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO outbox_dead (`+allEventColumns+`, attempts, reason, died_us)
		VALUES (`+placeholders(16)+`, `+o.db.now()+`) ON CONFLICT (id) DO NOTHING`,
		append(eventArgs(e), r.Attempt, r.Reason)...)
	return err
}

func deleteEvents(ctx context.Context, tx *sql.Tx, ids []any) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE id IN (`+placeholders(len(ids))+`)`, ids...)
	return err
}

// placeholders is "$1, $2, …".
func placeholders(n int) string {
	marks := make([]string, n)
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	return strings.Join(marks, ", ")
}

// Backlog implements [outbox.Store]. Ids are in the order of time, so the first is the oldest.
func (o *Outbox) Backlog(ctx context.Context) (b outbox.Backlog, err error) {
	var age int64
	err = o.db.read.QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM (SELECT 1 FROM outbox LIMIT $1) p),
		COALESCE((SELECT `+o.db.now()+` - at_us FROM outbox ORDER BY id LIMIT 1), 0),
		(SELECT COUNT(*) FROM (SELECT 1 FROM outbox_dead LIMIT $1) d)`, outbox.MaxPending).Scan(&b.Pending, &age, &b.Dead)
	b.Oldest = max(0, time.Duration(age)*time.Microsecond)
	return b, wrap("count events", err)
}

// Expire implements [outbox.Store].
func (o *Outbox) Expire(ctx context.Context, age time.Duration) (int, error) {
	res, err := o.db.write.ExecContext(ctx, `DELETE FROM outbox_dead WHERE died_us < `+o.db.now()+` - $1`, age.Microseconds())
	if err != nil {
		return 0, fmt.Errorf("expire dead letters: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), wrap("expire dead letters", err)
}

// Dead implements [outbox.Graveyard].
func (o *Outbox) Dead(ctx context.Context, after outbox.EventID, limit int) ([]outbox.DeadLetter, error) {
	rows, err := o.db.read.QueryContext(ctx, `SELECT `+allEventColumns+`, attempts, reason, died_us FROM outbox_dead
		WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	page, err := collect(rows, func(row scanner) (l outbox.DeadLetter, err error) {
		var died int64
		l.Event, err = scanEvent(row, &l.Attempts, &l.Reason, &died)
		l.Died = fromMicros(died)
		return l, err
	})
	return page, wrap("list dead letters", err)
}

// Replay implements [outbox.Graveyard].
func (o *Outbox) Replay(ctx context.Context, id outbox.EventID) (bool, error) {
	n, err := o.raise(ctx, `id = $1`, id)
	return n > 0, wrap("replay dead letter", err)
}

// replayPortion is how many dead letters one transaction brings back.
const replayPortion = 500

// ReplayAll implements [outbox.Graveyard]. What dies meanwhile stays dead.
func (o *Outbox) ReplayAll(ctx context.Context) (all int, err error) {
	var until int64
	if err := o.db.read.DB.QueryRowContext(ctx, `SELECT `+o.db.now()).Scan(&until); err != nil {
		return 0, fmt.Errorf("replay dead letters: %w", err)
	}
	for {
		n, err := o.raise(ctx, `id IN (SELECT id FROM outbox_dead WHERE died_us <= $1 ORDER BY id LIMIT $2)`, until, replayPortion)
		all += n
		if err != nil || n == 0 {
			return all, wrap("replay dead letters", err)
		}
	}
}

// raise moves the dead letters that the condition finds back to what waits. They are deleted first, so that of two replays
// at once each letter has one.
func (o *Outbox) raise(ctx context.Context, condition string, args ...any) (n int, err error) {
	err = o.db.tx(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `DELETE FROM outbox_dead WHERE `+condition+` RETURNING `+allEventColumns, args...)
		if err != nil {
			return err
		}
		events, err := collect(rows, func(row scanner) (outbox.Event, error) { return scanEvent(row) })
		if err != nil {
			return err
		}
		n = len(events)
		return o.db.appendEvents(ctx, tx, events...)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
