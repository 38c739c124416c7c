package chattest

import (
	"strings"
	"testing"

	"parley/signal/wire"
)

// possible fills a history that could have happened: three entries, acknowledged once or twice, seen on two devices.
func possible(h *History) {
	log := []wire.Entry{
		{Conversation: "c", Seq: 1, CID: "opened", Time: at(1), Type: "system", Content: []byte(`{}`)},
		{Conversation: "c", Seq: 2, Sender: "a", CID: "1", Time: at(2), Type: "text", Content: []byte(`"one"`)},
		{Conversation: "c", Seq: 3, Sender: "b", CID: "1", Time: at(3), Type: "text", Content: []byte(`"two"`)},
	}
	h.Sent("c", "a", "1", []byte(`"one"`))
	h.Sent("c", "b", "1", []byte(`"two"`))
	h.Acked("a", wire.ChatAck{Conversation: "c", CID: "1", Seq: 2, Time: at(2)})
	h.Acked("a", wire.ChatAck{Conversation: "c", CID: "1", Seq: 2, Time: at(2), Dup: true})
	h.Log("c", log)
	for _, e := range log {
		h.Saw("phone", e)
	}
	h.Saw("laptop", log[1])
	h.Cursor("phone", wire.ChatCursor{Conversation: "c", User: "a", Delivered: 2, Read: 1})
	h.Cursor("phone", wire.ChatCursor{Conversation: "c", User: "a", Delivered: 3, Read: 3})
}

func TestAHistoryThatCouldHaveHappenedPasses(t *testing.T) {
	var h History
	possible(&h)
	if err := h.Check(); err != nil {
		t.Error(err)
	}
}

func TestEachBrokenPromiseIsFound(t *testing.T) {
	for _, c := range []struct {
		name, want string
		spoil      func(h *History)
	}{
		{"an acknowledged entry is lost", "is not in the log", func(h *History) { h.Log("c", h.logs["c"][:1]) }},
		{"a hole in the log", "place 2 holds seq 3", func(h *History) { h.Log("c", append(h.logs["c"][:1:1], h.logs["c"][2])) }},
		{"an entry stored twice", "seq 4 repeats seq 2", func(h *History) {
			again := h.logs["c"][1]
			again.Seq = 4
			h.Log("c", append(h.logs["c"], again))
		}},
		{"an entry that nobody sent", "nobody sent", func(h *History) { h.logs["c"][2].Content = []byte(`"forged"`) }},
		{"an ack with another place", "is something else", func(h *History) {
			h.Acked("b", wire.ChatAck{Conversation: "c", CID: "1", Seq: 2, Time: at(2)})
		}},
		{"an ack with another time", "is something else", func(h *History) {
			h.Acked("b", wire.ChatAck{Conversation: "c", CID: "1", Seq: 3, Time: at(9)})
		}},
		{"two first acks", "2 acks say that they were the first", func(h *History) {
			h.Acked("a", wire.ChatAck{Conversation: "c", CID: "1", Seq: 2, Time: at(2)})
		}},
		{"a device that shows an entry twice", "seq 3 follows 3", func(h *History) { h.Saw("phone", h.logs["c"][2]) }},
		{"a device that skips", "seq 3 follows 1", func(h *History) {
			h.Saw("tablet", h.logs["c"][0])
			h.Saw("tablet", h.logs["c"][2])
		}},
		{"a device that shows something else", "differs from the log", func(h *History) {
			e := h.logs["c"][1]
			e.Content = []byte(`"other"`)
			h.Saw("tablet", e)
		}},
		{"a cursor that goes back", "went back", func(h *History) {
			h.Cursor("phone", wire.ChatCursor{Conversation: "c", User: "a", Delivered: 3, Read: 2})
		}},
		{"a cursor beyond the head", "with head 3", func(h *History) {
			h.Cursor("laptop", wire.ChatCursor{Conversation: "c", User: "b", Delivered: 4, Read: 3})
		}},
		{"a cursor read before it is delivered", "cursor 1/2", func(h *History) {
			h.Cursor("laptop", wire.ChatCursor{Conversation: "c", User: "b", Delivered: 1, Read: 2})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h History
			possible(&h)
			c.spoil(&h)
			if err := h.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
