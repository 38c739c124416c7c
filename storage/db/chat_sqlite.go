package db

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"parley/chat"
	"parley/internal/outbox"
)

// appendEach goes row by row: on SQLite a statement is a call, not a round trip, and on PostgreSQL only batches with steps come
// here.
func (c *Chat) appendEach(ctx context.Context, b chat.Batch) (out chat.Outcome, err error) {
	err = c.db.tx(ctx, func(tx *sql.Tx) error {
		if err := c.lockEach(ctx, tx, b); err != nil {
			return err
		}
		if out, err = appendChat(ctx, tx, b); err != nil {
			return err
		}
		return c.db.appendEvents(ctx, tx, eventsAt(b.Rows, out.Rows)...)
	})
	return out, err
}

// eventsAt are the events of the rows that were stored.
func eventsAt(rows []chat.Row, placed []chat.Placed) []outbox.Event {
	var events []outbox.Event
	for i, r := range rows {
		if e, ok := r.EventAt(placed[i]); ok {
			events = append(events, e)
		}
	}
	return events
}

func appendChat(ctx context.Context, tx *sql.Tx, b chat.Batch) (out chat.Outcome, err error) {
	if out.Rows, err = appendRows(ctx, tx, b.Rows); err != nil {
		return out, err
	}
	out.Marks = make([]chat.Moved, len(b.Marks))
	for i, m := range b.Marks {
		if out.Marks[i], err = markChat(ctx, tx, m); err != nil {
			return out, err
		}
	}
	return out, nil
}

// appendRows raises each conversation's head by the number of its rows, then inserts the rows below the new heads; what turned
// out to be a repeat is taken off the head again.
func appendRows(ctx context.Context, tx *sql.Tx, rows []chat.Row) ([]chat.Placed, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	heads, err := raiseHeads(ctx, tx, rows)
	if err != nil {
		return nil, err
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO chat_entries (conversation, seq, sender, cid, time_us, type, sealed)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (conversation, sender, cid) DO NOTHING`)
	if err != nil {
		return nil, err
	}
	defer insert.Close()
	placed := make([]chat.Placed, len(rows))
	for i, r := range rows {
		h := heads[r.Conversation]
		if h == nil {
			placed[i].Err = chat.ErrUnknown
			continue
		}
		if placed[i], err = placeRow(ctx, tx, insert, r, h); err != nil {
			return nil, rowError(i, err)
		}
	}
	return placed, lowerHeads(ctx, tx, heads)
}

// head is how far a conversation got within a transaction: given is the last seq given, raised what the row says.
type head struct{ given, raised uint64 }

func raiseHeads(ctx context.Context, tx *sql.Tx, rows []chat.Row) (map[chat.ConversationID]*head, error) {
	count := map[chat.ConversationID]uint64{}
	for _, r := range rows {
		count[r.Conversation]++
	}
	raise, err := tx.PrepareContext(ctx, `UPDATE chat_conversations SET head = head + $1 WHERE id = $2 RETURNING head`)
	if err != nil {
		return nil, err
	}
	defer raise.Close()
	heads := make(map[chat.ConversationID]*head, len(count))
	for _, id := range sortedKeys(count) {
		var raised uint64
		err := raise.QueryRowContext(ctx, int64(count[id]), id).Scan(&raised)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		heads[id] = &head{given: raised - count[id], raised: raised}
	}
	return heads, nil
}

func sortedKeys[V any](m map[chat.ConversationID]V) []chat.ConversationID {
	keys := make([]chat.ConversationID, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func placeRow(ctx context.Context, tx *sql.Tx, insert *sql.Stmt, r chat.Row, h *head) (chat.Placed, error) {
	if stepping(r) {
		if p, err := step(ctx, tx, r, h.given+1); err != nil || p != (chat.Placed{}) {
			return p, err
		}
	}
	res, err := insert.ExecContext(ctx, r.Conversation, int64(h.given+1), r.Sender, r.CID, micros(r.Time), r.Type, r.Sealed)
	if err != nil {
		return chat.Placed{}, err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return chat.Placed{}, err
	}
	if n == 0 {
		return originalRow(ctx, tx, r)
	}
	h.given++
	if r.Discloses != "" {
		_, err = tx.ExecContext(ctx, `UPDATE chat_members SET disclosed = 1 WHERE conversation = $1 AND user_id = $2`,
			r.Conversation, r.Discloses)
	}
	return chat.Placed{Seq: h.given, Time: r.Time}, err
}

func originalRow(ctx context.Context, q queryer, r chat.Row) (chat.Placed, error) {
	p, at := chat.Placed{Dup: true}, int64(0)
	err := q.QueryRowContext(ctx, `SELECT seq, time_us FROM chat_entries WHERE conversation = $1 AND sender = $2 AND cid = $3`,
		r.Conversation, r.Sender, r.CID).Scan(&p.Seq, &at)
	p.Time = fromMicros(at)
	return p, err
}

func lowerHeads(ctx context.Context, tx *sql.Tx, heads map[chat.ConversationID]*head) error {
	for _, id := range sortedKeys(heads) {
		h := heads[id]
		if h.given == h.raised {
			continue
		}
		if _, err := tx.ExecContext(ctx, `UPDATE chat_conversations SET head = $1 WHERE id = $2`, int64(h.given), id); err != nil {
			return err
		}
	}
	return nil
}

// rowError names the row if it is the row's own fault: a constraint, a type or a size.
func rowError(i int, err error) error {
	if rowFault(err) {
		return &chat.RowError{Index: i, Err: err}
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return &chat.RowError{Index: i, Err: err}
	}
	return err
}

// markChat moves the cursors up to the head at most. Comparing inside the statement keeps them from going back whatever
// other transactions do.
func markChat(ctx context.Context, tx *sql.Tx, m chat.Mark) (chat.Moved, error) {
	c := chat.Cursor{Conversation: m.Conversation, User: m.User}
	var top uint64
	err := tx.QueryRowContext(ctx, `SELECT c.head, m.delivered, m.read_to FROM chat_members m
		JOIN chat_conversations c ON c.id = m.conversation WHERE m.conversation = $1 AND m.user_id = $2`,
		m.Conversation, m.User).Scan(&top, &c.Delivered, &c.Read)
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Moved{Err: chat.ErrUnknown}, nil
	}
	if err != nil {
		return chat.Moved{}, err
	}
	read := min(m.Read, top)
	delivered := max(min(m.Delivered, top), read)
	if delivered <= c.Delivered && read <= c.Read {
		return chat.Moved{Cursor: c}, nil
	}
	arrived := delivered > c.Delivered
	err = tx.QueryRowContext(ctx, `UPDATE chat_members SET
		delivered = CASE WHEN delivered < $1 THEN $1 ELSE delivered END,
		read_to = CASE WHEN read_to < $2 THEN $2 ELSE read_to END
		WHERE conversation = $3 AND user_id = $4 RETURNING delivered, read_to`,
		int64(delivered), int64(read), m.Conversation, m.User).Scan(&c.Delivered, &c.Read)
	return chat.Moved{Cursor: c, Moved: true, Delivered: arrived}, err
}
