package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"parley/chat/crowd"
	"parley/internal/identity"
)

// Crowd is the store of rooms of thousands.
type Crowd struct{ db *DB }

// Crowd returns the store of rooms of thousands.
func (d *DB) Crowd() *Crowd { return &Crowd{db: d} }

var _ crowd.Store = (*Crowd)(nil)

const crowdRoomColumns = `id, platform_key, title, opened_us, closed_us, slow_us, head`

// Open implements [crowd.Store]. A crash before the commit leaves nothing; opening again under the same key finds the room.
func (c *Crowd) Open(ctx context.Context, r crowd.Room) (room crowd.Room, err error) {
	err = c.db.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO crowd_rooms (`+crowdRoomColumns+`) VALUES ($1, $2, $3, $4, 0, $5, 0)
			ON CONFLICT (platform_key) DO NOTHING`, r.ID, r.Key, r.Title, micros(r.Opened), r.Slow.Microseconds())
		if err != nil {
			return err
		}
		room, err = scanRoom(tx.QueryRowContext(ctx, `SELECT `+crowdRoomColumns+` FROM crowd_rooms WHERE platform_key = $1`, r.Key))
		return err
	})
	if err != nil {
		return crowd.Room{}, fmt.Errorf("open room: %w", err)
	}
	return room, nil
}

// Load implements [crowd.Store].
func (c *Crowd) Load(ctx context.Context, id crowd.RoomID) (crowd.Room, error) {
	r, err := scanRoom(c.db.read.QueryRowContext(ctx, `SELECT `+crowdRoomColumns+` FROM crowd_rooms WHERE id = $1`, id))
	if err != nil {
		return crowd.Room{}, fmt.Errorf("load room: %w", err)
	}
	return r, nil
}

func scanRoom(row *sql.Row) (r crowd.Room, err error) {
	var opened, closed, slow int64
	err = row.Scan(&r.ID, &r.Key, &r.Title, &opened, &closed, &slow, &r.Head)
	r.Opened, r.Slow = fromMicros(opened), time.Duration(slow)*time.Microsecond
	if closed != 0 {
		r.Closed = fromMicros(closed)
	}
	return r, unknownRoom(err)
}

// unknownRoom turns "no row" into crowd.ErrUnknown.
func unknownRoom(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return crowd.ErrUnknown
	}
	return err
}

// Change implements [crowd.Store]. It is one statement.
func (c *Crowd) Change(ctx context.Context, id crowd.RoomID, slow *time.Duration, closed *time.Time) (crowd.Room, error) {
	var slowUS, closedUS sql.NullInt64
	if slow != nil {
		slowUS = sql.NullInt64{Int64: slow.Microseconds(), Valid: true}
	}
	if closed != nil {
		closedUS = sql.NullInt64{Int64: micros(*closed), Valid: true}
	}
	var r crowd.Room
	err := c.db.tx(ctx, func(tx *sql.Tx) (err error) {
		r, err = scanRoom(tx.QueryRowContext(ctx, `UPDATE crowd_rooms SET slow_us = COALESCE($1, slow_us),
			closed_us = CASE WHEN closed_us = 0 THEN COALESCE(CAST($2 AS BIGINT), 0) ELSE closed_us END WHERE id = $3 RETURNING `+crowdRoomColumns,
			slowUS, closedUS, id))
		return err
	})
	if err != nil {
		return crowd.Room{}, fmt.Errorf("change room: %w", err)
	}
	return r, nil
}

// Append implements [crowd.Store]. The room's row is locked first, by raising its head, so that seqs are dense over all nodes; a
// crash before the commit leaves nothing.
func (c *Crowd) Append(ctx context.Context, id crowd.RoomID, rows []crowd.Row) (placed []crowd.Placed, err error) {
	err = c.db.tx(ctx, func(tx *sql.Tx) error {
		var head uint64
		err := tx.QueryRowContext(ctx, `UPDATE crowd_rooms SET head = head + $1 WHERE id = $2 RETURNING head`, len(rows), id).Scan(&head)
		if err != nil {
			return unknownRoom(err)
		}
		given := head - uint64(len(rows))
		if placed, err = c.insert(ctx, tx, id, rows, &given); err != nil || given == head {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE crowd_rooms SET head = $1 WHERE id = $2`, int64(given), id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("append to room: %w", err)
	}
	return placed, nil
}

func (c *Crowd) insert(ctx context.Context, tx *sql.Tx, id crowd.RoomID, rows []crowd.Row, given *uint64) ([]crowd.Placed, error) {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO crowd_entries (room, seq, user_id, cid, time_us, type, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (room, user_id, cid) DO NOTHING`)
	if err != nil {
		return nil, err
	}
	defer insert.Close()
	placed := make([]crowd.Placed, len(rows))
	for i, r := range rows {
		res, err := insert.ExecContext(ctx, id, int64(*given+1), r.User, r.CID, micros(r.Time), r.Type, r.Sealed)
		if err != nil {
			return nil, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return nil, err
		}
		if n == 1 {
			*given++
			placed[i] = crowd.Placed{Seq: *given}
			continue
		}
		placed[i].Dup = true
		err = tx.QueryRowContext(ctx, `SELECT seq FROM crowd_entries WHERE room = $1 AND user_id = $2 AND cid = $3`, id, r.User, r.CID).Scan(&placed[i].Seq)
		if err != nil {
			return nil, err
		}
	}
	return placed, nil
}

// Read implements [crowd.Store].
func (c *Crowd) Read(ctx context.Context, id crowd.RoomID, after uint64, limit int) ([]crowd.Entry, error) {
	rows, err := c.db.read.QueryContext(ctx, `SELECT seq, user_id, cid, time_us, type, sealed FROM crowd_entries
		WHERE room = $1 AND seq > $2 ORDER BY seq LIMIT $3`, id, seqArg(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read room: %w", err)
	}
	defer rows.Close()
	var log []crowd.Entry
	for rows.Next() {
		var e crowd.Entry
		var at int64
		if err := rows.Scan(&e.Seq, &e.User, &e.CID, &at, &e.Type, &e.Sealed); err != nil {
			return nil, fmt.Errorf("read room: %w", err)
		}
		e.Time = fromMicros(at)
		log = append(log, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read room: %w", err)
	}
	return log, nil
}

// Person implements [crowd.Store].
func (c *Crowd) Person(ctx context.Context, id crowd.RoomID, user identity.UserID) (crowd.Person, error) {
	p, host, muted := crowd.Person{User: user}, 0, int64(0)
	err := c.db.read.QueryRowContext(ctx, `SELECT host, name, muted_us FROM crowd_people WHERE room = $1 AND user_id = $2`, id, user).
		Scan(&host, &p.Name, &muted)
	if err != nil {
		return crowd.Person{}, fmt.Errorf("look up person: %w", unknownRoom(err))
	}
	p.Host = host == 1
	if muted != 0 {
		p.MutedUntil = fromMicros(muted)
	}
	return p, nil
}

// SetPerson implements [crowd.Store]. It is one statement.
func (c *Crowd) SetPerson(ctx context.Context, id crowd.RoomID, p crowd.Person) error {
	muted := int64(0)
	if !p.MutedUntil.IsZero() {
		muted = micros(p.MutedUntil)
	}
	err := c.db.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO crowd_people (room, user_id, host, name, muted_us) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (room, user_id) DO UPDATE SET host = excluded.host, name = excluded.name, muted_us = excluded.muted_us`,
			id, p.User, flag(p.Host), p.Name, muted)
		return err
	})
	if err != nil {
		return fmt.Errorf("store person: %w", err)
	}
	return nil
}
