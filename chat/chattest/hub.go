package chattest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/internal/identity"
)

// Hub is a chat.Hub that remembers what it was told and passes it on. The zero value is ready; set the functions before use.
type Hub struct {
	OnCommitted func(members []identity.UserID, e chat.Entry)
	OnMoved     func(members []identity.UserID, c chat.Cursor)

	mu      sync.Mutex
	entries []chat.Entry
	cursors []chat.Cursor
	movedTo [][]identity.UserID
	changed []chat.ConversationID
}

var _ chat.Hub = (*Hub)(nil)

// Committed implements [chat.Hub].
func (h *Hub) Committed(members []identity.UserID, e chat.Entry) {
	h.mu.Lock()
	h.entries = append(h.entries, e)
	h.mu.Unlock()
	if h.OnCommitted != nil {
		h.OnCommitted(members, e)
	}
}

// Moved implements [chat.Hub].
func (h *Hub) Moved(members []identity.UserID, c chat.Cursor) {
	h.mu.Lock()
	h.cursors = append(h.cursors, c)
	h.movedTo = append(h.movedTo, slices.Clone(members))
	h.mu.Unlock()
	if h.OnMoved != nil {
		h.OnMoved(members, c)
	}
}

// Changed implements [chat.Hub].
func (h *Hub) Changed(_ []identity.UserID, id chat.ConversationID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed = append(h.changed, id)
}

// Entries is what was committed, in the order of telling.
func (h *Hub) Entries() []chat.Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.entries)
}

// Cursors is which cursors moved, in the order of telling.
func (h *Hub) Cursors() []chat.Cursor {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.cursors)
}

// MovedTo is who was told of each of [Hub.Cursors].
func (h *Hub) MovedTo() [][]identity.UserID {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.movedTo)
}

// ChangedOf is how often it was told that the conversation changed.
func (h *Hub) ChangedOf(id chat.ConversationID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.changed {
		if c == id {
			n++
		}
	}
	return n
}

// Eventually polls until ok or fails the test after ten seconds.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
