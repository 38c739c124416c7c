package chattest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"parley/signal/wire"
)

// History collects what clients did and saw and says whether it could have happened with a log that keeps its promises:
// no acknowledged entry lost, none twice, contiguous, the same order and content on every device, cursors monotone. It
// speaks in frames so that tests of every floor can use it. Any goroutine may call it; the zero value is empty.
type History struct {
	mu      sync.Mutex
	sent    map[entryName][]byte
	acks    map[entryName][]ack
	devices map[string]map[string][]wire.Entry // device → conversation → entries in the order shown
	cursors map[cursorName][]wire.ChatCursor
	logs    map[string][]wire.Entry
}

type (
	entryName  struct{ conversation, sender, cid string }
	cursorName struct{ device, conversation, user string }
	ack        struct {
		seq  uint64
		time time.Time
		dup  bool
	}
)

func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// Sent says that a client was about to send this for the first time.
func (h *History) Sent(conversation, sender, cid string, content []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	put(&h.sent, entryName{conversation, sender, cid}, content)
}

// Acked says that a sender got an acknowledgement.
func (h *History) Acked(sender string, a wire.ChatAck) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := entryName{a.Conversation, sender, a.CID}
	put(&h.acks, n, append(h.acks[n], ack{a.Seq, a.Time, a.Dup}))
}

// Saw says that a device showed the entry, after what it had shown of that conversation before.
func (h *History) Saw(device string, e wire.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.devices[device]
	put(&d, e.Conversation, append(d[e.Conversation], e))
	put(&h.devices, device, d)
}

// Cursor says that a device was told of a member's cursors.
func (h *History) Cursor(device string, c wire.ChatCursor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := cursorName{device, c.Conversation, c.User}
	put(&h.cursors, n, append(h.cursors[n], c))
}

// Log gives a conversation's whole log as it stands at the end.
func (h *History) Log(conversation string, entries []wire.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	put(&h.logs, conversation, entries)
}

// Check returns everything that is wrong, or nil.
func (h *History) Check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var wrong []error
	for id, log := range h.logs {
		wrong = append(wrong, h.checkLog(id, log)...)
	}
	for n, acks := range h.acks {
		wrong = append(wrong, h.checkAcks(n, acks)...)
	}
	for device, seen := range h.devices {
		for id, entries := range seen {
			wrong = append(wrong, h.checkDevice(device, h.logs[id], entries)...)
		}
	}
	for n, moves := range h.cursors {
		wrong = append(wrong, h.checkCursors(n, moves)...)
	}
	return errors.Join(wrong...)
}

func (h *History) checkLog(id string, log []wire.Entry) (wrong []error) {
	names := map[entryName]uint64{}
	for i, e := range log {
		if e.Seq != uint64(i+1) || e.Conversation != id {
			wrong = append(wrong, fmt.Errorf("log of %s: place %d holds seq %d of %s", id, i+1, e.Seq, e.Conversation))
		}
		n := entryName{id, e.Sender, e.CID}
		if first, ok := names[n]; ok {
			wrong = append(wrong, fmt.Errorf("log of %s: seq %d repeats seq %d", id, e.Seq, first))
		}
		names[n] = e.Seq
		if e.Sender == "" {
			continue
		}
		if sent, ok := h.sent[n]; !ok || !bytes.Equal(sent, e.Content) {
			wrong = append(wrong, fmt.Errorf("log of %s: nobody sent what seq %d holds", id, e.Seq))
		}
	}
	return wrong
}

func (h *History) checkAcks(n entryName, acks []ack) (wrong []error) {
	log, first := h.logs[n.conversation], 0
	for _, a := range acks {
		if a.seq == 0 || a.seq > uint64(len(log)) {
			wrong = append(wrong, fmt.Errorf("ack of %s: seq %d is not in the log of %s", n.cid, a.seq, n.conversation))
			continue
		}
		e := log[a.seq-1]
		if e.CID != n.cid || e.Sender != n.sender || !e.Time.Equal(a.time) {
			wrong = append(wrong, fmt.Errorf("ack of %s: seq %d of %s is something else", n.cid, a.seq, n.conversation))
		}
		if !a.dup {
			first++
		}
	}
	if first > 1 {
		wrong = append(wrong, fmt.Errorf("ack of %s: %d acks say that they were the first", n.cid, first))
	}
	return wrong
}

func (h *History) checkDevice(device string, log, seen []wire.Entry) (wrong []error) {
	for i, e := range seen {
		if i > 0 && e.Seq != seen[i-1].Seq+1 {
			wrong = append(wrong, fmt.Errorf("%s: seq %d follows %d", device, e.Seq, seen[i-1].Seq))
		}
		if e.Seq == 0 || e.Seq > uint64(len(log)) || !same(log[e.Seq-1], e) {
			wrong = append(wrong, fmt.Errorf("%s: seq %d differs from the log of %s", device, e.Seq, e.Conversation))
		}
	}
	return wrong
}

func same(a, b wire.Entry) bool {
	return a.Conversation == b.Conversation && a.Seq == b.Seq && a.Sender == b.Sender && a.CID == b.CID && a.Type == b.Type &&
		a.Time.Equal(b.Time) && bytes.Equal(a.Content, b.Content)
}

func (h *History) checkCursors(n cursorName, moves []wire.ChatCursor) (wrong []error) {
	head := uint64(len(h.logs[n.conversation]))
	for i, c := range moves {
		if c.Read > c.Delivered || c.Delivered > head {
			wrong = append(wrong, fmt.Errorf("%s: cursor %d/%d of %s with head %d", n.device, c.Delivered, c.Read, n.conversation, head))
		}
		if i > 0 && (c.Read < moves[i-1].Read || c.Delivered < moves[i-1].Delivered) {
			wrong = append(wrong, fmt.Errorf("%s: cursor of %s went back", n.device, n.conversation))
		}
	}
	return wrong
}
