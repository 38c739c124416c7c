package attachtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"parley/chat/attach"
	"parley/storage/object"
)

// Memory is a store that forgets when the process ends. The zero value is empty and ready; its clock is time.Now, moved by Pass.
type Memory struct {
	mu      sync.Mutex
	passed  time.Duration
	rows    map[attach.ID]*row
	objects map[object.Key]*claimed
}

type row struct {
	attach.Row
	begun time.Time
}

type claimed struct {
	of    attach.ID
	at    time.Time
	taken bool // something refers to it
	loose bool // nothing ever will
}

var (
	_ attach.Store    = (*Memory)(nil)
	_ attach.Sweeping = (*Memory)(nil)
)

// Pass has so much time pass.
func (m *Memory) Pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passed += d
}

func (m *Memory) now() time.Time { return time.Now().Add(m.passed) }

// Begin implements [attach.Store].
func (m *Memory) Begin(ctx context.Context, r attach.Row, most attach.Day) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	count, bytes := 1, r.Announced
	for _, o := range m.rows {
		if o.Owner == r.Owner && m.now().Sub(o.begun) < 24*time.Hour {
			count, bytes = count+1, bytes+o.Announced
		}
	}
	if count > most.Count || bytes > most.Bytes {
		return attach.ErrDay
	}
	if m.rows == nil {
		m.rows, m.objects = map[attach.ID]*row{}, map[object.Key]*claimed{}
	}
	if m.rows[r.ID] != nil {
		panic("attachtest: the caller broke the contract: an id twice")
	}
	m.rows[r.ID] = &row{r, m.now()}
	return nil
}

// Load implements [attach.Store].
func (m *Memory) Load(ctx context.Context, id attach.ID) (attach.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[id]
	if r == nil || ctx.Err() != nil {
		return attach.Row{}, cmp.Or(ctx.Err(), attach.ErrUnknown)
	}
	c := r.Row
	c.Parts, c.Name = slices.Clone(c.Parts), slices.Clone(c.Name)
	return c, nil
}

// open is the row of an upload that is not finished.
func (m *Memory) open(ctx context.Context, id attach.ID) (*row, error) {
	r := m.rows[id]
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case r == nil:
		return nil, attach.ErrUnknown
	case r.Done:
		return nil, attach.ErrMoved
	}
	return r, nil
}

// Claim implements [attach.Store].
func (m *Memory) Claim(ctx context.Context, id attach.ID, objects ...object.Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.open(ctx, id); err != nil {
		return err
	}
	for _, o := range objects {
		if m.objects[o] != nil {
			panic("attachtest: the caller broke the contract: an object twice")
		}
		m.objects[o] = &claimed{of: id, at: m.now()}
	}
	return nil
}

// Advance implements [attach.Store].
func (m *Memory) Advance(ctx context.Context, id attach.ID, p attach.Part) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.open(ctx, id)
	if err != nil {
		return err
	}
	if r.Received != p.Start {
		return attach.ErrMoved
	}
	if err := m.take(id, p.Object); err != nil {
		return err
	}
	r.Parts, r.Received = append(r.Parts, p), p.Start+p.Size
	return nil
}

func (m *Memory) take(id attach.ID, objects ...object.Key) error {
	for _, o := range objects {
		if c := m.objects[o]; c == nil || c.of != id || c.taken || c.loose {
			return attach.ErrLost
		}
	}
	for _, o := range objects {
		m.objects[o].taken = true
	}
	return nil
}

// Finish implements [attach.Store].
func (m *Memory) Finish(ctx context.Context, id attach.ID, s attach.Stored) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.open(ctx, id)
	if err != nil {
		return err
	}
	objects := []object.Key{s.Body}
	if s.Thumb != "" {
		objects = append(objects, s.Thumb)
	}
	if err := m.take(id, objects...); err != nil {
		return err
	}
	for _, p := range r.Parts {
		m.objects[p.Object].loose = true
	}
	r.Stored, r.Done, r.Parts, r.Received = s, true, nil, r.Announced
	return nil
}

// Use implements [attach.Store].
func (m *Memory) Use(ctx context.Context, id attach.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[id]
	if r == nil || !r.Done || ctx.Err() != nil {
		return cmp.Or(ctx.Err(), attach.ErrUnknown)
	}
	r.Used = true
	return nil
}

// Orphans implements [attach.Sweeping].
func (m *Memory) Orphans(ctx context.Context, limit int) ([]object.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	ended := map[attach.ID]bool{}
	for id, r := range m.rows {
		if !r.Used && m.now().Sub(r.begun) > attach.Life {
			ended[id] = true
			delete(m.rows, id)
		}
	}
	var found []object.Key
	for _, o := range slices.Sorted(maps.Keys(m.objects)) {
		c := m.objects[o]
		c.loose = c.loose || ended[c.of] || !c.taken && m.now().Sub(c.at) > attach.Put
		if c.loose && len(found) < limit {
			found = append(found, o)
		}
	}
	return found, nil
}

// Forget implements [attach.Sweeping].
func (m *Memory) Forget(ctx context.Context, objects []object.Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, o := range objects {
		if c := m.objects[o]; c != nil && c.loose {
			delete(m.objects, o)
		}
	}
	return nil
}
