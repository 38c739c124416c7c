package interviewtest

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"parley/signal/interview"
)

// Memory is a Store that forgets when the process ends. The zero value is empty and ready.
type Memory struct {
	mu   sync.Mutex
	rows []interview.Interview
	fail error
}

// Fail makes every call answer err from now on; nil makes it work again.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Create implements [interview.Store].
func (m *Memory) Create(_ context.Context, i interview.Interview) (interview.Interview, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return interview.Interview{}, false, m.fail
	}
	for _, other := range m.rows {
		if i.Key != "" && other.Key == i.Key {
			return clone(other), false, nil
		}
	}
	for _, other := range m.rows {
		if other.Conversation == i.Conversation && other.State != interview.Ended {
			return clone(other), false, nil
		}
	}
	m.rows = append(m.rows, clone(i))
	return i, true, nil
}

// Load implements [interview.Store].
func (m *Memory) Load(_ context.Context, id interview.ID) (interview.Interview, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.rows {
		if i.ID == id && m.fail == nil {
			return clone(i), nil
		}
	}
	return interview.Interview{}, cmp.Or(m.fail, interview.ErrUnknown)
}

// Claim implements [interview.Store].
func (m *Memory) Claim(_ context.Context, id interview.ID, epoch uint64) (interview.Interview, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := slices.IndexFunc(m.rows, func(row interview.Interview) bool { return row.ID == id })
	if n < 0 || m.fail != nil {
		return interview.Interview{}, cmp.Or(m.fail, interview.ErrUnknown)
	}
	if m.rows[n].Epoch > epoch {
		return interview.Interview{}, interview.ErrFenced
	}
	m.rows[n].Epoch = epoch
	return clone(m.rows[n]), nil
}

// Save implements [interview.Store].
func (m *Memory) Save(_ context.Context, i interview.Interview) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := slices.IndexFunc(m.rows, func(row interview.Interview) bool { return row.ID == i.ID })
	if n < 0 || m.fail != nil {
		return cmp.Or(m.fail, interview.ErrUnknown)
	}
	saved, was := clone(i), m.rows[n]
	if was.Epoch > saved.Epoch {
		return interview.ErrFenced
	}
	saved.Key, saved.Conversation, saved.Opened = was.Key, was.Conversation, was.Opened
	m.rows[n] = saved
	return nil
}

// List implements [interview.Store].
func (m *Memory) List(_ context.Context, f interview.Filter, limit int) ([]interview.Interview, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []interview.Interview
	for _, i := range m.rows {
		if matches(i, f) {
			found = append(found, clone(i))
		}
	}
	slices.SortFunc(found, func(a, b interview.Interview) int { return cmp.Compare(a.ID, b.ID) })
	return found[:min(limit, len(found))], m.fail
}

func matches(i interview.Interview, f interview.Filter) bool {
	takesPart := func(p interview.Participant) bool { return p.User == f.User }
	return (f.User == "" || slices.ContainsFunc(i.Participants, takesPart)) &&
		(f.Conversation == "" || i.Conversation == f.Conversation) &&
		(f.Key == "" || i.Key == f.Key) &&
		(len(f.States) == 0 || slices.Contains(f.States, i.State)) &&
		(f.OpenedBefore.IsZero() || i.Opened.Before(f.OpenedBefore)) &&
		(!f.Unposted || i.Posted != i.State) &&
		i.ID > f.After
}

func clone(i interview.Interview) interview.Interview {
	i.Participants = slices.Clone(i.Participants)
	return i
}
