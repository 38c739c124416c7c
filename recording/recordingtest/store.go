package recordingtest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/outbox"
	"parley/internal/policy"
	"parley/recording"
)

// Store runs the suite. fresh is called once a test; each call of what it returns opens the same, at first empty,
// store again, as after a restart.
func Store(t *testing.T, fresh func(t *testing.T) func() recording.Store) {
	for name, f := range map[string]func(*testing.T, func() recording.Store){
		"WhatWasSavedIsThereAfterARestart": savedIsThere,
		"SavingAgainReplaces":              savingAgainReplaces,
		"WhatIsNotThereIsNotFound":         notThere,
		"ListIsOneInterviewOldestFirst":    listIsOneInterview,
		"PendingIsThisNodesUnfinished":     pendingIsUnfinished,
		"AnOlderEpochIsRefused":            anOlderEpochIsRefused,
		"OneOfManyAdopts":                  oneOfManyAdopts,
	} {
		t.Run(name, func(t *testing.T) { f(t, fresh(t)) })
	}
}

func row(id, interview string, minute int, s recording.State) recording.Row {
	at := time.Date(2026, 3, 1, 9, minute, 0, 123000, time.UTC)
	return recording.Row{ID: recording.ID(id), Interview: interview, Node: "n1", Epoch: 1, State: s, Started: at,
		Sealed: []byte("sealed " + id)}
}

func save(t *testing.T, s recording.Store, rows ...recording.Row) {
	t.Helper()
	for _, r := range rows {
		if err := s.Save(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func equal(a, b recording.Row) bool {
	sealed := bytes.Equal(a.Sealed, b.Sealed) && a.Started.Equal(b.Started) && a.Ended.Equal(b.Ended)
	return sealed && a.ID == b.ID && a.Epoch == b.Epoch && a.Interview == b.Interview && a.Node == b.Node && a.State == b.State && a.Stored == b.Stored
}

func wantRow(t *testing.T, s recording.Store, want recording.Row) {
	t.Helper()
	if got, err := s.Get(t.Context(), want.ID); err != nil || !equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func savedIsThere(t *testing.T, open func() recording.Store) {
	s := open()
	running, ended := row("a", "i1", 1, recording.StateRecording), row("b", "i1", 2, recording.StateSealed)
	ended.Ended, ended.Stored = ended.Started.Add(time.Hour), true
	save(t, s, running, ended)
	s = open()
	wantRow(t, s, running)
	wantRow(t, s, ended)
}

func savingAgainReplaces(t *testing.T, open func() recording.Store) {
	s := open()
	r := row("a", "i1", 1, recording.StateRecording)
	save(t, s, r, r)
	wantRow(t, s, r)
	r.State, r.Ended, r.Stored, r.Sealed = recording.StateRecovered, r.Started.Add(time.Second), true, []byte("other")
	save(t, s, r)
	wantRow(t, s, r)
	if list, err := s.List(t.Context(), "i1"); err != nil || len(list) != 1 {
		t.Errorf("%d rows, %v; want 1", len(list), err)
	}
}

func notThere(t *testing.T, open func() recording.Store) {
	s := open()
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	if list, err := s.List(t.Context(), "i1"); err != nil || len(list) != 0 {
		t.Errorf("%d rows, %v; want none", len(list), err)
	}
}

func listIsOneInterview(t *testing.T, open func() recording.Store) {
	s := open()
	save(t, s, row("c", "i1", 3, recording.StateSealed), row("a", "i1", 1, recording.StateFailed),
		row("x", "i2", 2, recording.StateSealed), row("b", "i1", 2, recording.StateRecording))
	list, err := s.List(t.Context(), "i1")
	if got := ids(list); err != nil || got != "a b c" {
		t.Errorf("got %q, %v; want a b c", got, err)
	}
}

func pendingIsUnfinished(t *testing.T, open func() recording.Store) {
	s := open()
	done, other := row("d", "i1", 4, recording.StateSealed), row("e", "i1", 5, recording.StateSealed)
	done.Stored, other.Node = true, "n2"
	save(t, s, row("c", "i1", 3, recording.StateSealed), row("b", "i2", 2, recording.StateRecovered),
		row("a", "i3", 1, recording.StateRecording), row("f", "i1", 6, recording.StateFailed), done, other)
	list, err := s.Pending(t.Context(), "n1")
	if got := ids(list); err != nil || got != "a b c" {
		t.Errorf("got %q, %v; want a b c", got, err)
	}
	list, err = s.Pending(t.Context(), "")
	if got := ids(list); err != nil || got != "a b c e" {
		t.Errorf("of all nodes %q, %v; want a b c e", got, err)
	}
}

func anOlderEpochIsRefused(t *testing.T, open func() recording.Store) {
	s := open()
	r := row("a", "i1", 1, recording.StateRecording)
	save(t, s, r)
	if err := s.Adopt(t.Context(), r.ID, "n2", 1); err != nil {
		t.Fatal(err)
	}
	old := r
	old.State, old.Sealed = recording.StateSealed, []byte("by the former owner")
	if err := s.Save(t.Context(), old); !errors.Is(err, recording.ErrFenced) {
		t.Errorf("the former owner's write: %v", err)
	}
	r.Node, r.Epoch = "n2", 2
	s = open()
	wantRow(t, s, r)
	r.State, r.Ended = recording.StateRecovered, r.Started.Add(time.Minute)
	save(t, s, r)
	wantRow(t, s, r)
}

func oneOfManyAdopts(t *testing.T, open func() recording.Store) {
	s := open()
	r := row("a", "i1", 1, recording.StateRecording)
	save(t, s, r)
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wg.Go(func() { results[i] = s.Adopt(t.Context(), r.ID, "n"+string(rune('a'+i)), 1) })
	}
	wg.Wait()
	won := ""
	for i, err := range results {
		switch {
		case err == nil && won == "":
			won = "n" + string(rune('a'+i))
		case !errors.Is(err, recording.ErrFenced):
			t.Errorf("adopting: %v", err)
		}
	}
	if got, err := s.Get(t.Context(), r.ID); err != nil || got.Node != won || got.Epoch != 2 {
		t.Errorf("got %+v, %v; want it at %s", got, err, won)
	}
	if err := s.Adopt(t.Context(), "nothing", "n1", 1); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("adopting nothing: %v", err)
	}
}

func ids(list []recording.Row) string {
	var s []string
	for _, r := range list {
		s = append(s, string(r.ID))
	}
	return strings.Join(s, " ")
}

// ErrInjected is what the doubles fail with.
var ErrInjected = errors.New("recordingtest: injected failure")

// Fault says whether, and how, a call fails: before anything was done, or after all was done.
type Fault int

// Faults. The zero value is none.
const (
	None Fault = iota
	Fails
	FailsButPersisted
)

// MemoryStore is a [recording.Store] in memory. Fault, when set, is asked before each Save.
type MemoryStore struct {
	Fault func(recording.Row) Fault

	mu     sync.Mutex
	rows   map[recording.ID]recording.Row
	events []outbox.Event
}

// NewStore makes an empty one.
func NewStore() *MemoryStore { return &MemoryStore{rows: map[recording.ID]recording.Row{}} }

// Save implements [recording.Store].
func (m *MemoryStore) Save(ctx context.Context, r recording.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fault := None
	if m.Fault != nil {
		fault = m.Fault(r)
	}
	if ctx.Err() != nil || fault == Fails {
		return errors.Join(ctx.Err(), ErrInjected)
	}
	if m.rows[r.ID].Epoch > r.Epoch {
		return recording.ErrFenced
	}
	r.Sealed = bytes.Clone(r.Sealed)
	if r.Event != (outbox.Event{}) && !slices.Contains(m.events, r.Event) {
		m.events = append(m.events, r.Event)
	}
	r.Event = outbox.Event{}
	m.rows[r.ID] = r
	if fault == FailsButPersisted {
		return ErrInjected
	}
	return nil
}

// Events are those that rows were saved with, each once.
func (m *MemoryStore) Events() []outbox.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events)
}

// Adopt implements [recording.Store].
func (m *MemoryStore) Adopt(_ context.Context, id recording.ID, node string, epoch uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.rows[id]
	switch {
	case !ok:
		return policy.ErrNotFound
	case r.Epoch != epoch:
		return recording.ErrFenced
	}
	r.Node, r.Epoch = node, epoch+1
	m.rows[id] = r
	return nil
}

// Get implements [recording.Store].
func (m *MemoryStore) Get(_ context.Context, id recording.ID) (recording.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.rows[id]
	if !ok {
		return r, policy.ErrNotFound
	}
	return r, nil
}

// List implements [recording.Store].
func (m *MemoryStore) List(_ context.Context, interview string) ([]recording.Row, error) {
	return m.pick(func(r recording.Row) bool { return r.Interview == interview }), nil
}

// Pending implements [recording.Store].
func (m *MemoryStore) Pending(_ context.Context, node string) ([]recording.Row, error) {
	return m.pick(func(r recording.Row) bool {
		return (r.Node == node || node == "") && !r.Stored && r.State != recording.StateFailed
	}), nil
}

func (m *MemoryStore) pick(want func(recording.Row) bool) []recording.Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []recording.Row
	for _, r := range m.rows {
		if want(r) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b recording.Row) int {
		if c := a.Started.Compare(b.Started); c != 0 {
			return c
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	return list
}

// Clone copies the rows as they are.
func (m *MemoryStore) Clone() *MemoryStore {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &MemoryStore{rows: maps.Clone(m.rows), events: slices.Clone(m.events)}
}
