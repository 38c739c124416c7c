package privacytest

import (
	"context"
	"slices"
	"sync"

	"parley/internal/policy"
	"parley/internal/privacy"
)

// Memory is a Store that forgets when the process ends. The zero value is empty and ready.
type Memory struct {
	mu  sync.Mutex
	log []privacy.Entry
	// Fail, when set, is what every call returns.
	Fail error
}

// Break sets Fail while others use the store.
func (m *Memory) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Fail = err
}

// Append implements [privacy.Store].
func (m *Memory) Append(_ context.Context, e privacy.Entry) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return 0, m.Fail
	}
	e.Seq = uint64(len(m.log)) + 1
	e.Sealed = slices.Clone(e.Sealed)
	m.log = append(m.log, e)
	return e.Seq, nil
}

// Last implements [privacy.Store].
func (m *Memory) Last(_ context.Context, s privacy.Hash, p policy.Purpose, context string) (privacy.Entry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range slices.Backward(m.log) {
		if e.Subject == s && e.Purpose == p && e.Context == context {
			return e, true, m.Fail
		}
	}
	return privacy.Entry{}, false, m.Fail
}

// History implements [privacy.Store].
func (m *Memory) History(_ context.Context, s privacy.Hash, after uint64, limit int) ([]privacy.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []privacy.Entry
	for _, e := range m.log {
		if e.Subject == s && e.Seq > after && len(found) < limit {
			found = append(found, e)
		}
	}
	return found, m.Fail
}

// Subjects are the hashes that have entries, in the order of their first.
func (m *Memory) Subjects() []privacy.Hash {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []privacy.Hash
	for _, e := range m.log {
		if !slices.Contains(all, e.Subject) {
			all = append(all, e.Subject)
		}
	}
	return all
}
