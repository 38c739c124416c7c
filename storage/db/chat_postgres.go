package db

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"parley/chat"
	"parley/internal/identity"
)

// A batch is one round trip: its statements are sent together, and PostgreSQL runs them as one transaction that it commits
// before it answers.
//
//  1. lockChats locks the conversations of the batch in the order of their ids, so that two batches never wait for each other
//     in a ring. From here on nobody else adds to their logs or moves their cursors.
//  2. placeRows, whose snapshot is younger than the locks and so holds every entry of those logs, drops the repeats, inserts
//     the other rows above the heads and raises the heads. Repeats within the batch are left out beforehand.
//  3. moveMarks moves cursors; its snapshot holds the new heads.
//
// A look-up per row is written as CROSS JOIN LATERAL (SELECT … OFFSET 0), which the planner does not turn into another kind of
// join: it can't know how small a batch is, and would read whole tables.
const (
	lockChats = `SELECT FROM chat_conversations WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`

	placeRows = `WITH given AS (
		SELECT r.*, c.head FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bytea[], $7::text[])
			WITH ORDINALITY AS r (conversation, sender, cid, time_us, type, sealed, discloses, n)
		CROSS JOIN LATERAL (SELECT head FROM chat_conversations WHERE id = r.conversation OFFSET 0) c
	), old AS (
		SELECT g.n, e.seq, e.time_us FROM given g
		CROSS JOIN LATERAL (SELECT seq, time_us FROM chat_entries
			WHERE conversation = g.conversation AND sender = g.sender AND cid = g.cid OFFSET 0) e
	), fresh AS (
		SELECT g.*, g.head + row_number() OVER (PARTITION BY conversation ORDER BY n) AS seq FROM given g
		WHERE n NOT IN (SELECT n FROM old)
	), stored AS (
		INSERT INTO chat_entries (conversation, seq, sender, cid, time_us, type, sealed)
		SELECT conversation, seq, sender, cid, time_us, type, sealed FROM fresh
	), raised AS (
		UPDATE chat_conversations c SET head = f.head FROM (SELECT conversation, max(seq) AS head FROM fresh GROUP BY conversation) f
		WHERE c.id = f.conversation
	), disclosed AS (
		UPDATE chat_members m SET disclosed = 1 FROM fresh f
		WHERE f.discloses <> '' AND m.conversation = f.conversation AND m.user_id = f.discloses
	)`

	// tellRows, between the two, puts the events of fresh rows into the outbox.
	tellRows = `, told AS (
		INSERT INTO outbox (` + eventColumns + `, due_us, attempts)
		SELECT e.id, e.kind, f.time_us, f.conversation, f.seq, e.type, e.sender, e.interview, '', ` + postgresNow + `, 0
		FROM unnest($8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
			WITH ORDINALITY AS e (id, kind, type, sender, interview, n)
		JOIN fresh f USING (n) WHERE e.kind <> ''
	)`

	placedRows = ` SELECT n, seq, time_us, false FROM fresh UNION ALL SELECT n, seq, time_us, true FROM old`

	moveMarks = `WITH given AS (
		SELECT r.n, r.conversation, r.user_id, m.delivered AS was_delivered, m.read_to AS was_read,
			greatest(m.delivered, least(r.delivered, c.head), least(r.read_to, c.head)) AS delivered,
			greatest(m.read_to, least(r.read_to, c.head)) AS read_to
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
			WITH ORDINALITY AS r (conversation, user_id, delivered, read_to, n)
		CROSS JOIN LATERAL (SELECT head FROM chat_conversations WHERE id = r.conversation OFFSET 0) c
		CROSS JOIN LATERAL (SELECT delivered, read_to FROM chat_members
			WHERE conversation = r.conversation AND user_id = r.user_id OFFSET 0) m
	), moved AS (
		UPDATE chat_members m SET delivered = g.delivered, read_to = g.read_to FROM given g
		WHERE m.conversation = g.conversation AND m.user_id = g.user_id
			AND (g.delivered > g.was_delivered OR g.read_to > g.was_read)
	)
	SELECT n, delivered, read_to, delivered > was_delivered OR read_to > was_read, delivered > was_delivered FROM given`
)

func (c *Chat) appendPostgres(ctx context.Context, b chat.Batch) (out chat.Outcome, err error) {
	rows, firsts := distinctRows(b.Rows)
	marks, merged := distinctMarks(b.Marks)
	err = c.db.again(ctx, func() error {
		return c.db.native(ctx, func(conn *pgx.Conn) error {
			out, err = sendBatch(ctx, conn, rows, marks)
			return err
		})
	})
	if err != nil {
		return chat.Outcome{}, c.blame(ctx, b.Rows, err)
	}
	return chat.Outcome{Rows: spreadRows(out.Rows, firsts), Marks: spreadMarks(out.Marks, merged)}, nil
}

// distinctRows leaves out what repeats an earlier row of the batch; firsts says for each row which of the distinct ones it is.
func distinctRows(rows []chat.Row) (distinct []chat.Row, firsts []int) {
	type name struct {
		conversation chat.ConversationID
		sender       identity.UserID
		cid          chat.ClientID
	}
	seen := make(map[name]int, len(rows))
	distinct, firsts = make([]chat.Row, 0, len(rows)), make([]int, len(rows))
	for i, r := range rows {
		n := name{r.Conversation, r.Sender, r.CID}
		at, ok := seen[n]
		if !ok {
			at = len(distinct)
			seen[n], distinct = at, append(distinct, r)
		}
		firsts[i] = at
	}
	return distinct, firsts
}

// spreadRows gives each row of the batch the place of its distinct one; what is not the first is a repeat.
func spreadRows(placed []chat.Placed, firsts []int) []chat.Placed {
	all, next := make([]chat.Placed, len(firsts)), 0
	for i, at := range firsts {
		all[i] = placed[at]
		if at == next {
			next++
		} else if all[i].Err == nil {
			all[i].Dup = true
		}
	}
	return all
}

// distinctMarks leaves one mark a member, with the furthest of its cursors; merged says for each mark which one that is.
func distinctMarks(marks []chat.Mark) (distinct []chat.Mark, merged []int) {
	type name struct {
		conversation chat.ConversationID
		user         identity.UserID
	}
	seen := make(map[name]int, len(marks))
	merged = make([]int, len(marks))
	for i, m := range marks {
		n := name{m.Conversation, m.User}
		at, ok := seen[n]
		if !ok {
			at = len(distinct)
			seen[n], distinct = at, append(distinct, m)
		}
		d := &distinct[at]
		d.Delivered, d.Read = max(d.Delivered, m.Delivered), max(d.Read, m.Read)
		merged[i] = at
	}
	return distinct, merged
}

// spreadMarks answers every mark with where its member's cursors are; the first of a member says whether they moved.
func spreadMarks(moved []chat.Moved, merged []int) []chat.Moved {
	all, next := make([]chat.Moved, len(merged)), 0
	for i, at := range merged {
		all[i] = moved[at]
		if at == next {
			next++
		} else {
			all[i].Moved, all[i].Delivered = false, false
		}
	}
	return all
}

// sendBatch sends the statements and reads their answers. The last answer comes after the commit.
func sendBatch(ctx context.Context, conn *pgx.Conn, rows []chat.Row, marks []chat.Mark) (chat.Outcome, error) {
	out := chat.Outcome{Rows: make([]chat.Placed, len(rows)), Marks: make([]chat.Moved, len(marks))}
	var b pgx.Batch
	b.Queue(lockChats, chatsOf(rows, marks))
	if len(rows) > 0 {
		queueRows(&b, rows, out.Rows)
	}
	if len(marks) > 0 {
		queueMarks(&b, marks, out.Marks)
	}
	if err := conn.SendBatch(ctx, &b).Close(); err != nil {
		return chat.Outcome{}, err
	}
	return out, nil
}

func chatsOf(rows []chat.Row, marks []chat.Mark) []string {
	ids := make([]string, 0, len(rows)+len(marks))
	for _, r := range rows {
		ids = append(ids, string(r.Conversation))
	}
	for _, m := range marks {
		ids = append(ids, string(m.Conversation))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func queueRows(b *pgx.Batch, rows []chat.Row, placed []chat.Placed) {
	n := len(rows)
	conversations, senders, cids, types := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	times, sealed, discloses := make([]int64, n), make([][]byte, n), make([]string, n)
	for i, r := range rows {
		conversations[i], senders[i], cids[i], types[i] = string(r.Conversation), string(r.Sender), string(r.CID), r.Type
		times[i], sealed[i], discloses[i] = micros(r.Time), r.Sealed, string(r.Discloses)
		placed[i].Err = chat.ErrUnknown // unless the statement has a place for it
	}
	statement, args := placeRows, []any{conversations, senders, cids, times, types, sealed, discloses}
	if slices.ContainsFunc(rows, func(r chat.Row) bool { return r.Event.Kind != "" }) {
		statement, args = placeRows+tellRows, append(args, eventsOf(rows)...)
	}
	b.Queue(statement+placedRows, args...).Query(func(found pgx.Rows) error {
		for found.Next() {
			var n, at int64
			var p chat.Placed
			if err := found.Scan(&n, &p.Seq, &at, &p.Dup); err != nil {
				return err
			}
			p.Time = fromMicros(at)
			placed[n-1] = p
		}
		return found.Err()
	})
}

// eventsOf are the events of the rows as arrays, one a column of tellRows.
func eventsOf(rows []chat.Row) []any {
	n := len(rows)
	ids, kinds, types, senders, interviews := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, r := range rows {
		e := r.Event
		ids[i], kinds[i], types[i], senders[i], interviews[i] = string(e.ID), string(e.Kind), e.Type, string(e.Sender), e.Interview
	}
	return []any{ids, kinds, types, senders, interviews}
}

func queueMarks(b *pgx.Batch, marks []chat.Mark, moved []chat.Moved) {
	n := len(marks)
	conversations, users, delivered, read := make([]string, n), make([]string, n), make([]int64, n), make([]int64, n)
	for i, m := range marks {
		conversations[i], users[i] = string(m.Conversation), string(m.User)
		delivered[i], read[i] = seqArg(m.Delivered), seqArg(m.Read)
		moved[i].Err = chat.ErrUnknown // unless the statement finds the member
	}
	b.Queue(moveMarks, conversations, users, delivered, read).Query(func(found pgx.Rows) error {
		for found.Next() {
			var n int64
			var m chat.Moved
			if err := found.Scan(&n, &m.Cursor.Delivered, &m.Cursor.Read, &m.Moved, &m.Delivered); err != nil {
				return err
			}
			m.Cursor.Conversation, m.Cursor.User = marks[n-1].Conversation, marks[n-1].User
			moved[n-1] = m
		}
		return found.Err()
	})
}

// errProbed ends a transaction that only tried something.
var errProbed = errors.New("db: only tried")

// blame finds the row that made the database refuse the batch, if it is a row's own fault: it tries each row alone, in a
// transaction that is rolled back.
func (c *Chat) blame(ctx context.Context, rows []chat.Row, cause error) error {
	if !rowFault(cause) {
		return cause
	}
	for i, r := range rows {
		err := c.db.native(ctx, func(conn *pgx.Conn) error { return try(ctx, conn, r) })
		if rowFault(err) {
			return &chat.RowError{Index: i, Err: err}
		}
		if !errors.Is(err, errProbed) {
			return errors.Join(cause, err)
		}
	}
	return fmt.Errorf("no row alone is refused: %w", cause)
}

func try(ctx context.Context, conn *pgx.Conn, r chat.Row) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := sendBatch(ctx, tx.Conn(), []chat.Row{r}, nil); err != nil {
			return err
		}
		return errProbed
	})
}
