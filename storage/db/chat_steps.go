package db

import (
	"context"
	"database/sql"
	"errors"

	"parley/chat"
)

// stepping is whether the row does more than to stand in the log.
func stepping(r chat.Row) bool { return r.Turn != nil || r.Revises != nil }

// lockEach locks the conversations of the batch in the order of their ids, as other batches do (see lockChats). SQLite has one
// writer anyway.
func (c *Chat) lockEach(ctx context.Context, tx *sql.Tx, b chat.Batch) error {
	if c.db.dialect != postgresDialect {
		return nil
	}
	_, err := tx.ExecContext(ctx, lockChats, chatsOf(b.Rows, b.Marks))
	return err
}

// step does what a row brings with it, before the row is inserted at that seq. A row that is in the log already did it then;
// it has a place, as one that may not be stored has an error in it.
func step(ctx context.Context, tx *sql.Tx, r chat.Row, at chat.Seq) (chat.Placed, error) {
	p, err := originalRow(ctx, tx, r)
	if err == nil || !errors.Is(err, sql.ErrNoRows) {
		return p, err
	}
	if r.Revises != nil {
		recalled, err := isRecalled(ctx, tx, r)
		if err != nil {
			return chat.Placed{}, err
		}
		if recalled {
			return chat.Placed{Err: chat.ErrRecalled}, nil
		}
	}
	if r.Turn != nil {
		taken, err := takeTurn(ctx, tx, r, at)
		if err != nil {
			return chat.Placed{}, err
		}
		if !taken {
			return chat.Placed{Err: chat.ErrTurn}, nil
		}
	}
	if r.Revises != nil {
		return chat.Placed{}, reviseChat(ctx, tx, r, at)
	}
	return chat.Placed{}, nil
}

func isRecalled(ctx context.Context, tx *sql.Tx, r chat.Row) (recalled bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM chat_revisions WHERE conversation = $1 AND target = $2 AND kind = $3)`,
		r.Conversation, int64(r.Revises.Target), chat.TypeRecall).Scan(&recalled)
	return recalled, err
}

func reviseChat(ctx context.Context, tx *sql.Tx, r chat.Row, at chat.Seq) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO chat_revisions (conversation, target, root, seq, kind) VALUES ($1, $2, $2, $3, $4)
		ON CONFLICT (conversation, target) DO UPDATE SET seq = excluded.seq, kind = excluded.kind`,
		r.Conversation, int64(r.Revises.Target), int64(at), r.Revises.Kind)
	if err != nil {
		return err
	}
	if r.Revises.Kind == chat.TypeEdit {
		_, err = tx.ExecContext(ctx, `INSERT INTO chat_revisions (conversation, target, root, seq, kind) VALUES ($1, $2, $3, $2, $4)`,
			r.Conversation, int64(at), int64(r.Revises.Target), chat.TypeEdit)
		if err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE chat_conversations SET revised = 1 WHERE id = $1 AND revised = 0`, r.Conversation)
	return err
}

// takeTurn says whether the thing was in the state that the step begins from.
func takeTurn(ctx context.Context, tx *sql.Tx, r chat.Row, at chat.Seq) (bool, error) {
	t := r.Turn
	if t.From == "" {
		return tookTurn(tx.ExecContext(ctx, `INSERT INTO chat_things
			(conversation, id, kind, what, state, opener, seq, changed_us, expires_us, sealed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (conversation, id) DO NOTHING`,
			r.Conversation, t.Thing, t.Kind, t.What, t.To, t.Opener, int64(at), micros(r.Time), micros(t.Expires), blob(t.Sealed)))
	}
	return tookTurn(tx.ExecContext(ctx, `UPDATE chat_things SET state = $1, seq = $2, changed_us = $3, expires_us = $4,
		sealed = COALESCE($5, sealed)
		WHERE conversation = $6 AND id = $7 AND state = $8 AND ($9 = 0 OR seq = $9)`,
		t.To, int64(at), micros(r.Time), micros(t.Expires), blob(t.Sealed), r.Conversation, t.Thing, t.From, seqArg(t.After)))
}

func tookTurn(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// blob is bytes that may be NULL.
func blob(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}
