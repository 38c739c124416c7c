package moderationtest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"parley/chat/moderation"
	"parley/internal/identity"
	"parley/internal/outbox"
)

// Store is what a suite runs against.
type Store = moderation.Store

// ErrBroken is what a broken store answers.
var ErrBroken = errors.New("moderationtest: the store is broken")

// Memory is a store that forgets when the process ends. Its zero value is empty and ready.
type Memory struct {
	// Now is its clock; nil means the real one.
	Now func() time.Time

	mu       sync.Mutex
	silences map[identity.UserID]moderation.SilenceRow
	reports  []moderation.ReportRow
	events   []outbox.Event
	broken   bool
}

var _ Store = (*Memory)(nil)

// Break makes every call fail until it is told otherwise.
func (m *Memory) Break(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = yes
}

// Events are those of the reports.
func (m *Memory) Events() []outbox.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

// enter locks; the caller unlocks.
func (m *Memory) enter(ctx context.Context) error {
	m.mu.Lock()
	if m.silences == nil {
		m.silences = map[identity.UserID]moderation.SilenceRow{}
	}
	if m.broken {
		return ErrBroken
	}
	return ctx.Err()
}

func (m *Memory) now() time.Time {
	if m.Now == nil {
		return time.Now().UTC().Truncate(time.Microsecond)
	}
	return m.Now().UTC().Truncate(time.Microsecond)
}

// Silence implements [moderation.Silences].
func (m *Memory) Silence(ctx context.Context, r moderation.SilenceRow) error {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return err
	}
	r.Set, r.Reason = m.now(), slices.Clone(r.Reason)
	m.silences[r.User] = r
	return nil
}

// Since implements [moderation.Silences].
func (m *Memory) Since(ctx context.Context, at time.Time) ([]moderation.SilenceRow, time.Time, error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return nil, time.Time{}, err
	}
	var all []moderation.SilenceRow
	for _, r := range m.silences {
		if !r.Set.Before(at) {
			all = append(all, r)
		}
	}
	return all, m.now(), nil
}

func ended(r moderation.SilenceRow, now time.Time) bool {
	return r.Kind == "" || !r.Until.IsZero() && !r.Until.After(now)
}

// Silenced implements [moderation.Silences].
func (m *Memory) Silenced(ctx context.Context, now time.Time, after identity.UserID, limit int) ([]moderation.SilenceRow, error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	var all []moderation.SilenceRow
	for _, r := range m.silences {
		if r.User > after && !ended(r, now) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b moderation.SilenceRow) int { return cmp.Compare(a.User, b.User) })
	return all[:min(limit, len(all))], nil
}

// Sweep implements [moderation.Silences].
func (m *Memory) Sweep(ctx context.Context, now time.Time) error {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return err
	}
	for u, r := range m.silences {
		if old := m.now().Add(-24 * time.Hour); r.Set.Before(old) && ended(r, now.Add(-24*time.Hour)) {
			delete(m.silences, u)
		}
	}
	return nil
}

// File implements [moderation.Reports].
func (m *Memory) File(ctx context.Context, r moderation.ReportRow, e outbox.Event) (moderation.ReportID, error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return "", err
	}
	for _, o := range m.reports {
		if o.Conversation == r.Conversation && o.Reporter == r.Reporter && o.CID == r.CID {
			return o.ID, nil
		}
	}
	m.reports = append(m.reports, r)
	if e.Kind != "" {
		m.events = append(m.events, e)
	}
	return r.ID, nil
}

// Filed implements [moderation.Reports].
func (m *Memory) Filed(ctx context.Context, reporter identity.UserID, since time.Time) (n int, err error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return 0, err
	}
	for _, r := range m.reports {
		if r.Reporter == reporter && !r.Filed.Before(since) {
			n++
		}
	}
	return n, nil
}

// Find implements [moderation.Reports].
func (m *Memory) Find(ctx context.Context, o moderation.Outcome, after moderation.ReportID, limit int) ([]moderation.ReportRow, error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	var all []moderation.ReportRow
	for _, r := range m.reports {
		if r.Outcome == o && r.ID > after {
			r.Entries = nil
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b moderation.ReportRow) int { return cmp.Compare(a.ID, b.ID) })
	return all[:min(limit, len(all))], nil
}

// Load implements [moderation.Reports].
func (m *Memory) Load(ctx context.Context, id moderation.ReportID) (moderation.ReportRow, bool, error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return moderation.ReportRow{}, false, err
	}
	for _, r := range m.reports {
		if r.ID == id {
			return r, true, nil
		}
	}
	return moderation.ReportRow{}, false, nil
}

// Close implements [moderation.Reports].
func (m *Memory) Close(ctx context.Context, id moderation.ReportID, o moderation.Outcome, at time.Time) (bool, error) {
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return false, err
	}
	for i := range m.reports {
		if r := &m.reports[i]; r.ID == id && r.Outcome == moderation.Open {
			r.Outcome, r.Closed = o, at
			return true, nil
		}
	}
	return false, nil
}
