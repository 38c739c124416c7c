package noticetest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"parley/internal/identity"
	"parley/internal/notice"
	"parley/internal/outbox"
)

// Fault is how a [Memory] misbehaves when it is to change something.
type Fault uint8

// The faults.
const (
	None Fault = iota
	Fails
	FailsButPersists
)

// ErrBroken is what a broken store answers.
var ErrBroken = errors.New("noticetest: the store is broken")

// Memory is a store that forgets when the process ends. Its zero value is empty and ready.
type Memory struct {
	mu        sync.Mutex
	reminders map[key]*reminder
	notices   map[string]*kept
	events    []outbox.Event
	fault     Fault
	passed    time.Duration
	claims    int64
}

type key struct {
	user         identity.UserID
	conversation string
}

type reminder struct {
	notice.Reminder
	told time.Time
	due  time.Time
}

type kept struct {
	notice.Notice
	made, due time.Time
	claim     int64
}

var _ notice.Store = (*Memory)(nil)

// Break makes what changes something misbehave until it is told otherwise.
func (m *Memory) Break(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

// Pass moves the store's clock.
func (m *Memory) Pass(by time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passed += by
}

// Events are those in the outbox.
func (m *Memory) Events() []outbox.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

func (m *Memory) now() time.Time { return time.Now().Add(m.passed) }

// change runs f under the lock, with the fault that is set.
func (m *Memory) change(ctx context.Context, f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.reminders == nil {
		m.reminders, m.notices = map[key]*reminder{}, map[string]*kept{}
	}
	if m.fault == Fails {
		return ErrBroken
	}
	f()
	if m.fault == FailsButPersists {
		return ErrBroken
	}
	return nil
}

func (m *Memory) tell(events []outbox.Event) {
	for _, e := range events {
		if e.Check() != nil {
			panic("noticetest: the caller broke the contract: an event that does not have the fields of its kind")
		}
	}
	m.events = append(m.events, events...)
}

// Unread implements [notice.Reminders].
func (m *Memory) Unread(ctx context.Context, rows []notice.Unread, wait time.Duration) error {
	return m.change(ctx, func() {
		for _, u := range rows {
			k, due := key{u.User, u.Conversation}, m.now().Add(wait)
			r := m.reminders[k]
			if r == nil {
				r = &reminder{Reminder: notice.Reminder{User: u.User, Conversation: u.Conversation}, due: due}
				m.reminders[k] = r
			}
			if u.Seq <= r.Seq {
				continue
			}
			if r.Seq = u.Seq; r.due.IsZero() || due.Before(r.due) {
				r.due = due
			}
		}
	})
}

// ClaimReminders implements [notice.Reminders].
func (m *Memory) ClaimReminders(ctx context.Context, limit int, lease time.Duration) (all []notice.Reminder, err error) {
	err = m.change(ctx, func() {
		var due []*reminder
		for _, r := range m.reminders {
			if !r.due.IsZero() && !r.due.After(m.now()) {
				due = append(due, r)
			}
		}
		slices.SortFunc(due, func(a, b *reminder) int {
			return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.User, b.User), cmp.Compare(a.Conversation, b.Conversation))
		})
		for _, r := range due[:min(limit, len(due))] {
			m.claims++
			r.due, r.Claim = m.now().Add(lease), m.claims
			if !r.told.IsZero() {
				r.Ago = m.now().Sub(r.told)
			}
			all = append(all, r.Reminder)
		}
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// held is the reminder, if the claim holds.
func (m *Memory) held(c notice.Reminder) *reminder {
	r := m.reminders[key{c.User, c.Conversation}]
	if r == nil || r.Claim != c.Claim || c.Claim == 0 {
		return nil
	}
	return r
}

// Remind implements [notice.Reminders].
func (m *Memory) Remind(ctx context.Context, c notice.Reminder, n notice.Next, e outbox.Event) (done bool, err error) {
	err = m.change(ctx, func() {
		r := m.held(c)
		if r == nil {
			return
		}
		m.tell([]outbox.Event{e})
		r.Claim, r.Step, r.Told, r.told, done = 0, n.Step, c.Seq, m.now(), true
		switch {
		case n.Wait > 0:
			r.due = m.now().Add(n.Wait)
		case r.Seq > c.Seq:
			r.due = m.now().Add(n.Again)
		default:
			r.due = time.Time{}
		}
	})
	return done && err == nil, err
}

// Postpone implements [notice.Reminders].
func (m *Memory) Postpone(ctx context.Context, c notice.Reminder, wait time.Duration) error {
	return m.change(ctx, func() {
		if r := m.held(c); r != nil {
			r.Claim, r.due = 0, m.now().Add(wait)
		}
	})
}

// Forget implements [notice.Reminders].
func (m *Memory) Forget(ctx context.Context, c notice.Reminder) error {
	return m.change(ctx, func() {
		if r := m.held(c); r != nil && r.Seq == c.Seq {
			delete(m.reminders, key{c.User, c.Conversation})
		}
	})
}

// Keep implements [notice.Notices].
func (m *Memory) Keep(ctx context.Context, n notice.Notice, wait time.Duration) (got notice.Notice, err error) {
	err = m.change(ctx, func() {
		if m.notices[n.ID] == nil {
			n.Channels = slices.Clone(n.Channels)
			m.notices[n.ID] = &kept{Notice: n, made: m.now(), due: m.now().Add(wait)}
		}
		got = m.notices[n.ID].Notice
	})
	return got, err
}

// ClaimNotices implements [notice.Notices].
func (m *Memory) ClaimNotices(ctx context.Context, limit int, lease time.Duration) (all []notice.Due, err error) {
	err = m.change(ctx, func() {
		var due []*kept
		for _, k := range m.notices {
			if !k.due.IsZero() && !k.due.After(m.now()) {
				due = append(due, k)
			}
		}
		slices.SortFunc(due, func(a, b *kept) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.ID, b.ID)) })
		for _, k := range due[:min(limit, len(due))] {
			m.claims++
			k.due, k.claim = m.now().Add(lease), m.claims
			all = append(all, notice.Due{Notice: k.Notice, Claim: k.claim})
		}
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Settle implements [notice.Notices].
func (m *Memory) Settle(ctx context.Context, d notice.Due, events ...outbox.Event) (done bool, err error) {
	err = m.change(ctx, func() {
		k := m.notices[d.ID]
		if k == nil || k.claim != d.Claim || d.Claim == 0 {
			return
		}
		m.tell(events)
		k.due, k.claim, done = time.Time{}, 0, true
	})
	return done && err == nil, err
}

// Delay implements [notice.Notices].
func (m *Memory) Delay(ctx context.Context, d notice.Due, wait time.Duration) error {
	return m.change(ctx, func() {
		if k := m.notices[d.ID]; k != nil && k.claim == d.Claim && d.Claim != 0 {
			k.due, k.claim = m.now().Add(wait), 0
		}
	})
}

// Expire implements [notice.Notices].
func (m *Memory) Expire(ctx context.Context, age time.Duration) error {
	return m.change(ctx, func() {
		for id, k := range m.notices {
			if k.due.IsZero() && m.now().Sub(k.made) > age {
				delete(m.notices, id)
			}
		}
		for k, r := range m.reminders {
			if r.due.IsZero() && m.now().Sub(r.told) > age {
				delete(m.reminders, k)
			}
		}
	})
}
