package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"parley/chat"
	"parley/internal/identity"
)

// Place implements [chat.Store].
func (c *Chat) Place(ctx context.Context, id chat.ConversationID, sender identity.UserID, cid chat.ClientID) (chat.Placed, error) {
	p, err := originalRow(ctx, c.db.read, chat.Row{Conversation: id, Sender: sender, CID: cid})
	if err != nil {
		return chat.Placed{}, fmt.Errorf("look up entry: %w", unknownChat(err))
	}
	return p, nil
}

// revisionQuery gives what is shown in place of the entries $2 to $3.
const revisionQuery = `SELECT r.target, l.seq, l.kind, e.cid, e.sealed FROM chat_revisions r
	JOIN chat_revisions l ON l.conversation = r.conversation AND l.target = r.root
	JOIN chat_entries e ON e.conversation = l.conversation AND e.seq = l.seq
	WHERE r.conversation = $1 AND r.target BETWEEN $2 AND $3 AND l.seq <> r.target`

// shown is the page, ascending or descending, with what later entries did to those on it, and the head.
func (c *Chat) shown(ctx context.Context, id chat.ConversationID, page []chat.Entry) ([]chat.Entry, chat.Seq, error) {
	var top chat.Seq
	var revised int
	err := c.db.read.QueryRowContext(ctx, `SELECT head, revised FROM chat_conversations WHERE id = $1`, id).Scan(&top, &revised)
	if err != nil {
		return nil, 0, unknownChat(err)
	}
	if revised == 0 || len(page) == 0 {
		return page, top, nil
	}
	by, err := c.revisions(ctx, id, min(page[0].Seq, page[len(page)-1].Seq), max(page[0].Seq, page[len(page)-1].Seq))
	if err != nil {
		return nil, 0, err
	}
	size := 0
	for i := range page {
		size += len(page[i].Sealed)
		if r, ok := by[page[i].Seq]; ok {
			page[i].Revised = &r
			size += len(r.Sealed)
		}
		if size > chat.MaxPageBytes && i > 0 {
			return page[:i], top, nil
		}
	}
	return page, top, nil
}

func (c *Chat) revisions(ctx context.Context, id chat.ConversationID, low, high chat.Seq) (map[chat.Seq]chat.Revised, error) {
	rows, err := c.db.read.QueryContext(ctx, revisionQuery, id, seqArg(low), seqArg(high))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	by := map[chat.Seq]chat.Revised{}
	for rows.Next() {
		var target chat.Seq
		var r chat.Revised
		if err := rows.Scan(&target, &r.Seq, &r.Kind, &r.CID, &r.Sealed); err != nil {
			return nil, err
		}
		if r.Kind == chat.TypeRecall {
			r.CID, r.Sealed = "", nil
		}
		by[target] = r
	}
	return by, rows.Err()
}

const thingQuery = `SELECT conversation, id, kind, what, state, opener, seq, changed_us, expires_us, sealed FROM chat_things`

// Thing implements [chat.ThingStore].
func (c *Chat) Thing(ctx context.Context, id chat.ConversationID, thing chat.ThingID) (chat.Thing, error) {
	t, err := scanThing(c.db.read.QueryRowContext(ctx, thingQuery+` WHERE conversation = $1 AND id = $2`, id, thing))
	if errors.Is(err, sql.ErrNoRows) {
		err = chat.ErrUnknown
	}
	if err != nil {
		return chat.Thing{}, fmt.Errorf("read thing: %w", err)
	}
	return t, nil
}

// Things implements [chat.ThingStore].
func (c *Chat) Things(ctx context.Context, id chat.ConversationID, kind string) ([]chat.Thing, error) {
	all, err := c.things(ctx, thingQuery+` WHERE conversation = $1 AND kind = $2 ORDER BY seq DESC LIMIT $3`, id, kind, chat.MaxThings)
	if err != nil {
		return nil, fmt.Errorf("read things: %w", err)
	}
	return all, nil
}

// Expiring implements [chat.ThingStore].
func (c *Chat) Expiring(ctx context.Context, kind string, before time.Time, limit int) ([]chat.Thing, error) {
	all, err := c.things(ctx, thingQuery+` WHERE kind = $1 AND expires_us > 0 AND expires_us < $2 ORDER BY expires_us, conversation, id
		LIMIT $3`, kind, micros(before), limit)
	if err != nil {
		return nil, fmt.Errorf("read what expires: %w", err)
	}
	return all, nil
}

func (c *Chat) things(ctx context.Context, query string, args ...any) ([]chat.Thing, error) {
	rows, err := c.db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []chat.Thing
	for rows.Next() {
		t, err := scanThing(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

func scanThing(row scanner) (chat.Thing, error) {
	var t chat.Thing
	var changed, expires int64
	err := row.Scan(&t.Conversation, &t.ID, &t.Kind, &t.What, &t.State, &t.Opener, &t.Seq, &changed, &expires, &t.Sealed)
	t.Changed, t.Expires = fromMicros(changed), fromMicros(expires)
	return t, err
}
