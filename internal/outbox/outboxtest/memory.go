package outboxtest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"parley/internal/outbox"
)

// Fault is how a [Memory] misbehaves.
type Fault uint8

// The faults.
const (
	None Fault = iota
	Fails
	FailsButPersists
)

// ErrBroken is what a broken store answers.
var ErrBroken = errors.New("outboxtest: the store is broken")

// Memory is a store that forgets when the process ends. It is the referee: a call that breaks the contract on the
// caller's side panics. The zero value is empty and ready.
type Memory struct {
	mu      sync.Mutex
	pending map[outbox.EventID]*row
	dead    map[outbox.EventID]outbox.DeadLetter
	settle  Fault
	held    int
	most    int
}

type row struct {
	event    outbox.Event
	due      time.Time
	attempts int
}

var _ Store = (*Memory)(nil)

func must(ok bool, what string) {
	if !ok {
		panic("outboxtest: the caller broke the contract: " + what)
	}
}

// BreakSettle makes Settle misbehave until it is told otherwise.
func (m *Memory) BreakSettle(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settle = f
}

// MostHeld is how many claims were out at once, at most.
func (m *Memory) MostHeld() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.most
}

// Append implements [outbox.Store].
func (m *Memory) Append(ctx context.Context, events ...outbox.Event) error {
	for _, e := range events {
		must(e.Check() == nil, "an event that does not have the fields of its kind")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.pending == nil {
		m.pending, m.dead = map[outbox.EventID]*row{}, map[outbox.EventID]outbox.DeadLetter{}
	}
	for _, e := range events {
		if m.pending[e.ID] == nil {
			m.pending[e.ID] = &row{event: e, due: time.Now()}
		}
	}
	return nil
}

// Claim implements [outbox.Store].
func (m *Memory) Claim(ctx context.Context, limit int, lease time.Duration) ([]outbox.Claim, error) {
	must(limit > 0 && lease > 0, "a claim without limit or lease")
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := time.Now()
	var due []*row
	for _, r := range m.pending {
		if !r.due.After(now) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *row) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.event.ID, b.event.ID)) })
	var claims []outbox.Claim
	for _, r := range due[:min(limit, len(due))] {
		r.due = now.Add(lease)
		r.attempts++
		claims = append(claims, outbox.Claim{Event: r.event, Attempt: r.attempts})
	}
	m.held += len(claims)
	m.most = max(m.most, m.held)
	return claims, nil
}

// Settle implements [outbox.Store].
func (m *Memory) Settle(ctx context.Context, results []outbox.Result) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.settle == Fails {
		return ErrBroken
	}
	for _, r := range results {
		m.one(r)
	}
	if m.settle == FailsButPersists {
		return ErrBroken
	}
	m.held -= len(results)
	return nil
}

func (m *Memory) one(r outbox.Result) {
	must(r.Outcome >= outbox.Delivered && r.Outcome <= outbox.Dead, "a result without an outcome")
	if r.Outcome == outbox.Delivered {
		delete(m.pending, r.ID)
		return
	}
	p := m.pending[r.ID]
	if p == nil || p.attempts != r.Attempt {
		return
	}
	switch r.Outcome {
	case outbox.Retry:
		p.due = time.Now().Add(r.After)
	case outbox.Released:
		p.due = time.Now()
		p.attempts--
	case outbox.Dead:
		delete(m.pending, r.ID)
		m.dead[r.ID] = outbox.DeadLetter{Event: p.event, Attempts: p.attempts, Reason: r.Reason,
			Died: time.Now().UTC().Truncate(time.Microsecond)}
	}
}

// Backlog implements [outbox.Store].
func (m *Memory) Backlog(ctx context.Context) (outbox.Backlog, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := outbox.Backlog{Pending: min(len(m.pending), outbox.MaxPending), Dead: len(m.dead)}
	var oldest outbox.EventID
	for id, r := range m.pending {
		if oldest == "" || id < oldest {
			oldest, b.Oldest = id, max(0, time.Since(r.event.At))
		}
	}
	return b, ctx.Err()
}

// Expire implements [outbox.Store].
func (m *Memory) Expire(ctx context.Context, age time.Duration) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for id, l := range m.dead {
		if time.Since(l.Died) > age {
			delete(m.dead, id)
			n++
		}
	}
	return n, ctx.Err()
}

// Dead implements [outbox.Graveyard].
func (m *Memory) Dead(ctx context.Context, after outbox.EventID, limit int) ([]outbox.DeadLetter, error) {
	must(limit > 0, "a page without a limit")
	m.mu.Lock()
	defer m.mu.Unlock()
	var page []outbox.DeadLetter
	for id, l := range m.dead {
		if id > after {
			page = append(page, l)
		}
	}
	slices.SortFunc(page, func(a, b outbox.DeadLetter) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
	return page[:min(limit, len(page))], ctx.Err()
}

// Replay implements [outbox.Graveyard].
func (m *Memory) Replay(ctx context.Context, id outbox.EventID) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.replay(id), ctx.Err()
}

func (m *Memory) replay(id outbox.EventID) bool {
	l, ok := m.dead[id]
	if ok {
		delete(m.dead, id)
		m.pending[id] = &row{event: l.Event, due: time.Now()}
	}
	return ok
}

// ReplayAll implements [outbox.Graveyard].
func (m *Memory) ReplayAll(ctx context.Context) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for id := range m.dead {
		if m.replay(id) {
			n++
		}
	}
	return n, ctx.Err()
}
