package crowdtest

import (
	"context"
	"slices"
	"sync"
	"time"

	"parley/chat/crowd"
	"parley/internal/identity"
)

// Memory is a crowd.Store in memory. The zero value is empty.
type Memory struct {
	mu    sync.Mutex
	rooms map[crowd.RoomID]*kept
	// Fault, when set, is asked before (effect false) and after an append takes effect; an error it returns is the append's.
	Fault func(effect bool) error
}

type kept struct {
	crowd.Room
	log    []crowd.Entry
	people map[identity.UserID]crowd.Person
}

var _ crowd.Store = (*Memory)(nil)

// Open implements [crowd.Store].
func (m *Memory) Open(_ context.Context, r crowd.Room) (crowd.Room, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.rooms {
		if k.Key == r.Key {
			return k.Room, nil
		}
	}
	if m.rooms == nil {
		m.rooms = map[crowd.RoomID]*kept{}
	}
	r.Head, r.Closed = 0, time.Time{}
	m.rooms[r.ID] = &kept{Room: r, people: map[identity.UserID]crowd.Person{}}
	return r, nil
}

func (m *Memory) get(id crowd.RoomID) (*kept, error) {
	if k := m.rooms[id]; k != nil {
		return k, nil
	}
	return nil, crowd.ErrUnknown
}

// Load implements [crowd.Store].
func (m *Memory) Load(_ context.Context, id crowd.RoomID) (crowd.Room, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, err := m.get(id)
	if err != nil {
		return crowd.Room{}, err
	}
	return k.Room, nil
}

// Change implements [crowd.Store].
func (m *Memory) Change(_ context.Context, id crowd.RoomID, slow *time.Duration, closed *time.Time) (crowd.Room, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, err := m.get(id)
	if err != nil {
		return crowd.Room{}, err
	}
	if slow != nil {
		k.Slow = *slow
	}
	if closed != nil && k.Closed.IsZero() {
		k.Closed = *closed
	}
	return k.Room, nil
}

// Append implements [crowd.Store].
func (m *Memory) Append(_ context.Context, id crowd.RoomID, rows []crowd.Row) ([]crowd.Placed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fault(false); err != nil {
		return nil, err
	}
	k, err := m.get(id)
	if err != nil {
		return nil, err
	}
	placed := make([]crowd.Placed, len(rows))
	for i, r := range rows {
		at := slices.IndexFunc(k.log, func(e crowd.Entry) bool { return e.User == r.User && e.CID == r.CID })
		if at >= 0 {
			placed[i] = crowd.Placed{Seq: k.log[at].Seq, Dup: true}
			continue
		}
		k.Head++
		r.Sealed = slices.Clone(r.Sealed)
		k.log = append(k.log, crowd.Entry{Seq: k.Head, Row: r})
		placed[i].Seq = k.Head
	}
	return placed, m.fault(true)
}

func (m *Memory) fault(effect bool) error {
	if m.Fault == nil {
		return nil
	}
	return m.Fault(effect)
}

// Read implements [crowd.Store].
func (m *Memory) Read(_ context.Context, id crowd.RoomID, after uint64, limit int) ([]crowd.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.rooms[id]
	if k == nil || after >= uint64(len(k.log)) {
		return nil, nil
	}
	rest := k.log[after:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

// Person implements [crowd.Store].
func (m *Memory) Person(_ context.Context, id crowd.RoomID, user identity.UserID) (crowd.Person, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.rooms[id]; k != nil {
		if p, ok := k.people[user]; ok {
			return p, nil
		}
	}
	return crowd.Person{}, crowd.ErrUnknown
}

// SetPerson implements [crowd.Store].
func (m *Memory) SetPerson(_ context.Context, id crowd.RoomID, p crowd.Person) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, err := m.get(id)
	if err != nil {
		return err
	}
	k.people[p.User] = p
	return nil
}
