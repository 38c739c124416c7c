package chattest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/outbox"
)

// Memory is a chat.Store that forgets when the process ends. It is the referee: a call that breaks the contract on the
// caller's side panics. The zero value is empty and ready.
type Memory struct {
	mu   sync.Mutex
	keys map[string]chat.ConversationID
	all  map[chat.ConversationID]*room
	told []outbox.Event
}

type room struct {
	founding chat.Founding
	seats    []chat.Seat
	log      []chat.Entry
	cids     map[name]chat.Seq
	roots    map[chat.Seq]chat.Seq     // of what was revised, and of edits: the entry that it is all about
	revised  map[chat.Seq]chat.Revised // of roots: by what, the last time
	things   map[chat.ThingID]chat.Thing
}

type name struct {
	sender identity.UserID
	cid    chat.ClientID
}

var _ chat.Store = (*Memory)(nil)

func must(ok bool, what string) {
	if !ok {
		panic("chattest: the caller broke the contract: " + what)
	}
}

func whole(t time.Time) bool {
	return !t.IsZero() && t.Equal(t.Truncate(time.Microsecond)) && t.Location() == time.UTC
}

// Find implements [chat.Store].
func (m *Memory) Find(ctx context.Context, key string) (chat.ConversationID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok := m.keys[key]
	if !ok {
		return "", chat.ErrUnknown
	}
	return id, ctx.Err()
}

// Open implements [chat.Store].
func (m *Memory) Open(ctx context.Context, f chat.Founding) (chat.ConversationID, error) {
	must(f.ID != "" && f.Key != "" && len(f.Title) > 0 && len(f.Seats) >= 2 && whole(f.Opened), "a founding without id, key, title, seats or time")
	checkRow(f.First)
	must(f.First.Conversation == f.ID, "a first entry of another conversation")
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if id, ok := m.keys[f.Key]; ok {
		return id, nil
	}
	if m.keys == nil {
		m.keys, m.all = map[string]chat.ConversationID{}, map[chat.ConversationID]*room{}
	}
	r := &room{
		founding: f, cids: map[name]chat.Seq{}, roots: map[chat.Seq]chat.Seq{}, revised: map[chat.Seq]chat.Revised{},
		things: map[chat.ThingID]chat.Thing{},
	}
	for _, t := range f.Seats {
		t.Name = slices.Clone(t.Name)
		r.seats = append(r.seats, t)
	}
	m.tell(f.First, r.place(f.First))
	m.keys[f.Key], m.all[f.ID] = f.ID, r
	return f.ID, nil
}

// Append implements [chat.Store].
func (m *Memory) Append(ctx context.Context, b chat.Batch) (chat.Outcome, error) {
	n := len(b.Rows) + len(b.Marks)
	must(n > 0 && n <= chat.MaxBatch, fmt.Sprintf("a batch of %d", n))
	for _, r := range b.Rows {
		checkRow(r)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return chat.Outcome{}, err
	}
	out := chat.Outcome{Rows: make([]chat.Placed, len(b.Rows)), Marks: make([]chat.Moved, len(b.Marks))}
	for i, r := range b.Rows {
		if room := m.all[r.Conversation]; room != nil {
			out.Rows[i] = room.place(r)
			m.tell(r, out.Rows[i])
		} else {
			out.Rows[i].Err = chat.ErrUnknown
		}
	}
	for i, k := range b.Marks {
		if room := m.all[k.Conversation]; room != nil {
			out.Marks[i] = room.mark(k)
		} else {
			out.Marks[i].Err = chat.ErrUnknown
		}
	}
	return out, nil
}

// tell puts the row's event into the outbox.
func (m *Memory) tell(r chat.Row, p chat.Placed) {
	if e, ok := r.EventAt(p); ok {
		must(e.Check() == nil, "a row whose event does not have the fields of its kind")
		m.told = append(m.told, e)
	}
}

// Events are the events of all that was placed, in its order.
func (m *Memory) Events(ctx context.Context) ([]outbox.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.told), ctx.Err()
}

func checkRow(r chat.Row) {
	must(r.Conversation != "" && r.CID != "" && r.Type != "", "a row without conversation, cid or type")
	must(len(r.Sealed) > 0, "a row without content")
	must(whole(r.Time), "a row whose time is not UTC to the microsecond")
	if v := r.Revises; v != nil {
		must(v.Target > 0 && (v.Kind == chat.TypeEdit || v.Kind == chat.TypeRecall), "a revision without target or kind")
	}
	if t := r.Turn; t != nil {
		must(t.Thing != "" && t.To != "" && (t.From != "" || t.Kind != ""), "a turn without thing, kind or state")
		must(t.Expires.IsZero() || whole(t.Expires), "a turn whose expiry is not UTC to the microsecond")
	}
}

func (r *room) place(row chat.Row) chat.Placed {
	n := name{row.Sender, row.CID}
	if seq, ok := r.cids[n]; ok {
		return chat.Placed{Seq: seq, Time: r.log[seq-1].Time, Dup: true}
	}
	seq := chat.Seq(len(r.log) + 1)
	if err := r.step(row, seq); err != nil {
		return chat.Placed{Err: err}
	}
	r.cids[n] = seq
	r.log = append(r.log, chat.Entry{
		Conversation: row.Conversation, Seq: seq, Sender: row.Sender, CID: row.CID, Time: row.Time, Type: row.Type,
		Sealed: slices.Clone(row.Sealed),
	})
	if i := r.seat(row.Discloses); i >= 0 {
		r.seats[i].Disclosed = true
	}
	return chat.Placed{Seq: seq, Time: row.Time}
}

func (r *room) seat(user identity.UserID) int {
	return slices.IndexFunc(r.seats, func(t chat.Seat) bool { return t.User == user })
}

func (r *room) mark(k chat.Mark) chat.Moved {
	i := r.seat(k.User)
	if i < 0 {
		return chat.Moved{Err: chat.ErrUnknown}
	}
	t, head := &r.seats[i], chat.Seq(len(r.log))
	before := *t
	t.Read = max(t.Read, min(k.Read, head))
	t.Delivered = max(t.Delivered, t.Read, min(k.Delivered, head))
	return chat.Moved{
		Cursor: chat.Cursor{Conversation: k.Conversation, User: k.User, Delivered: t.Delivered, Read: t.Read},
		Moved:  t.Delivered != before.Delivered || t.Read != before.Read, Delivered: t.Delivered != before.Delivered,
	}
}

// Read implements [chat.Store].
func (m *Memory) Read(ctx context.Context, id chat.ConversationID, r chat.Range) ([]chat.Entry, chat.Seq, error) {
	must(r.Limit >= 1 && r.Limit <= chat.MaxPage, "a page without a limit within bounds")
	m.mu.Lock()
	defer m.mu.Unlock()
	room := m.all[id]
	if room == nil {
		return nil, 0, chat.ErrUnknown
	}
	head := chat.Seq(len(room.log))
	first, last := min(r.After, head), head // the entries first+1 … last
	if r.Before > 0 {
		last = max(first, min(head, r.Before-1))
	}
	picked := room.shown(room.log[first:last])
	if r.Before > 0 {
		slices.Reverse(picked)
	}
	page := cut(picked, r.Limit)
	if r.Before > 0 {
		slices.Reverse(page)
	}
	return page, head, ctx.Err()
}

// cut copies the entries up to the limits of a page.
func cut(from []chat.Entry, limit int) []chat.Entry {
	var page []chat.Entry
	size := 0
	for _, e := range from[:min(limit, len(from))] {
		size += len(e.Sealed)
		if e.Revised != nil {
			size += len(e.Revised.Sealed)
		}
		if size > chat.MaxPageBytes && len(page) > 0 {
			break
		}
		e.Sealed = slices.Clone(e.Sealed)
		page = append(page, e)
	}
	return page
}

// List implements [chat.Store].
func (m *Memory) List(ctx context.Context, user identity.UserID, limit int) ([]chat.Standing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []chat.Standing
	for _, r := range m.all {
		if r.seat(user) >= 0 {
			list = append(list, r.standing(user))
		}
	}
	slices.SortFunc(list, func(a, b chat.Standing) int {
		if c := b.Last.Time.Compare(a.Last.Time); c != 0 {
			return c
		}
		return -slices.Compare([]byte(a.ID), []byte(b.ID))
	})
	return list[:min(limit, len(list))], ctx.Err()
}

// Heads implements [chat.Store].
func (m *Memory) Heads(ctx context.Context, user identity.UserID, role identity.Role, limit int) (map[chat.ConversationID]chat.Seq, error) {
	list, err := m.List(ctx, user, math.MaxInt)
	list = slices.DeleteFunc(list, func(st chat.Standing) bool {
		return !slices.ContainsFunc(st.Seats, func(t chat.Seat) bool { return t.User == user && t.Role == role })
	})
	heads := map[chat.ConversationID]chat.Seq{}
	for _, st := range list[:min(limit, len(list))] {
		heads[st.ID] = st.Head
	}
	return heads, err
}

// Load implements [chat.Store].
func (m *Memory) Load(ctx context.Context, id chat.ConversationID, user identity.UserID) (chat.Standing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.all[id]
	if r == nil {
		return chat.Standing{}, chat.ErrUnknown
	}
	return r.standing(user), ctx.Err()
}

func (r *room) standing(user identity.UserID) chat.Standing {
	last := cut(r.log[len(r.log)-1:], 1)[0]
	st := chat.Standing{
		ID: r.founding.ID, Title: slices.Clone(r.founding.Title), Opened: r.founding.Opened, Starter: r.founding.Starter,
		Head: last.Seq, Last: &last,
	}
	for _, t := range r.seats {
		t.Name = slices.Clone(t.Name)
		t.Spoke = slices.ContainsFunc(r.log, func(e chat.Entry) bool { return e.Sender == t.User })
		st.Seats = append(st.Seats, t)
	}
	for _, t := range r.thingsOf(chat.KindExchange) {
		st.Exchanged = st.Exchanged || t.State == chat.StateAccepted
	}
	if all := r.thingsOf(chat.KindAppointment); len(all) > 0 {
		st.Appointment = all[0].State
	}
	i := r.seat(user)
	if i < 0 {
		return st
	}
	for _, e := range r.log[r.seats[i].Read:] {
		if e.Sender != user && !slices.Contains(chat.Uncounted, e.Type) && st.Unread < chat.MaxUnread {
			st.Unread++
		}
	}
	return st
}
