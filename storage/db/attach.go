package db

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"parley/chat/attach"
	"parley/internal/identity"
	"parley/storage/object"
)

// Attachments is the [attach.Store] and the [attach.Sweeping].
func (d *DB) Attachments() *Attachments { return &Attachments{d} }

// Attachments keeps attachments in the database.
type Attachments struct{ db *DB }

var (
	_ attach.Store    = (*Attachments)(nil)
	_ attach.Sweeping = (*Attachments)(nil)
)

// The states of an object's row.
const (
	objectClaimed = 0
	objectPart    = 1
	objectKept    = 2
	objectNobodys = 3
)

const attachmentColumns = `id, conversation, owner, kind, name, announced, received, used, done, media, body, size, thumb, thumb_size,
	width, height, duration_ms`

// attachQueue orders what one person begins, so that all together stay within the day's limits.
func attachQueue(u identity.UserID) queue {
	h := fnv.New32a()
	_, _ = h.Write([]byte(u))
	return 0x70617270_00000000 | queue(binary.BigEndian.Uint32(h.Sum(nil)))
}

// Begin implements [attach.Store].
func (a *Attachments) Begin(ctx context.Context, r attach.Row, most attach.Day) error {
	return a.tx(ctx, "begin upload", func(tx *sql.Tx) error {
		if err := a.db.serialize(ctx, tx, attachQueue(r.Owner)); err != nil {
			return err
		}
		var count, bytes int64
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(announced), 0) FROM attachments WHERE owner = $1 AND begun_us > `+
			a.db.now()+` - $2`, string(r.Owner), (24*time.Hour).Microseconds()).Scan(&count, &bytes)
		if err != nil {
			return err
		}
		if count+1 > int64(most.Count) || bytes+r.Announced > most.Bytes {
			return attach.ErrDay
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO attachments (`+attachmentColumns+`, begun_us)
			VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, '', '', 0, '', 0, 0, 0, 0, `+a.db.now()+`)`,
			string(r.ID), string(r.Conversation), string(r.Owner), string(r.Kind), nonNil(r.Name), r.Announced)
		return err
	})
}

// tx names what a transaction was for; the sentinels of the domain come through.
func (a *Attachments) tx(ctx context.Context, what string, f func(*sql.Tx) error) error {
	if err := a.db.tx(ctx, f); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// errBetween says that a row was finished, or ended, before its parts were read.
var errBetween = errors.New("the parts are not those of the row")

// Load implements [attach.Store].
func (a *Attachments) Load(ctx context.Context, id attach.ID) (r attach.Row, err error) {
	for range 3 {
		if r, err = a.load(ctx, id); !errors.Is(err, errBetween) {
			break
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		return attach.Row{}, attach.ErrUnknown
	}
	if err != nil {
		return attach.Row{}, fmt.Errorf("load attachment: %w", err)
	}
	return r, nil
}

func (a *Attachments) load(ctx context.Context, id attach.ID) (attach.Row, error) {
	r, err := scanAttachment(a.db.read.QueryRowContext(ctx, `SELECT `+attachmentColumns+` FROM attachments WHERE id = $1`, string(id)))
	if err == nil && !r.Done && r.Received > 0 {
		r.Parts, err = a.parts(ctx, id, r.Received)
	}
	return r, err
}

// parts are those up to what was received when the row was read: others may have come since.
func (a *Attachments) parts(ctx context.Context, id attach.ID, received int64) ([]attach.Part, error) {
	rows, err := a.db.read.QueryContext(ctx, `SELECT object, start, size FROM attachment_objects
		WHERE attachment = $1 AND state = $2 AND start < $3 ORDER BY start`, string(id), objectPart, received)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []attach.Part
	next := int64(0)
	for rows.Next() {
		var p attach.Part
		if err := rows.Scan(&p.Object, &p.Start, &p.Size); err != nil {
			return nil, err
		}
		if p.Start != next {
			return nil, errBetween
		}
		next += p.Size
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if next != received {
		return nil, errBetween
	}
	return all, nil
}

func scanAttachment(row scanner) (r attach.Row, err error) {
	var used, done, ms int64
	err = row.Scan(&r.ID, &r.Conversation, &r.Owner, &r.Kind, &r.Name, &r.Announced, &r.Received, &used, &done, &r.Media, &r.Body, &r.Size,
		&r.Thumb, &r.ThumbSize, &r.Width, &r.Height, &ms)
	r.Used, r.Done, r.Duration = used == 1, done == 1, time.Duration(ms)*time.Millisecond
	return r, err
}

// Claim implements [attach.Store].
func (a *Attachments) Claim(ctx context.Context, id attach.ID, objects ...object.Key) error {
	return a.tx(ctx, "claim objects", func(tx *sql.Tx) error {
		if _, err := a.lock(ctx, tx, id); err != nil {
			return err
		}
		for _, o := range objects {
			_, err := tx.ExecContext(ctx, `INSERT INTO attachment_objects (object, attachment, state, start, size, claimed_us)
				VALUES ($1, $2, $3, 0, 0, `+a.db.now()+`)`, string(o), string(id), objectClaimed)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// lock keeps others from the row until the transaction ends. Of a row that is done it says [attach.ErrMoved].
func (a *Attachments) lock(ctx context.Context, tx *sql.Tx, id attach.ID) (received int64, err error) {
	forUpdate := ``
	if a.db.dialect == postgresDialect {
		forUpdate = ` FOR UPDATE`
	}
	var done int64
	err = tx.QueryRowContext(ctx, `SELECT received, done FROM attachments WHERE id = $1`+forUpdate, string(id)).Scan(&received, &done)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, attach.ErrUnknown
	}
	if err == nil && done == 1 {
		err = attach.ErrMoved
	}
	return received, err
}

// Advance implements [attach.Store].
func (a *Attachments) Advance(ctx context.Context, id attach.ID, p attach.Part) error {
	return a.tx(ctx, "count part", func(tx *sql.Tx) error {
		received, err := a.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if received != p.Start {
			return attach.ErrMoved
		}
		if err := a.refer(ctx, tx, id, p.Object, objectPart, p); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE attachments SET received = $2 WHERE id = $1`, string(id), p.Start+p.Size)
		return err
	})
}

// refer takes an object that was claimed, unless it was given up.
func (a *Attachments) refer(ctx context.Context, tx *sql.Tx, id attach.ID, o object.Key, state int, p attach.Part) error {
	res, err := tx.ExecContext(ctx, `UPDATE attachment_objects SET state = $3, start = $4, size = $5
		WHERE object = $1 AND attachment = $2 AND state = $6`, string(o), string(id), state, p.Start, p.Size, objectClaimed)
	return affected(res, err, attach.ErrLost)
}

// affected is none if a statement changed no row.
func affected(res sql.Result, err, none error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = none
	}
	return err
}

// Finish implements [attach.Store].
func (a *Attachments) Finish(ctx context.Context, id attach.ID, s attach.Stored) error {
	return a.tx(ctx, "finish upload", func(tx *sql.Tx) error {
		if _, err := a.lock(ctx, tx, id); err != nil {
			return err
		}
		for _, o := range []object.Key{s.Body, s.Thumb} {
			if o == "" {
				continue
			}
			if err := a.refer(ctx, tx, id, o, objectKept, attach.Part{}); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE attachment_objects SET state = $2 WHERE attachment = $1 AND state = $3`,
			string(id), objectNobodys, objectPart)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE attachments SET done = 1, received = announced, media = $2, body = $3, size = $4, thumb = $5,
			thumb_size = $6, width = $7, height = $8, duration_ms = $9 WHERE id = $1`, string(id), s.Media, string(s.Body), s.Size,
			string(s.Thumb), s.ThumbSize, s.Width, s.Height, s.Duration.Milliseconds())
		return err
	})
}

// Use implements [attach.Store].
func (a *Attachments) Use(ctx context.Context, id attach.ID) error {
	res, err := a.db.write.ExecContext(ctx, `UPDATE attachments SET used = 1 WHERE id = $1 AND done = 1`, string(id))
	if err := affected(res, err, attach.ErrUnknown); err != nil {
		return fmt.Errorf("use attachment: %w", err)
	}
	return nil
}

// Orphans implements [attach.Sweeping]. A row that ends is locked first, as by whoever goes on with it: one of them comes later and
// finds what the other did.
func (a *Attachments) Orphans(ctx context.Context, limit int) ([]object.Key, error) {
	var found []object.Key
	err := a.tx(ctx, "find orphans", func(tx *sql.Tx) error {
		if err := a.end(ctx, tx, limit); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE attachment_objects SET state = $1 WHERE state = $2 AND claimed_us < `+a.db.now()+` - $3`,
			objectNobodys, objectClaimed, attach.Put.Microseconds())
		if err != nil {
			return err
		}
		found, err = texts[object.Key](tx.QueryContext(ctx, `SELECT object FROM attachment_objects WHERE state = $1
			ORDER BY claimed_us, object LIMIT $2`, objectNobodys, limit))
		return err
	})
	return found, err
}

// end deletes rows whose life is over; their objects are nobody's.
func (a *Attachments) end(ctx context.Context, tx *sql.Tx, limit int) error {
	over := fmt.Sprintf(`SELECT id FROM attachments WHERE used = 0 AND begun_us < %s - %d ORDER BY begun_us LIMIT %d`,
		a.db.now(), attach.Life.Microseconds(), limit)
	if a.db.dialect == postgresDialect {
		over += ` FOR UPDATE SKIP LOCKED`
	}
	ids, err := texts[attach.ID](tx.QueryContext(ctx, over))
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := tx.ExecContext(ctx, `UPDATE attachment_objects SET state = $2 WHERE attachment = $1`, string(id), objectNobodys)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM attachments WHERE id = $1`, string(id)); err != nil {
			return err
		}
	}
	return nil
}

// texts reads a result of one column.
func texts[T ~string](rows *sql.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var t T
		if err := rows.Scan(&t); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// Forget implements [attach.Sweeping].
func (a *Attachments) Forget(ctx context.Context, objects []object.Key) error {
	if len(objects) == 0 {
		return nil
	}
	marks, args := make([]string, len(objects)), []any{objectNobodys}
	for i, o := range objects {
		args = append(args, string(o))
		marks[i] = fmt.Sprintf("$%d", i+2)
	}
	return a.tx(ctx, "forget orphans", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM attachment_objects WHERE state = $1 AND object IN (`+strings.Join(marks, ", ")+`)`, args...)
		return err
	})
}
