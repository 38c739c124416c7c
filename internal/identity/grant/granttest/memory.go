package granttest

import (
	"context"
	"slices"
	"sync"
	"time"

	"parley/internal/identity/grant"
)

// Memory is a Store that forgets when the process ends. The zero value is empty and ready; its clock is time.Now unless Now
// is set before the first call.
type Memory struct {
	Now func() time.Time

	mu     sync.Mutex
	rows   map[grant.Hash]*row
	fail   error
	uses   int
	pushes int
}

type row struct {
	grant.Row
	used, ends, last time.Time
}

var _ grant.Store = (*Memory)(nil)

// Break sets what every call returns; nil mends it.
func (m *Memory) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Uses is how often Use was asked, and how often it wrote.
func (m *Memory) Uses() (asked, wrote int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.uses, m.pushes
}

// Rows are those that are kept.
func (m *Memory) Rows() []grant.Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []grant.Row
	for _, r := range m.rows {
		all = append(all, r.Row)
	}
	return all
}

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now()
	}
	return m.Now()
}

// Give implements [grant.Store].
func (m *Memory) Give(ctx context.Context, rows []grant.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.broken(ctx); err != nil {
		return err
	}
	now := m.now()
	m.sweep(now)
	for _, r := range rows {
		if r.Owner != rows[0].Owner || len(rows) > grant.PerUser {
			panic("granttest: the caller broke the contract: rows of two owners, or too many")
		}
	}
	m.room(rows[0].Owner, grant.PerUser-len(rows))
	if m.rows == nil {
		m.rows = map[grant.Hash]*row{}
	}
	for _, r := range rows {
		last := earlier(now.Add(grant.Longest), r.Until)
		m.rows[r.Word] = &row{Row: r, used: now, ends: earlier(now.Add(grant.Start), last), last: last}
	}
	return nil
}

func (m *Memory) broken(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return m.fail
}

func (m *Memory) sweep(now time.Time) {
	for word, r := range m.rows {
		if !now.Before(r.ends) {
			delete(m.rows, word)
		}
	}
}

// room leaves the owner the rows that were used last.
func (m *Memory) room(owner grant.Hash, keep int) {
	var own []*row
	for _, r := range m.rows {
		if r.Owner == owner {
			own = append(own, r)
		}
	}
	slices.SortFunc(own, func(a, b *row) int { return b.used.Compare(a.used) })
	for _, r := range own[min(keep, len(own)):] {
		delete(m.rows, r.Word)
	}
}

// Use implements [grant.Store].
func (m *Memory) Use(ctx context.Context, word grant.Hash) (grant.Used, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uses++
	if err := m.broken(ctx); err != nil {
		return grant.Used{}, err
	}
	r, now := m.rows[word], m.now()
	if r == nil || !now.Before(r.ends) {
		return grant.Used{}, grant.ErrEnded
	}
	if ends := earlier(now.Add(grant.Idle), r.last); ends.Sub(r.ends) >= grant.Push {
		r.used, r.ends = now, ends
		m.pushes++
	}
	return grant.Used{Sealed: r.Sealed, Left: r.ends.Sub(now)}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
