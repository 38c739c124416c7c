package peopletest

import (
	"context"
	"slices"
	"sync"
	"time"

	"parley/chat/people"
	"parley/internal/identity"
)

// Memory is a Store that forgets when the process ends. A call that breaks the contract on the caller's side panics. The zero
// value is empty and ready.
type Memory struct {
	mu       sync.Mutex
	rows     map[people.Hash]row
	contacts map[contact]people.Day
	talks    []Talk
}

type row struct {
	people.Row
	limit *int
}

type contact struct{ owner, key people.Hash }

// Talk is a conversation of a candidate as its log tells of it.
type Talk struct {
	Candidate identity.UserID
	Other     identity.UserID // a recruiter
	Lines     []Line          // in the order of the log
}

// Line is an entry.
type Line struct {
	By identity.UserID // empty: the system
	At time.Time
}

var _ people.Store = (*Memory)(nil)

func must(ok bool, what string) {
	if !ok {
		panic("peopletest: the caller broke the contract: " + what)
	}
}

// Tell puts a conversation into the log.
func (m *Memory) Tell(t Talk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.talks = append(m.talks, t)
}

// Load implements [people.Documents].
func (m *Memory) Load(ctx context.Context, owners []people.Hash) (map[people.Hash]people.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[people.Hash]people.Row{}
	for _, o := range owners {
		if r, ok := m.rows[o]; ok {
			r.Sealed = slices.Clone(r.Sealed)
			found[o] = r.Row
		}
	}
	return found, ctx.Err()
}

// Put implements [people.Documents].
func (m *Memory) Put(ctx context.Context, owner people.Hash, version uint64, sealed []byte) error {
	must(len(sealed) > 0, "an empty document")
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[owner]
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Version != version || !r.Closed.IsZero() {
		return people.ErrStale
	}
	r.Version, r.Sealed = version+1, slices.Clone(sealed)
	m.set(owner, r)
	return nil
}

func (m *Memory) set(owner people.Hash, r row) {
	if m.rows == nil {
		m.rows = map[people.Hash]row{}
	}
	m.rows[owner] = r
}

// Close implements [people.Documents].
func (m *Memory) Close(ctx context.Context, owner people.Hash, at time.Time) error {
	must(!at.IsZero(), "no time of closing")
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if r := m.rows[owner]; r.Closed.IsZero() {
		m.set(owner, row{Row: people.Row{Version: r.Version + 1, Closed: at.UTC().Truncate(time.Microsecond)}})
	}
	for c := range m.contacts {
		if c.owner == owner {
			delete(m.contacts, c)
		}
	}
	return nil
}

// Take implements [people.Contacts].
func (m *Memory) Take(ctx context.Context, c people.Contact) (people.Count, error) {
	must(c.Normal >= 0 && c.Day > 0, "a contact without day or limit")
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return people.Count{}, err
	}
	for k, day := range m.contacts {
		if day < c.Day-people.KeptDays {
			delete(m.contacts, k)
		}
	}
	count, k := m.count(c.Owner, c.Day, c.Normal), contact{c.Owner, c.Key}
	if _, known := m.contacts[k]; known {
		return count, nil
	}
	if count.Used >= count.Limit {
		return people.Count{}, people.ErrFull
	}
	if m.contacts == nil {
		m.contacts = map[contact]people.Day{}
	}
	m.contacts[k] = c.Day
	count.Used++
	return count, nil
}

// Count implements [people.Contacts].
func (m *Memory) Count(ctx context.Context, owner people.Hash, day people.Day, normal int) (people.Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count(owner, day, normal), ctx.Err()
}

func (m *Memory) count(owner people.Hash, day people.Day, normal int) people.Count {
	c := people.Count{Limit: normal}
	if l := m.rows[owner].limit; l != nil {
		c.Limit = *l
	}
	for k, d := range m.contacts {
		if k.owner == owner && d == day {
			c.Used++
		}
	}
	return c
}

// SetLimit implements [people.Contacts].
func (m *Memory) SetLimit(ctx context.Context, owner people.Hash, limit *int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if limit != nil {
		own := *limit
		limit = &own
	}
	if r := m.rows[owner]; r.Closed.IsZero() {
		r.limit = limit
		m.set(owner, r)
	}
	return nil
}

// Activity implements [people.Store].
func (m *Memory) Activity(ctx context.Context, user identity.UserID, since time.Time) (a people.Activity, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.talks {
		if t.Candidate == user && len(t.Lines) > 0 && !t.Lines[len(t.Lines)-1].At.Before(since) {
			t.count(&a, since)
		}
	}
	slices.SortFunc(a.Hours, time.Time.Compare)
	a.Hours = slices.CompactFunc(a.Hours, time.Time.Equal)
	return a, ctx.Err()
}

func (t Talk) count(a *people.Activity, since time.Time) {
	first := slices.IndexFunc(t.Lines, func(l Line) bool { return l.By != "" })
	if first < 0 {
		return
	}
	own, fresh, wrote := t.Lines[first].By == t.Candidate, !t.Lines[first].At.Before(since), false
	for _, l := range t.Lines[max(0, len(t.Lines)-people.ActivityDepth):] {
		if l.By == t.Candidate && !l.At.Before(since) {
			wrote = true
			a.Hours = append(a.Hours, l.At.UTC().Truncate(time.Hour))
		}
	}
	switch {
	case own && fresh:
		a.Started++
	case fresh:
		a.Received++
	}
	if !own && wrote {
		a.Replies++
	}
}

// Rows is what a reader of the database sees.
func (m *Memory) Rows() map[people.Hash]people.Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[people.Hash]people.Row{}
	for o, r := range m.rows {
		all[o] = r.Row
	}
	return all
}

// Swap changes the places of two rows, as somebody might who writes to the database.
func (m *Memory) Swap(a, b people.Hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[a], m.rows[b] = m.rows[b], m.rows[a]
}
