package gateway_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/signal/client"
	"parley/signal/gateway"
	"parley/signal/wire"
)

// attack is what hostile clients do, each on a connection of its own, after hello. It goes on until write fails.
type attack struct {
	name  string
	mute  bool                                           // reads nothing of what it gets
	ends  string                                         // the reason for which the server ends it; empty: it does not
	write func(conversation string) (first, each []byte) // as they stand on the wire
	pace  time.Duration                                  // between two writes
}

// masked is a frame as a client sends it, with a mask that changes nothing.
func masked(opcode byte, payload string) []byte {
	head := []byte{opcode, 0x80}
	switch n := len(payload); {
	case n < 126:
		head[1] |= byte(n)
	default:
		head = binary.BigEndian.AppendUint16([]byte{opcode, 0x80 | 126}, uint16(n))
	}
	return append(append(head, 0, 0, 0, 0), payload...)
}

const (
	textFrame  = 0x81
	textBegins = 0x01
	continued  = 0x00
	pingFrame  = 0x89
	pongFrame  = 0x8a
)

// said are frames of the protocol in one message.
func said(bodies ...wire.Body) []byte {
	var lines []string
	for i, b := range bodies {
		line, err := wire.Encode(wire.Frame{Ref: fmt.Sprint(i), Body: b})
		if err != nil {
			panic(err)
		}
		lines = append(lines, string(line))
	}
	return masked(textFrame, strings.Join(lines, "\n"))
}

func always(each []byte) func(string) ([]byte, []byte) {
	return func(string) ([]byte, []byte) { return nil, each }
}

func attacks() []attack {
	text := wire.ChatSend{CID: "0195794f-2a64-7b1e-8c55-0d9e8f7a6b50", Type: "text", Content: []byte(`{"text":"again"}`)}
	huge := append(binary.BigEndian.AppendUint64([]byte{textFrame, 0x80 | 127}, 1<<40), make([]byte, 64<<10)...)
	return []attack{
		{name: "tiny frames of the protocol", ends: "flood", write: always(bytes.Repeat(said(wire.Ping{}), 64))},
		{name: "tiny frames in full messages", ends: "flood", write: always(said(slices.Repeat([]wire.Body{wire.Ping{}}, wire.MaxFrames)...))},
		{name: "messages without a frame", ends: "garbage", write: always(bytes.Repeat(masked(textFrame, ""), 64))},
		{name: "pings of WebSocket", ends: "flood", write: always(bytes.Repeat(masked(pingFrame, ""), 512))},
		{name: "pongs of WebSocket", ends: "flood", write: always(bytes.Repeat(masked(pongFrame, "x"), 512))},
		{name: "a message of empty parts without end", ends: "flood", write: func(string) ([]byte, []byte) {
			return masked(textBegins, ""), bytes.Repeat(masked(continued, ""), 512)
		}},
		{name: "a huge message", ends: "too_big", write: always(huge)},
		{name: "a message that comes byte by byte", pace: 5 * time.Millisecond, write: func(string) ([]byte, []byte) {
			return masked(textBegins, "{"), masked(continued, " ")
		}},
		{name: "pages asked for and not read", mute: true, write: func(id string) ([]byte, []byte) {
			return nil, said(slices.Repeat([]wire.Body{wire.ChatRead{Conversation: id, Limit: 200}}, 16)...)
		}},
		{name: "one cid over and over", ends: "flood", write: func(id string) ([]byte, []byte) {
			own := text
			own.Conversation = id
			return nil, said(slices.Repeat([]wire.Body{own}, 32)...)
		}},
		{name: "forged seqs", ends: "flood", write: func(id string) ([]byte, []byte) {
			return nil, said(
				wire.ChatMark{Conversation: id, Delivered: math.MaxUint64, Read: math.MaxInt64}, wire.ChatMark{Conversation: id, Read: math.MaxUint64},
				wire.ChatRead{Conversation: id, After: math.MaxUint64}, wire.ChatRead{Conversation: id, Before: math.MaxUint64, Limit: math.MinInt32},
				wire.ChatRead{Conversation: id, After: math.MaxUint64 - 1, Before: 1, Limit: math.MaxInt32})
		}},
	}
}

// run attacks from a number of connections until stop is closed and returns when all have ended.
func (a attack) run(n *node, id, tok string, stop <-chan struct{}) (wait func()) {
	const connections = 6
	conns := make([]net.Conn, connections) // all before the first uses up what the user may send
	for i := range conns {
		conns[i] = n.bare(tok)
		conns[i].SetDeadline(time.Time{})
	}
	var all sync.WaitGroup
	for _, conn := range conns {
		if !a.mute {
			all.Go(func() { _, _ = io.Copy(io.Discard, conn) })
		}
		all.Go(func() { a.strike(conn, id, stop) })
		all.Go(func() {
			<-stop
			conn.Close()
		})
	}
	return all.Wait
}

func (a attack) strike(conn net.Conn, id string, stop <-chan struct{}) {
	first, each := a.write(id)
	if _, err := conn.Write(first); err != nil {
		return
	}
	pace := time.NewTicker(max(a.pace, 1))
	defer pace.Stop()
	for {
		if _, err := conn.Write(each); err != nil {
			return
		}
		if a.pace == 0 {
			continue
		}
		select {
		case <-pace.C:
		case <-stop:
			return
		}
	}
}

// fine is how long a neighbour's message may take while others attack, on a busy machine that looks for races.
const fine = 3 * time.Second

func TestHostileClientsHarmNobodyElse(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			n := start(t, limits(gateway.Limits{Refused: 20, Storm: 1000, UserBurst: 1000}))
			id := n.open()
			s, in := n.join(rob, client.Options{})
			stop := make(chan struct{})
			wait := a.run(n, id, token(t, ann, time.Hour), stop)
			defer wait()
			defer close(stop)
			var worst time.Duration
			for i := range 15 {
				began := time.Now()
				ack, err := s.Send(t.Context(), id, fmt.Sprint("still here ", i))
				if err != nil {
					t.Fatalf("the neighbour was harmed: %v", err)
				}
				find(t, in, func(e wire.ChatEntry) bool { return e.Seq == ack.Seq })
				worst = max(worst, time.Since(began))
			}
			if worst > fine {
				t.Errorf("a neighbour's message took %v", worst)
			}
			if a.ends != "" {
				eventually(t, "the attack is ended", func() bool { return n.metric("parley_gateway_closed_total", a.ends) > 0 })
			}
			if s.Err() != nil {
				t.Errorf("the neighbour's session ended: %v", s.Err())
			}
		})
	}
}

func TestConnectionsThatSayNothingAreCutOffAndHoldNobodyUp(t *testing.T) {
	n := start(t, limits(gateway.Limits{Hello: 300 * time.Millisecond, Storm: 1000}))
	stillWell := n.aBystander()
	const halves = 50
	for range halves {
		n.raw()
	}
	stillWell()
	eventually(t, "they are cut off", func() bool { return n.metric("parley_gateway_closed_total", "no_hello") == halves })
}

func TestForgedSeqsAreBroughtIntoRange(t *testing.T) {
	n := start(t)
	id := n.open()
	n.say(rob, id, "one", "two")
	r, w := n.signIn(ann, map[string]uint64{id: math.MaxUint64, "no-such": 7, "": 1})
	if w.Conversations[0].Head != 3 {
		t.Fatalf("the head is %d", w.Conversations[0].Head)
	}
	r.send("1", wire.ChatMark{Conversation: id, Delivered: math.MaxUint64, Read: math.MaxUint64})
	expect[wire.Done](r, "1")
	if c := expect[wire.ChatCursor](r, ""); c.Read != 3 || c.Delivered != 3 {
		t.Errorf("the cursors are %+v", c)
	}
	r.send("2", wire.ChatRead{Conversation: id, After: math.MaxUint64})
	if page := expect[wire.ChatPage](r, "2"); len(page.Entries) > 0 || page.Head != 3 {
		t.Errorf("beyond the head: %+v", page)
	}
	n.say(rob, id, "three")
	if e := expect[wire.ChatEntry](r, ""); e.Seq != 4 {
		t.Errorf("live goes on with %+v", e)
	}
}
