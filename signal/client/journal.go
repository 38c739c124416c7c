package client

import (
	"maps"
	"sync"

	"parley/signal/wire"
)

// journal hands the entries of each conversation on in ascending order, each once and without a gap: what comes early is
// fetched again behind what is missing. It also keeps the order among all pushes.
type journal struct {
	out   func(wire.Body)
	fetch func(conversation string, after uint64) []wire.Entry
	spawn func(func())

	mu      sync.Mutex
	resumed bool // a conversation that is not known is new, and wanted from its beginning
	held    map[string]uint64
	wanted  map[string]uint64   // up to where the log is known to go
	mending map[string]struct{} // conversations being fetched
	moved   map[cursorKey]wire.ChatCursor
}

// cursorKey names a member's cursors.
type cursorKey struct{ conversation, user string }

func newJournal(resume map[string]uint64, out func(wire.Body), fetch func(string, uint64) []wire.Entry, spawn func(func())) *journal {
	j := &journal{
		out: out, fetch: fetch, spawn: spawn, resumed: resume != nil,
		held: map[string]uint64{}, wanted: map[string]uint64{}, mending: map[string]struct{}{},
		moved: map[cursorKey]wire.ChatCursor{},
	}
	maps.Copy(j.held, resume)
	return j
}

func (j *journal) cursors() map[string]uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.held)
}

// push hands on what is no entry.
func (j *journal) push(b wire.Body) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.out(b)
}

// welcome takes the conversations of a welcome. The first one starts the log of each at its head, unless the session
// resumes; what a resumed one misses the server pushes.
func (j *journal) welcome(list []wire.Conversation) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range list {
		if _, known := j.held[c.ID]; known {
			continue
		}
		j.held[c.ID] = 0
		if !j.resumed {
			j.held[c.ID] = c.Head
		}
		j.want(c.ID, c.Head)
	}
	j.resumed = true
}

func (j *journal) conversation(c wire.Conversation) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, known := j.held[c.ID]; !known {
		j.held[c.ID] = 0
	}
	j.want(c.ID, c.Head)
}

func (j *journal) heads(heads map[string]uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, head := range heads {
		j.want(id, head)
	}
}

// cursor hands on how far a member is. What comes late, from a node that was held up, says nothing new.
func (j *journal) cursor(c wire.ChatCursor) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := cursorKey{c.Conversation, c.User}
	was := j.moved[key]
	c.Delivered, c.Read = max(c.Delivered, was.Delivered), max(c.Read, was.Read)
	if c != was {
		j.moved[key] = c
		j.out(c)
	}
}

// truncate passes over what the server does not send.
func (j *journal) truncate(id string, from uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held[id] = max(j.held[id], from)
}

func (j *journal) entry(e wire.Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.next(e) {
		j.want(e.Conversation, e.Seq)
	}
}

// next hands the entry on if it is the one that follows; the caller holds mu.
func (j *journal) next(e wire.Entry) bool {
	if e.Seq != j.held[e.Conversation]+1 {
		return false
	}
	j.held[e.Conversation] = e.Seq
	j.out(wire.ChatEntry{Entry: e})
	return true
}

// want has the log fetched up to head if it is not held so far; the caller holds mu.
func (j *journal) want(id string, head uint64) {
	j.wanted[id] = max(j.wanted[id], head)
	if _, busy := j.mending[id]; busy || j.held[id] >= j.wanted[id] {
		return
	}
	j.mending[id] = struct{}{}
	j.spawn(func() { j.mend(id) })
}

// mend fetches until nothing is missing or nothing comes; then the next push, or the heads in the next ping, start it
// again.
func (j *journal) mend(id string) {
	for {
		entries := j.fetch(id, j.cursors()[id])
		j.mu.Lock()
		for _, e := range entries {
			j.next(e)
		}
		if len(entries) == 0 || j.held[id] >= j.wanted[id] {
			delete(j.mending, id)
			j.mu.Unlock()
			return
		}
		j.mu.Unlock()
	}
}
