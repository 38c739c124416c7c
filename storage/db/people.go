package db

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"parley/chat/people"
	"parley/internal/identity"
)

// People is the [people.Store].
func (d *DB) People() people.Store { return persons{d} }

type persons struct{ db *DB }

func (s persons) Load(ctx context.Context, owners []people.Hash) (map[people.Hash]people.Row, error) {
	found := map[people.Hash]people.Row{}
	for some := range slices.Chunk(owners, 256) {
		if err := s.load(ctx, some, found); err != nil {
			return nil, fmt.Errorf("load people: %w", err)
		}
	}
	return found, nil
}

// load reads some rows. Their number is filled up to a power of two, by repeats, so that there are few different statements.
func (s persons) load(ctx context.Context, owners []people.Hash, found map[people.Hash]people.Row) error {
	var args []any
	var places strings.Builder
	for i := range 1 << bits.Len(uint(len(owners)-1)) {
		args = append(args, owners[min(i, len(owners)-1)][:])
		fmt.Fprintf(&places, ", $%d", i+1)
	}
	rows, err := s.db.read.QueryContext(ctx, `SELECT owner, version, sealed, closed_us FROM people WHERE owner IN (`+
		places.String()[2:]+`)`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var owner []byte
		var r people.Row
		var closed int64
		if err := rows.Scan(&owner, &r.Version, &r.Sealed, &closed); err != nil {
			return err
		}
		r.Closed = fromMicros(closed)
		found[people.Hash(owner)] = r
	}
	return rows.Err()
}

// Put is one statement: a row at the version becomes one at the next. Where the version is 0 there may be no row yet.
func (s persons) Put(ctx context.Context, owner people.Hash, version uint64, sealed []byte) error {
	put, args := `UPDATE people SET sealed = $2, version = version + 1 WHERE owner = $1 AND version = $3 AND closed_us = 0`,
		[]any{owner[:], nonNil(sealed), int64(version)}
	if version == 0 {
		put, args = `INSERT INTO people (owner, version, sealed, closed_us) VALUES ($1, 1, $2, 0) ON CONFLICT (owner)
			DO UPDATE SET sealed = excluded.sealed, version = 1 WHERE people.version = 0 AND people.closed_us = 0`, args[:2]
	}
	changed, err := s.exec(ctx, put, args...)
	if err == nil && changed == 0 {
		return people.ErrStale
	}
	return wrap("put document", err)
}

// exec is a transaction of one statement. It returns how many rows the statement changed.
func (s persons) exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	err = s.db.tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		changed, err = done.RowsAffected()
		return err
	})
	return changed, err
}

// Close deletes the contacts in the same transaction, in the order of those who take contacts.
func (s persons) Close(ctx context.Context, owner people.Hash, at time.Time) error {
	return wrap("close account", s.db.tx(ctx, func(tx *sql.Tx) error {
		if err := s.db.serialize(ctx, tx, contactQueue(owner)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO people (owner, version, sealed, closed_us) VALUES ($1, 1, $2, $3)
			ON CONFLICT (owner) DO UPDATE SET sealed = excluded.sealed, version = people.version + 1, quota = NULL,
			closed_us = excluded.closed_us WHERE people.closed_us = 0`, owner[:], []byte{}, micros(at))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM people_contacts WHERE owner = $1`, owner[:])
		return err
	}))
}

// contactQueue orders the contacts of one person, so that nodes together stay within the limit.
func contactQueue(owner people.Hash) queue {
	return 0x7061726f_00000000 | queue(binary.BigEndian.Uint32(owner[:4]))
}

// Take looks, counts and inserts while no other transaction counts the same person's contacts. A crash before the commit leaves
// the contact uncounted.
func (s persons) Take(ctx context.Context, c people.Contact) (count people.Count, err error) {
	err = s.db.tx(ctx, func(tx *sql.Tx) error {
		if err := s.db.serialize(ctx, tx, contactQueue(c.Owner)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, s.sweep(), c.Day-people.KeptDays); err != nil {
			return err
		}
		if count, err = countContacts(ctx, tx, c.Owner, c.Day, c.Normal); err != nil {
			return err
		}
		return takeContact(ctx, tx, c, &count)
	})
	if err != nil {
		return people.Count{}, fmt.Errorf("take contact: %w", err)
	}
	return count, nil
}

func takeContact(ctx context.Context, tx *sql.Tx, c people.Contact, count *people.Count) error {
	var known bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM people_contacts WHERE owner = $1 AND contact = $2)`,
		c.Owner[:], c.Key[:]).Scan(&known)
	if err != nil || known {
		return err
	}
	if count.Used >= count.Limit {
		return people.ErrFull
	}
	count.Used++
	_, err = tx.ExecContext(ctx, `INSERT INTO people_contacts (owner, contact, day) VALUES ($1, $2, $3)`, c.Owner[:], c.Key[:], c.Day)
	return err
}

// sweep deletes contacts of before a day, some at a time. On PostgreSQL it leaves to others what they are deleting.
func (s persons) sweep() string {
	old := fmt.Sprintf(`SELECT owner, contact FROM people_contacts WHERE day < $1 ORDER BY day LIMIT %d`, sweepMost)
	if s.db.dialect == postgresDialect {
		old += ` FOR UPDATE SKIP LOCKED`
	}
	return `DELETE FROM people_contacts WHERE (owner, contact) IN (` + old + `)`
}

func (s persons) Count(ctx context.Context, owner people.Hash, day people.Day, normal int) (people.Count, error) {
	count, err := countContacts(ctx, s.db.read, owner, day, normal)
	return count, wrap("count contacts", err)
}

func countContacts(ctx context.Context, q queryer, owner people.Hash, day people.Day, normal int) (c people.Count, err error) {
	err = q.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM people_contacts WHERE owner = $1 AND day = $2),
		COALESCE((SELECT quota FROM people WHERE owner = $1), $3)`, owner[:], day, normal).Scan(&c.Used, &c.Limit)
	return c, err
}

func (s persons) SetLimit(ctx context.Context, owner people.Hash, limit *int) error {
	_, err := s.exec(ctx, `INSERT INTO people (owner, version, sealed, quota, closed_us) VALUES ($1, 0, $2, $3, 0)
		ON CONFLICT (owner) DO UPDATE SET quota = excluded.quota WHERE people.closed_us = 0`, owner[:], []byte{}, limit)
	return wrap("set limit", err)
}

// lately selects the conversations of a candidate that were written to since $2, with who wrote first and when. Only entries of
// people count.
const lately = `SELECT c.id, c.head,
		(SELECT f.sender FROM chat_entries f WHERE f.conversation = c.id AND f.sender <> '' ORDER BY f.seq LIMIT 1) AS starter,
		(SELECT f.time_us FROM chat_entries f WHERE f.conversation = c.id AND f.sender <> '' ORDER BY f.seq LIMIT 1) AS started_us
	FROM chat_members m JOIN chat_conversations c ON c.id = m.conversation
	JOIN chat_entries l ON l.conversation = c.id AND l.seq = c.head
	WHERE m.user_id = $1 AND m.role = 'candidate' AND l.time_us >= $2`

// Activity reads in one statement, so at one moment.
func (s persons) Activity(ctx context.Context, user identity.UserID, since time.Time) (a people.Activity, err error) {
	rows, err := s.db.read.QueryContext(ctx, `WITH lately AS (`+lately+`)
		SELECT v.id, v.starter = $1, v.started_us >= $2, e.hour FROM lately v LEFT JOIN
			(SELECT DISTINCT w.conversation, w.time_us / 3600000000 AS hour FROM lately v JOIN chat_entries w
				ON w.conversation = v.id AND w.seq > v.head - $3 WHERE w.sender = $1 AND w.time_us >= $2) e
			ON e.conversation = v.id
		WHERE v.starter IS NOT NULL ORDER BY e.hour, v.id`, user, micros(since), people.ActivityDepth)
	if err != nil {
		return a, fmt.Errorf("count activity: %w", err)
	}
	defer rows.Close()
	seen := map[string]bool{}
	for rows.Next() {
		var r active
		if err := rows.Scan(&r.conversation, &r.own, &r.fresh, &r.hour); err != nil {
			return a, fmt.Errorf("count activity: %w", err)
		}
		r.add(&a, !seen[r.conversation])
		seen[r.conversation] = true
	}
	return a, wrap("count activity", rows.Err())
}

// active is a conversation and an hour in which the candidate wrote there, if there is one.
type active struct {
	conversation string
	own          bool // the candidate started it
	fresh        bool // it was started since
	hour         sql.NullInt64
}

// add counts it; first says that it is the first row of the conversation.
func (r active) add(a *people.Activity, first bool) {
	switch {
	case !first:
	case r.own && r.fresh:
		a.Started++
	case !r.own && r.fresh:
		a.Received++
	}
	if first && !r.own && r.hour.Valid {
		a.Replies++
	}
	hour := time.Unix(r.hour.Int64*3600, 0).UTC()
	if n := len(a.Hours); r.hour.Valid && (n == 0 || !a.Hours[n-1].Equal(hour)) {
		a.Hours = append(a.Hours, hour)
	}
}
