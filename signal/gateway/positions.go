package gateway

import (
	"slices"
	"strings"
)

// position is how far the client is in a conversation's log.
type position struct {
	pushed uint64 // the last seq that was pushed, or told as the head to start from
	told   uint64 // the last head that a ping, or the welcome, has told
}

// positions are those of all conversations that a session knows, by their ids: a slice, because most sessions have few and
// there are very many sessions. The zero value has none.
type positions struct{ all []placed }

type placed struct {
	id string
	position
}

func (m *positions) find(id string) (int, bool) {
	return slices.BinarySearchFunc(m.all, id, func(p placed, id string) int { return strings.Compare(p.id, id) })
}

func (m *positions) get(id string) (position, bool) {
	i, known := m.find(id)
	if !known {
		return position{}, false
	}
	return m.all[i].position, true
}

func (m *positions) set(id string, p position) {
	i, known := m.find(id)
	if known {
		m.all[i].position = p
		return
	}
	m.all = slices.Insert(m.all, i, placed{id, p})
}

func (m *positions) drop(id string) {
	if i, known := m.find(id); known {
		m.all = slices.Delete(m.all, i, i+1)
	}
}
