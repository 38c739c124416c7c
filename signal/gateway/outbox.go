package gateway

import (
	"sync"

	"parley/internal/identity"
	"parley/signal/wire"
)

// push is a frame that waits for the owner to write it. line is shared with other sessions.
type push struct {
	kind         wire.Kind
	line         []byte
	conversation string          // of what may be dropped; empty for what may not
	seq          uint64          // of an entry
	typist       identity.UserID // of a hint that somebody types
	loose        bool            // lost when there is no room, as a hint that somebody types is: it leaves no mark
}

// outbox is what others have for a session's client, in order, bounded in bytes. Any goroutine may put; only the owner
// takes. When it is full, all entries and cursors in it give way to marks: a dirty conversation is one whose log the client
// has to read, a changed one, or a changed interview, is asked for anew by the owner. There are never more marks than
// conversations and interviews of the user.
type outbox struct {
	max  int
	wake func() // called after there is something to take

	mu         sync.Mutex
	queue      []push
	bytes      int
	dirty      map[string]uint64 // conversation → head
	changed    map[string]struct{}
	interviews map[string]struct{}
	read       []byte // the client's message, if there is one
	unread     bool   // there is one
	doubtful   bool   // hints may have been lost
	stirred    bool   // somebody who is watched came or left
	ending     *ending
}

// load is what the owner takes at once.
type load struct {
	pushes     []push
	dirty      map[string]uint64
	changed    map[string]struct{}
	interviews map[string]struct{}
	doubt      bool
	stirred    bool
	more       bool
}

func (l load) empty() bool {
	return len(l.pushes)+len(l.dirty)+len(l.changed)+len(l.interviews) == 0 && !l.doubt && !l.stirred
}

func newOutbox(max int, wake func()) outbox { return outbox{max: max, wake: wake} }

// put queues a frame; false says that it, or what waited, was dropped for marks.
func (o *outbox) put(p push) bool {
	defer o.wake()
	o.mu.Lock()
	defer o.mu.Unlock()
	if head, isDirty := o.dirty[p.conversation]; isDirty && p.seq > 0 {
		o.dirty[p.conversation] = max(head, p.seq)
		return true
	}
	if o.bytes+len(p.line) <= o.max {
		o.queue = append(o.queue, p)
		o.bytes += len(p.line)
		return true
	}
	o.overflow(p)
	return false
}

// overflow turns what may be dropped into marks. What may not must fit then, or the client is beyond help.
func (o *outbox) overflow(last push) {
	kept := o.queue[:0]
	o.bytes = 0
	for _, p := range append(o.queue, last) {
		switch {
		case p.typist != "", p.loose:
		case p.seq > 0:
			mark(&o.dirty, p.conversation, max(o.dirty[p.conversation], p.seq))
		case p.conversation != "":
			mark(&o.changed, p.conversation, struct{}{})
		default:
			kept = append(kept, p)
			o.bytes += len(p.line)
		}
	}
	clear(o.queue[min(len(kept), len(o.queue)):])
	o.queue = kept
	if o.bytes > o.max && o.ending == nil {
		o.ending = &ending{code: wire.CloseStalled, reason: "stalled"}
	}
}

func mark[K comparable, V any](m *map[K]V, key K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = v
}

// change marks a conversation whose view the client needs anew.
func (o *outbox) change(conversation string) {
	defer o.wake()
	o.mu.Lock()
	defer o.mu.Unlock()
	mark(&o.changed, conversation, struct{}{})
}

// interview marks an interview whose view the client needs anew.
func (o *outbox) interview(id string) {
	defer o.wake()
	o.mu.Lock()
	defer o.mu.Unlock()
	mark(&o.interviews, id, struct{}{})
}

// doubt has the owner look for what hints should have brought.
func (o *outbox) doubt() {
	defer o.wake()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.doubtful = true
}

// leave leaves a message of the client's; there is never more than one. Its caller wakes the owner.
func (o *outbox) leave(message []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.read, o.unread = message, true
}

// message gives the owner the client's message, if there is one.
func (o *outbox) message() ([]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	m, ok := o.read, o.unread
	o.read, o.unread = nil, false
	return m, ok
}

// stir has the owner look who of those that the client watches is here.
func (o *outbox) stir() {
	defer o.wake()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stirred = true
}

// end asks the owner to end the session; the first to ask decides how.
func (o *outbox) end(e *ending) {
	defer o.wake()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending == nil {
		o.ending = e
	}
}

func (o *outbox) ended() *ending {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ending
}

// take gives the owner all marks and the first frames, no more than fit one message.
func (o *outbox) take() load {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := load{dirty: o.dirty, changed: o.changed, interviews: o.interviews, doubt: o.doubtful, stirred: o.stirred}
	o.dirty, o.changed, o.interviews, o.doubtful, o.stirred = nil, nil, nil, false, false
	n, size := 0, 0
	for n < len(o.queue) && n < wire.MaxFrames && (n == 0 || size+len(o.queue[n].line) <= messageBytes) {
		size += len(o.queue[n].line)
		n++
	}
	l.pushes = o.queue[:n:n]
	o.bytes -= size
	if o.queue = o.queue[n:]; len(o.queue) == 0 {
		o.queue = nil
	}
	l.more = len(o.queue) > 0
	return l
}
