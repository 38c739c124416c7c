package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"parley/chat"
	"parley/internal/identity"
)

const chatEntryColumns = `conversation, seq, sender, cid, time_us, type, sealed`

// Read implements [chat.Store]. The head is read after the page, so it is never behind the page.
func (c *Chat) Read(ctx context.Context, id chat.ConversationID, r chat.Range) ([]chat.Entry, chat.Seq, error) {
	page, err := c.page(ctx, id, r)
	if err != nil {
		return nil, 0, fmt.Errorf("read log: %w", err)
	}
	page, top, err := c.shown(ctx, id, page)
	if err != nil {
		return nil, 0, fmt.Errorf("read log: %w", err)
	}
	if r.Before > 0 {
		slices.Reverse(page)
	}
	return page, top, nil
}

// Recent implements [chat.Store].
func (c *Chat) Recent(ctx context.Context, id chat.ConversationID, below chat.Seq, until time.Time, limit int) ([]chat.Entry, error) {
	if below == 0 {
		below = math.MaxUint64
	}
	page, err := c.entries(ctx, `SELECT `+chatEntryColumns+` FROM chat_entries WHERE conversation = $1 AND seq < $2 AND time_us < $3
		ORDER BY seq DESC LIMIT $4`, id, seqArg(below), micros(until), limit)
	if err != nil {
		return nil, fmt.Errorf("read recent entries: %w", err)
	}
	page, _, err = c.shown(ctx, id, page)
	if err != nil && !errors.Is(err, chat.ErrUnknown) {
		return nil, fmt.Errorf("read recent entries: %w", err)
	}
	return page, nil
}

// page reads what the range picks, from the end where it is that.
func (c *Chat) page(ctx context.Context, id chat.ConversationID, r chat.Range) ([]chat.Entry, error) {
	query := `SELECT ` + chatEntryColumns + ` FROM chat_entries WHERE conversation = $1 AND seq > $2 ORDER BY seq LIMIT $3`
	args := []any{id, seqArg(r.After), r.Limit}
	if r.Before > 0 {
		query = `SELECT ` + chatEntryColumns + ` FROM chat_entries WHERE conversation = $1 AND seq > $2 AND seq < $3
			ORDER BY seq DESC LIMIT $4`
		args = []any{id, seqArg(r.After), seqArg(r.Before), r.Limit}
	}
	return c.entries(ctx, query, args...)
}

func (c *Chat) entries(ctx context.Context, query string, args ...any) ([]chat.Entry, error) {
	rows, err := c.db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return scanChatPage(rows)
}

// seqArg is a seq as the engines take it; what is beyond their range is beyond every head.
func seqArg(s chat.Seq) int64 { return int64(min(s, 1<<62)) }

// scanChatPage reads until the rows or the bytes of a page are at their end.
func scanChatPage(rows *sql.Rows) ([]chat.Entry, error) {
	var page []chat.Entry
	for size := 0; rows.Next(); {
		var e chat.Entry
		var at int64
		if err := rows.Scan(&e.Conversation, &e.Seq, &e.Sender, &e.CID, &at, &e.Type, &e.Sealed); err != nil {
			return nil, err
		}
		e.Time = fromMicros(at)
		if size += len(e.Sealed); size > chat.MaxPageBytes && len(page) > 0 {
			break
		}
		page = append(page, e)
	}
	return page, rows.Err()
}

// standingQuery gives a chat.Standing without its seats; $1 is the user whose unread entries are counted.
const standingQuery = `SELECT c.id, c.title, c.opened_us, c.starter, c.head, e.sender, e.cid, e.time_us, e.type, e.sealed,
		(SELECT count(*) FROM (SELECT 1 FROM chat_entries u WHERE u.conversation = c.id AND u.seq > m.read_to
			AND u.sender <> $1 AND u.type NOT IN (` + uncounted + `) LIMIT $2) AS unread),
		(SELECT count(*) FROM chat_things t WHERE t.conversation = c.id AND t.kind = '` + chat.KindExchange + `'
			AND t.state = '` + chat.StateAccepted + `'),
		COALESCE((SELECT t.state FROM chat_things t WHERE t.conversation = c.id AND t.kind = '` + chat.KindAppointment + `'
			ORDER BY t.seq DESC LIMIT 1), '')
	FROM chat_conversations c
	JOIN chat_entries e ON e.conversation = c.id AND e.seq = c.head
	LEFT JOIN chat_members m ON m.conversation = c.id AND m.user_id = $1`

// uncounted are chat.Uncounted in SQL.
const uncounted = `'` + chat.TypeSystem + `', '` + chat.TypeEdit + `', '` + chat.TypeRecall + `', '` + chat.TypeReaction + `'`

const seatQuery = `SELECT conversation, user_id, role, company, name, disclosed, delivered, read_to,
	EXISTS (SELECT 1 FROM chat_entries e WHERE e.conversation = chat_members.conversation AND e.sender = chat_members.user_id)
	FROM chat_members`

// List implements [chat.Store]. Seats are read before heads, so no cursor is beyond the head beside it.
func (c *Chat) List(ctx context.Context, user identity.UserID, limit int) ([]chat.Standing, error) {
	seats, err := c.seats(ctx, seatQuery+` WHERE conversation IN (SELECT conversation FROM chat_members WHERE user_id = $1)
		ORDER BY conversation, place`, user)
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	list, err := c.standings(ctx, seats, standingQuery+` WHERE m.user_id = $1 ORDER BY e.time_us DESC, c.id DESC LIMIT $3`,
		user, chat.MaxUnread, limit)
	if err != nil {
		return nil, fmt.Errorf("list conversations: %w", err)
	}
	return list, nil
}

// Heads implements [chat.Store].
func (c *Chat) Heads(ctx context.Context, user identity.UserID, role identity.Role, limit int) (map[chat.ConversationID]chat.Seq, error) {
	heads, err := c.heads(ctx, `SELECT c.id, c.head FROM chat_members m
		JOIN chat_conversations c ON c.id = m.conversation
		JOIN chat_entries e ON e.conversation = c.id AND e.seq = c.head
		WHERE m.user_id = $1 AND m.role = $2 ORDER BY e.time_us DESC, c.id DESC LIMIT $3`, user, role, limit)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	return heads, nil
}

func (c *Chat) heads(ctx context.Context, query string, args ...any) (map[chat.ConversationID]chat.Seq, error) {
	rows, err := c.db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	heads := map[chat.ConversationID]chat.Seq{}
	for rows.Next() {
		var id chat.ConversationID
		var top chat.Seq
		if err := rows.Scan(&id, &top); err != nil {
			return nil, err
		}
		heads[id] = top
	}
	return heads, rows.Err()
}

// Load implements [chat.Store].
func (c *Chat) Load(ctx context.Context, id chat.ConversationID, user identity.UserID) (chat.Standing, error) {
	seats, err := c.seats(ctx, seatQuery+` WHERE conversation = $1 ORDER BY place`, id)
	if err != nil {
		return chat.Standing{}, fmt.Errorf("load members: %w", err)
	}
	list, err := c.standings(ctx, seats, standingQuery+` WHERE c.id = $3`, user, chat.MaxUnread, id)
	if err == nil && len(list) == 0 {
		err = chat.ErrUnknown
	}
	if err != nil {
		return chat.Standing{}, fmt.Errorf("load conversation: %w", err)
	}
	return list[0], nil
}

func (c *Chat) seats(ctx context.Context, query string, arg any) (map[chat.ConversationID][]chat.Seat, error) {
	rows, err := c.db.read.QueryContext(ctx, query, arg)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	seats := map[chat.ConversationID][]chat.Seat{}
	for rows.Next() {
		var id chat.ConversationID
		var t chat.Seat
		var disclosed int
		if err := rows.Scan(&id, &t.User, &t.Role, &t.Company, &t.Name, &disclosed, &t.Delivered, &t.Read, &t.Spoke); err != nil {
			return nil, err
		}
		t.Disclosed = disclosed == 1
		seats[id] = append(seats[id], t)
	}
	return seats, rows.Err()
}

// standings leaves out a conversation that was opened after the seats were read.
func (c *Chat) standings(ctx context.Context, seats map[chat.ConversationID][]chat.Seat, query string, args ...any) ([]chat.Standing, error) {
	rows, err := c.db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []chat.Standing
	for rows.Next() {
		st, err := scanStanding(rows)
		if err != nil {
			return nil, err
		}
		if st.Seats = seats[st.ID]; st.Seats != nil {
			list = append(list, st)
		}
	}
	return list, rows.Err()
}

func scanStanding(rows *sql.Rows) (chat.Standing, error) {
	var st chat.Standing
	var e chat.Entry
	var opened, at int64
	var exchanged int
	err := rows.Scan(&st.ID, &st.Title, &opened, &st.Starter, &st.Head, &e.Sender, &e.CID, &at, &e.Type, &e.Sealed, &st.Unread,
		&exchanged, &st.Appointment)
	st.Exchanged = exchanged > 0
	e.Conversation, e.Seq, e.Time = st.ID, st.Head, fromMicros(at)
	st.Opened, st.Last = fromMicros(opened), &e
	return st, err
}

// unknownChat turns "no row" into chat.ErrUnknown.
func unknownChat(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return chat.ErrUnknown
	}
	return err
}
