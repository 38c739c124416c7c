package db

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"parley/internal/identity/grant"
)

// Grants is the [grant.Store].
func (d *DB) Grants() grant.Store { return grants{d} }

type grants struct{ db *DB }

// sweepMost bounds how many ended grants one new grant deletes.
const sweepMost = 1000

// grantQueue orders what is given to one owner, so that all together stay within the bound.
func grantQueue(owner grant.Hash) queue {
	return 0x7061726e_00000000 | queue(binary.BigEndian.Uint32(owner[:4]))
}

func (s grants) Give(ctx context.Context, rows []grant.Row) error {
	if len(rows) == 0 {
		return nil
	}
	return wrap("give grants", s.db.tx(ctx, func(tx *sql.Tx) error {
		if err := s.db.serialize(ctx, tx, grantQueue(rows[0].Owner)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, s.sweep()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM grants WHERE word IN (SELECT word FROM grants
			WHERE owner = $1 AND ends_us > `+s.db.now()+` ORDER BY used_us DESC LIMIT 1000000 OFFSET $2)`,
			rows[0].Owner[:], max(0, grant.PerUser-len(rows)))
		if err != nil {
			return err
		}
		insert, args := s.insert(rows)
		_, err = tx.ExecContext(ctx, insert, args...)
		return err
	}))
}

// sweep deletes what has ended. On PostgreSQL it leaves to others what they are deleting.
func (s grants) sweep() string {
	ended := fmt.Sprintf(`SELECT word FROM grants WHERE ends_us <= %s ORDER BY ends_us LIMIT %d`, s.db.now(), sweepMost)
	if s.db.dialect == postgresDialect {
		ended += ` FOR UPDATE SKIP LOCKED`
	}
	return `DELETE FROM grants WHERE word IN (` + ended + `)`
}

// insert is one statement for all rows: when they end is for the database's clock to say.
func (s grants) insert(rows []grant.Row) (string, []any) {
	now := s.db.now()
	args := []any{grant.Start.Microseconds(), grant.Longest.Microseconds()}
	values := make([]string, len(rows))
	for i, r := range rows {
		n := len(args)
		last := s.db.least(now+` + $2`, fmt.Sprintf("$%d", n+4))
		values[i] = fmt.Sprintf(`($%d, $%d, $%d, %s, %s, %s)`, n+1, n+2, n+3, now, s.db.least(now+` + $1`, last), last)
		args = append(args, r.Word[:], r.Owner[:], nonNil(r.Sealed), micros(r.Until))
	}
	return `INSERT INTO grants (word, owner, sealed, used_us, ends_us, last_us) VALUES ` + strings.Join(values, ", "), args
}

// Use reads, and writes only when the end has to move. A crash in between leaves the end as it was.
func (s grants) Use(ctx context.Context, word grant.Hash) (grant.Used, error) {
	var sealed []byte
	var left, most int64
	err := s.db.read.QueryRowContext(ctx, `SELECT sealed, ends_us - now, last_us - now FROM
		(SELECT sealed, ends_us, last_us, `+s.db.now()+` AS now FROM grants WHERE word = $1) g WHERE ends_us > now`,
		word[:]).Scan(&sealed, &left, &most)
	if err != nil {
		return grant.Used{}, noGrant(err)
	}
	if min(grant.Idle.Microseconds(), most)-left >= grant.Push.Microseconds() {
		err = s.db.write.QueryRowContext(ctx, `UPDATE grants SET used_us = now, ends_us = `+s.db.least(`now + $2`, `last_us`)+`
			FROM (SELECT `+s.db.now()+` AS now) clock WHERE word = $1 AND ends_us > now RETURNING ends_us - used_us`,
			word[:], grant.Idle.Microseconds()).Scan(&left)
		if err != nil {
			return grant.Used{}, noGrant(err)
		}
	}
	return grant.Used{Sealed: sealed, Left: time.Duration(left) * time.Microsecond}, nil
}

func noGrant(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return grant.ErrEnded
	}
	return fmt.Errorf("use grant: %w", err)
}

// least is an SQL expression for the smaller of two.
func (d *DB) least(a, b string) string {
	if d.dialect == postgresDialect {
		return `LEAST(` + a + `, ` + b + `)`
	}
	return `MIN(` + a + `, ` + b + `)`
}
