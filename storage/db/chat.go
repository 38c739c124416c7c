package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"parley/chat"
)

// Chat is the store of conversations.
type Chat struct{ db *DB }

// Chat returns the store of conversations.
func (d *DB) Chat() *Chat { return &Chat{db: d} }

var _ chat.Store = (*Chat)(nil)

// Find implements [chat.Store].
func (c *Chat) Find(ctx context.Context, key string) (chat.ConversationID, error) {
	id, err := findChat(ctx, c.db.read, key)
	if err != nil {
		return "", fmt.Errorf("find conversation: %w", err)
	}
	return id, nil
}

func findChat(ctx context.Context, q queryer, key string) (id chat.ConversationID, err error) {
	err = q.QueryRowContext(ctx, `SELECT id FROM chat_conversations WHERE platform_key = $1`, key).Scan(&id)
	return id, unknownChat(err)
}

// Open implements [chat.Store]. A crash before the commit leaves nothing, one after it the conversation with its first
// entry; opening again under the same key finds it.
func (c *Chat) Open(ctx context.Context, f chat.Founding) (id chat.ConversationID, err error) {
	err = c.db.tx(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `INSERT INTO chat_conversations (id, platform_key, title, opened_us, starter, head)
			VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT (platform_key) DO NOTHING RETURNING id`,
			f.ID, f.Key, f.Title, micros(f.Opened), f.Starter).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			id, err = findChat(ctx, tx, f.Key)
			return err
		}
		if err != nil {
			return err
		}
		if err := foundChat(ctx, tx, f); err != nil {
			return err
		}
		return c.db.appendEvents(ctx, tx, eventsAt([]chat.Row{f.First}, []chat.Placed{{Seq: 1, Time: f.First.Time}})...)
	})
	if err != nil {
		return "", fmt.Errorf("open conversation: %w", err)
	}
	return id, nil
}

func foundChat(ctx context.Context, tx *sql.Tx, f chat.Founding) error {
	for i, t := range f.Seats {
		if _, err := tx.ExecContext(ctx, `INSERT INTO chat_members
			(conversation, user_id, place, role, company, name, disclosed, delivered, read_to)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0)`,
			f.ID, t.User, i, t.Role, t.Company, t.Name, flag(t.Disclosed)); err != nil {
			return err
		}
	}
	r := f.First
	_, err := tx.ExecContext(ctx, `INSERT INTO chat_entries (conversation, seq, sender, cid, time_us, type, sealed)
		VALUES ($1, 1, $2, $3, $4, $5, $6)`, f.ID, r.Sender, r.CID, micros(r.Time), r.Type, r.Sealed)
	return err
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Append implements [chat.Store]. A crash before the commit leaves nothing, heads included; one after it leaves the whole
// batch, and a repeat of its rows finds them.
func (c *Chat) Append(ctx context.Context, b chat.Batch) (out chat.Outcome, err error) {
	if c.db.dialect == postgresDialect && !slices.ContainsFunc(b.Rows, stepping) {
		out, err = c.appendPostgres(ctx, b)
	} else {
		out, err = c.appendEach(ctx, b)
	}
	if err != nil {
		return chat.Outcome{}, fmt.Errorf("append to log: %w", err)
	}
	return out, nil
}
