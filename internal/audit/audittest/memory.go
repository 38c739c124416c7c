package audittest

import (
	"context"
	"errors"
	"sync"

	"parley/internal/audit"
)

// ErrBroken is what a [Memory] fails with when it was told to.
var ErrBroken = errors.New("audittest: store is broken")

// Fault says how the next appends fail.
type Fault int

// The faults.
const (
	None Fault = iota
	Fails
	FailsButPersists // the caller sees an error, the record stands
)

// Memory is a store in memory. It passes the same suite as the real ones.
type Memory struct {
	mu      sync.Mutex
	fault   Fault
	records []audit.Record
}

var _ audit.Store = (*Memory)(nil)

// Break makes appends fail until it is called with None.
func (m *Memory) Break(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

// Tamper lets f change the stored records.
func (m *Memory) Tamper(f func([]audit.Record) []audit.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = f(m.records)
}

// Append implements [audit.Store].
func (m *Memory) Append(ctx context.Context, f func(audit.Record) (audit.Record, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.fault == Fails {
		return ErrBroken
	}
	r, err := f(m.last())
	if err != nil {
		return err
	}
	m.records = append(m.records, r)
	if m.fault == FailsButPersists {
		return ErrBroken
	}
	return nil
}

// Read implements [audit.Store].
func (m *Memory) Read(_ context.Context, after uint64, limit int) ([]audit.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []audit.Record
	for _, r := range m.records {
		if r.Seq > after && len(found) < limit {
			found = append(found, r)
		}
	}
	return found, nil
}

// Last implements [audit.Store].
func (m *Memory) Last(context.Context) (audit.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last(), nil
}

func (m *Memory) last() audit.Record {
	if len(m.records) == 0 {
		return audit.Record{}
	}
	return m.records[len(m.records)-1]
}
