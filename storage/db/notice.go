package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/internal/identity"
	"parley/internal/notice"
	"parley/internal/outbox"
)

// Notice is the store of reminders and notices. It knows chat's cursors too.
type Notice struct{ db *DB }

// Notice returns the store of reminders and notices.
func (d *DB) Notice() *Notice { return &Notice{db: d} }

var (
	_ notice.Store   = (*Notice)(nil)
	_ notice.Cursors = (*Notice)(nil)
)

// ReadTo implements [notice.Cursors].
func (n *Notice) ReadTo(ctx context.Context, conversation string, user identity.UserID) (notice.Read, error) {
	r, since := notice.Read{Member: true}, int64(0)
	err := n.db.read.QueryRowContext(ctx, `SELECT m.read_to, COALESCE((SELECT e.time_us FROM chat_entries e
			WHERE e.conversation = m.conversation AND e.seq > m.read_to AND e.sender <> m.user_id AND e.type NOT IN (`+uncounted+`)
			ORDER BY e.seq LIMIT 1), 0)
		FROM chat_members m WHERE m.conversation = $1 AND m.user_id = $2`, conversation, user).Scan(&r.To, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return notice.Read{}, nil
	}
	if err != nil {
		return notice.Read{}, fmt.Errorf("read cursor: %w", err)
	}
	if since != 0 {
		r.Since = fromMicros(since)
	}
	return r, nil
}

// Unread implements [notice.Reminders]. Rows are taken in the order of their keys, so that two nodes never wait for each other in a
// ring.
func (n *Notice) Unread(ctx context.Context, rows []notice.Unread, wait time.Duration) error {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b notice.Unread) int {
		return strings.Compare(string(a.User)+"\x00"+a.Conversation, string(b.User)+"\x00"+b.Conversation)
	})
	return wrap("keep what is unread", n.db.tx(ctx, func(tx *sql.Tx) error {
		now := n.db.now()
		take := `INSERT INTO reminders (user_id, conversation, seq, since_us, told_seq, told_us, step, due_us)
			SELECT user_id, conversation, seq, since_us, 0, 0, 0, ` + now + ` + CAST($1 AS BIGINT) FROM %s
			ON CONFLICT (user_id, conversation) DO UPDATE SET seq = EXCLUDED.seq,
				due_us = CASE WHEN reminders.due_us = 0 OR EXCLUDED.due_us < reminders.due_us THEN EXCLUDED.due_us ELSE reminders.due_us END
				WHERE EXCLUDED.seq > reminders.seq`
		if n.db.dialect == postgresDialect {
			_, err := tx.ExecContext(ctx, fmt.Sprintf(take,
				`unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) r (user_id, conversation, seq, since_us)`),
				append([]any{wait.Microseconds()}, unreadArrays(rows)...)...)
			return err
		}
		one, err := tx.PrepareContext(ctx, fmt.Sprintf(take, `(SELECT $2 AS user_id, $3 AS conversation, $4 AS seq, $5 AS since_us) r WHERE true`))
		if err != nil {
			return err
		}
		defer one.Close()
		for _, r := range rows {
			if _, err := one.ExecContext(ctx, wait.Microseconds(), r.User, r.Conversation, int64(r.Seq), micros(r.At)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func unreadArrays(rows []notice.Unread) []any {
	users, conversations := make([]string, len(rows)), make([]string, len(rows))
	seqs, ats := make([]int64, len(rows)), make([]int64, len(rows))
	for i, r := range rows {
		users[i], conversations[i], seqs[i], ats[i] = string(r.User), r.Conversation, int64(r.Seq), micros(r.At)
	}
	return []any{users, conversations, seqs, ats}
}

// claim is the statement that claims rows of a table that are due; see [Outbox.claim] for why it is written so.
func (n *Notice) claim(table, key, columns string, limit int) string {
	now := `(SELECT ` + n.db.now() + `)`
	pick := fmt.Sprintf(`SELECT %s FROM %s WHERE due_us > 0 AND due_us <= %s ORDER BY due_us LIMIT %d`, key, table, now, limit)
	if n.db.dialect == postgresDialect {
		pick += ` FOR UPDATE SKIP LOCKED`
	}
	return `WITH due AS MATERIALIZED (` + pick + `) UPDATE ` + table + ` SET due_us = ` + now + ` + $1 WHERE (` + key + `) IN (SELECT ` + key + ` FROM due)
		RETURNING ` + columns
}

// due says whether there is anything to claim, without a transaction that writes.
func (n *Notice) due(ctx context.Context, table string) (due bool, err error) {
	err = n.db.read.DB.QueryRowContext(ctx, `SELECT COALESCE((SELECT MIN(due_us) FROM `+table+` WHERE due_us > 0) <= `+n.db.now()+`, FALSE)`).Scan(&due)
	return due, wrap("look for what is due", err)
}

// ClaimReminders implements [notice.Reminders].
func (n *Notice) ClaimReminders(ctx context.Context, limit int, lease time.Duration) ([]notice.Reminder, error) {
	if due, err := n.due(ctx, "reminders"); err != nil || !due {
		return nil, err
	}
	rows, err := n.db.write.QueryContext(ctx, n.claim("reminders", "user_id, conversation",
		`user_id, conversation, seq, told_seq, CASE WHEN told_us = 0 THEN 0 ELSE `+n.db.now()+` - told_us END, step, due_us`, limit), lease.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("claim reminders: %w", err)
	}
	all, err := collect(rows, func(row scanner) (r notice.Reminder, err error) {
		var ago int64
		err = row.Scan(&r.User, &r.Conversation, &r.Seq, &r.Told, &ago, &r.Step, &r.Claim)
		r.Ago = time.Duration(ago) * time.Microsecond
		return r, err
	})
	return all, wrap("claim reminders", err)
}

// Remind implements [notice.Reminders]. A crash before the commit leaves a claim that ends by itself.
func (n *Notice) Remind(ctx context.Context, r notice.Reminder, next notice.Next, e outbox.Event) (done bool, err error) {
	err = n.db.tx(ctx, func(tx *sql.Tx) error {
		now := n.db.now()
		due := now + fmt.Sprintf(` + %d`, next.Wait.Microseconds())
		if next.Wait == 0 {
			due = fmt.Sprintf(`CASE WHEN seq > %d THEN %s + %d ELSE 0 END`, r.Seq, now, next.Again.Microseconds())
		}
		done, err = changed(tx.ExecContext(ctx, `UPDATE reminders SET step = $1, told_seq = $2, told_us = `+now+`, due_us = `+due+`
			WHERE user_id = $3 AND conversation = $4 AND due_us = $5`, next.Step, int64(r.Seq), r.User, r.Conversation, r.Claim))
		if err != nil || !done {
			return err
		}
		return n.db.appendEvents(ctx, tx, e)
	})
	return done && err == nil, wrap("remind", err)
}

// changed says whether a statement changed a row.
func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	rows, err := res.RowsAffected()
	return rows > 0, err
}

// Postpone implements [notice.Reminders].
func (n *Notice) Postpone(ctx context.Context, r notice.Reminder, wait time.Duration) error {
	_, err := n.db.write.ExecContext(ctx, `UPDATE reminders SET due_us = `+n.db.now()+` + $1 WHERE user_id = $2 AND conversation = $3 AND due_us = $4`,
		wait.Microseconds(), r.User, r.Conversation, r.Claim)
	return wrap("postpone reminder", err)
}

// Forget implements [notice.Reminders].
func (n *Notice) Forget(ctx context.Context, r notice.Reminder) error {
	_, err := n.db.write.ExecContext(ctx, `DELETE FROM reminders WHERE user_id = $1 AND conversation = $2 AND due_us = $3 AND seq = $4`,
		r.User, r.Conversation, r.Claim, int64(r.Seq))
	return wrap("forget reminder", err)
}

// Keep implements [notice.Notices].
func (n *Notice) Keep(ctx context.Context, w notice.Notice, wait time.Duration) (kept notice.Notice, err error) {
	err = n.db.tx(ctx, func(tx *sql.Tx) error {
		now := n.db.now()
		if _, err := tx.ExecContext(ctx, `INSERT INTO notices (id, user_id, class, channels, made_us, due_us)
			VALUES ($1, $2, $3, $4, `+now+`, `+now+` + $5) ON CONFLICT (id) DO NOTHING`,
			w.ID, w.User, w.Class, strings.Join(w.Channels, ","), wait.Microseconds()); err != nil {
			return err
		}
		kept, err = scanNotice(tx.QueryRowContext(ctx, `SELECT id, user_id, class, channels FROM notices WHERE id = $1`, w.ID))
		return err
	})
	return kept, wrap("keep notice", err)
}

func scanNotice(row scanner, more ...any) (w notice.Notice, err error) {
	var channels string
	err = row.Scan(append([]any{&w.ID, &w.User, &w.Class, &channels}, more...)...)
	w.Channels = strings.Split(channels, ",")
	return w, err
}

// ClaimNotices implements [notice.Notices].
func (n *Notice) ClaimNotices(ctx context.Context, limit int, lease time.Duration) ([]notice.Due, error) {
	if due, err := n.due(ctx, "notices"); err != nil || !due {
		return nil, err
	}
	rows, err := n.db.write.QueryContext(ctx, n.claim("notices", "id", "id, user_id, class, channels, due_us", limit), lease.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("claim notices: %w", err)
	}
	all, err := collect(rows, func(row scanner) (d notice.Due, err error) {
		d.Notice, err = scanNotice(row, &d.Claim)
		return d, err
	})
	return all, wrap("claim notices", err)
}

// Settle implements [notice.Notices].
func (n *Notice) Settle(ctx context.Context, d notice.Due, events ...outbox.Event) (done bool, err error) {
	err = n.db.tx(ctx, func(tx *sql.Tx) error {
		done, err = changed(tx.ExecContext(ctx, `UPDATE notices SET due_us = 0 WHERE id = $1 AND due_us = $2`, d.ID, d.Claim))
		if err != nil || !done {
			return err
		}
		return n.db.appendEvents(ctx, tx, events...)
	})
	return done && err == nil, wrap("settle notice", err)
}

// Delay implements [notice.Notices].
func (n *Notice) Delay(ctx context.Context, d notice.Due, wait time.Duration) error {
	_, err := n.db.write.ExecContext(ctx, `UPDATE notices SET due_us = `+n.db.now()+` + $1 WHERE id = $2 AND due_us = $3`,
		wait.Microseconds(), d.ID, d.Claim)
	return wrap("delay notice", err)
}

// Expire implements [notice.Notices].
func (n *Notice) Expire(ctx context.Context, age time.Duration) error {
	for _, s := range []string{
		`DELETE FROM notices WHERE due_us = 0 AND made_us < ` + n.db.now() + ` - $1`,
		`DELETE FROM reminders WHERE due_us = 0 AND told_us < ` + n.db.now() + ` - $1`,
	} {
		if _, err := n.db.write.ExecContext(ctx, s, age.Microseconds()); err != nil {
			return fmt.Errorf("expire notices: %w", err)
		}
	}
	return nil
}
