package db

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"parley/chat"
	"parley/chat/sealer"
)

// What the sealer asks for is a list of conversations. PostgreSQL takes it as arrays and looks each one up by itself (LATERAL …
// OFFSET 0: it can't know how few they are, and would read whole tables); SQLite as JSON, in the order written.
const (
	standingsPostgres = `SELECT c.id, c.opened_us, c.head, s.seal, s.prev, s.entries, s.head, s.tree, s.time_us FROM unnest($1::text[]) w (id)
		CROSS JOIN LATERAL (SELECT id, opened_us, head FROM chat_conversations WHERE id = w.id OFFSET 0) c
		LEFT JOIN LATERAL (SELECT * FROM chat_seals WHERE conversation = c.id ORDER BY seal DESC LIMIT 1) s ON true`

	standingsSQLite = `SELECT c.id, c.opened_us, c.head, s.seal, s.prev, s.entries, s.head, s.tree, s.time_us FROM json_each($1) w
		CROSS JOIN chat_conversations c ON c.id = w.value
		LEFT JOIN chat_seals s ON s.conversation = c.id AND s.seal = (SELECT max(seal) FROM chat_seals WHERE conversation = c.id)`

	spansPostgres = `SELECT ` + spanColumns + ` FROM unnest($1::text[], $2::bigint[], $3::bigint[]) w (id, low, high)
		CROSS JOIN LATERAL (SELECT * FROM chat_entries WHERE conversation = w.id AND seq > w.low AND seq <= w.high
			ORDER BY seq OFFSET 0) e`

	spansSQLite = `SELECT ` + spanColumns + ` FROM json_each($1) w CROSS JOIN chat_entries e
		WHERE e.conversation = json_extract(w.value, '$[0]') AND e.seq > json_extract(w.value, '$[1]') AND e.seq <= json_extract(w.value, '$[2]')`

	spanColumns = `e.conversation, e.seq, e.sender, e.cid, e.time_us, e.type, e.sealed`
)

// Standings implements [sealer.Store].
func (s *Seals) Standings(ctx context.Context, ids []chat.ConversationID) ([]sealer.Standing, error) {
	rows, err := s.listed(ctx, standingsPostgres, standingsSQLite, ids)
	if err != nil {
		return nil, fmt.Errorf("read standings: %w", err)
	}
	list, err := collect(rows, scanSealed)
	return list, wrap("read standings", err)
}

// listed asks for a list of conversations.
func (s *Seals) listed(ctx context.Context, postgres, sqlite string, ids []chat.ConversationID) (*sql.Rows, error) {
	if s.db.dialect == postgresDialect {
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = string(id)
		}
		return s.db.read.QueryContext(ctx, postgres, names)
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return s.db.read.QueryContext(ctx, sqlite, string(list))
}

func scanSealed(row scanner) (st sealer.Standing, err error) {
	var opened int64
	var seal, entries, tree, at sql.NullInt64
	var prev, head []byte
	err = row.Scan(&st.Conversation, &opened, &st.Head, &seal, &prev, &entries, &head, &tree, &at)
	st.Opened = fromMicros(opened)
	if seal.Valid {
		st.Last.Conversation, st.Last.Seal, st.Last.Entries = string(st.Conversation), uint64(seal.Int64), uint64(entries.Int64)
		st.Last.Tree, st.Last.Time = uint64(tree.Int64), fromMicros(at.Int64)
		copy(st.Last.Prev[:], prev)
		copy(st.Last.Head[:], head)
	}
	return st, err
}

// Members implements [sealer.Store].
func (s *Seals) Members(ctx context.Context, ids []chat.ConversationID) (map[chat.ConversationID][]sealer.Member, error) {
	rows, err := s.listed(ctx, `SELECT m.conversation, m.user_id, m.role FROM unnest($1::text[]) w (id)
		CROSS JOIN LATERAL (SELECT conversation, user_id, role, place FROM chat_members WHERE conversation = w.id OFFSET 0) m
		ORDER BY m.conversation, m.place`, `SELECT m.conversation, m.user_id, m.role FROM json_each($1) w
		CROSS JOIN chat_members m ON m.conversation = w.value ORDER BY m.conversation, m.place`, ids)
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	members := map[chat.ConversationID][]sealer.Member{}
	_, err = collect(rows, func(row scanner) (_ struct{}, err error) {
		var id chat.ConversationID
		var m sealer.Member
		if err = row.Scan(&id, &m.User, &m.Role); err == nil {
			members[id] = append(members[id], m)
		}
		return struct{}{}, err
	})
	return members, wrap("read members", err)
}

// Entries implements [sealer.Store].
func (s *Seals) Entries(ctx context.Context, spans []sealer.Span) ([]chat.Entry, error) {
	rows, err := s.spans(ctx, spans)
	if err != nil {
		return nil, fmt.Errorf("read spans of logs: %w", err)
	}
	list, err := collect(rows, func(row scanner) (e chat.Entry, err error) {
		var at int64
		err = row.Scan(&e.Conversation, &e.Seq, &e.Sender, &e.CID, &at, &e.Type, &e.Sealed)
		e.Time = fromMicros(at)
		return e, err
	})
	slices.SortStableFunc(list, func(a, b chat.Entry) int {
		return cmp.Or(cmp.Compare(a.Conversation, b.Conversation), cmp.Compare(a.Seq, b.Seq))
	})
	return list, wrap("read spans of logs", err)
}

func (s *Seals) spans(ctx context.Context, spans []sealer.Span) (*sql.Rows, error) {
	if s.db.dialect == postgresDialect {
		ids, low, high := make([]string, len(spans)), make([]int64, len(spans)), make([]int64, len(spans))
		for i, p := range spans {
			ids[i], low[i], high[i] = string(p.Conversation), seqArg(p.After), seqArg(p.To)
		}
		return s.db.read.QueryContext(ctx, spansPostgres, ids, low, high)
	}
	list := make([][3]any, len(spans))
	for i, p := range spans {
		list[i] = [3]any{p.Conversation, seqArg(p.After), seqArg(p.To)}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return s.db.read.QueryContext(ctx, spansSQLite, string(text))
}

// Behind implements [sealer.Store].
func (s *Seals) Behind(ctx context.Context, after chat.ConversationID, limit int) (behind []chat.ConversationID, last chat.ConversationID, err error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT id, head > COALESCE((SELECT entries FROM chat_seals
			WHERE conversation = c.id ORDER BY seal DESC LIMIT 1), 0)
		FROM (SELECT id, head FROM chat_conversations WHERE id > $1 ORDER BY id LIMIT $2) c ORDER BY id`, after, limit)
	if err != nil {
		return nil, "", fmt.Errorf("look for unsealed logs: %w", err)
	}
	looked, err := collect(rows, func(row scanner) (id chat.ConversationID, err error) {
		var is bool
		if err = row.Scan(&id, &is); is {
			behind = append(behind, id)
		}
		return id, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("look for unsealed logs: %w", err)
	}
	if len(looked) == limit {
		last = looked[limit-1]
	}
	return behind, last, nil
}
