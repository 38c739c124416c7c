package grant

import (
	"sync"
	"time"

	"parley/internal/identity"
)

// maxHeld bounds how many grants a node remembers; what is beyond is asked for at each use.
const maxHeld = 10_000

// memory is what a node was told of grants lately.
type memory struct {
	now func() time.Time

	mu    sync.Mutex
	by    map[Hash]held
	drops uint64
	swept time.Time
}

type held struct {
	seat  Seat
	until time.Time
}

func (m *memory) get(word Hash) (Seat, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.by[word]
	if !ok || !m.now().Before(h.until) {
		return Seat{}, false
	}
	return h.seat, true
}

// count is how often something was dropped.
func (m *memory) count() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.drops
}

// put remembers an answer, unless something was dropped since it was asked for: it may be older than the revocation.
func (m *memory) put(word Hash, h held, drops uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	if m.drops == drops && len(m.by) < maxHeld {
		m.by[word] = h
	}
}

func (m *memory) drop(r identity.Revocation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drops++
	for word, h := range m.by {
		if r.User != "" && h.seat.By.User == r.User || r.TokenID != "" && h.seat.By.TokenID == r.TokenID {
			delete(m.by, word)
		}
	}
}

// sweep forgets, now and then, what is no longer fresh.
func (m *memory) sweep() {
	now := m.now()
	if now.Sub(m.swept) < Fresh {
		return
	}
	m.swept = now
	for word, h := range m.by {
		if !now.Before(h.until) {
			delete(m.by, word)
		}
	}
}
