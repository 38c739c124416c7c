package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/wire"
	"parley/storage/bus"
)

// Run takes the node's hints off the bus and pushes them to its sessions until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { g.resync(ctx) })
	beside.Go(func() { g.tellPresence(ctx) })
	defer beside.Wait()
	defer stop()
	err := g.cfg.Bus.Receive(ctx, g.cfg.Node, func(m bus.Message) { g.receive(ctx, m) })
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("receive hints: %w", err)
}

// receivers is the table from the first byte of a payload to who understands the rest.
var receivers = map[byte]func(g *Gateway, ctx context.Context, to []*session, hint []byte) error{
	hintChat:      (*Gateway).receiveChat,
	hintInterview: (*Gateway).receiveInterview,
	hintReceipt:   (*Gateway).receiveFrame,
	hintFrame:     (*Gateway).receiveFrame,
	hintTyping:    (*Gateway).receiveTyping,
	hintPresence:  (*Gateway).receivePresence,
	hintCrowd:     (*Gateway).receiveCrowd,
	hintRevoked:   (*Gateway).receiveRevocation,
}

// receive never waits for a session: each has an outbox. A hint that can't be understood is lost like any other.
func (g *Gateway) receive(ctx context.Context, m bus.Message) {
	if m.Resync {
		g.lose()
		return
	}
	var to []*session
	for _, u := range m.Users {
		to = append(to, g.sessions.of(identity.UserID(u))...)
	}
	if len(m.Payload) == 0 || len(m.Users) > 0 && len(to) == 0 {
		return
	}
	f := receivers[m.Payload[0]]
	if f == nil {
		g.metrics.hints.Inc() // of a newer node
		return
	}
	if err := f(g, ctx, to, m.Payload[1:]); err != nil && ctx.Err() == nil {
		g.metrics.hints.Inc()
		g.log.LogAttrs(ctx, slog.LevelWarn, "a hint was lost", slog.Any("err", err))
	}
}

func (g *Gateway) receiveChat(ctx context.Context, to []*session, b []byte) error {
	hint, err := chat.DecodeHint(b)
	if err != nil {
		return err
	}
	switch h := hint.(type) {
	case chat.Entry:
		return g.receiveEntry(ctx, to, h)
	case chat.Cursor:
		return g.receiveCursor(to, h)
	case chat.Changed:
		for _, s := range to {
			s.box.change(string(h.Conversation))
		}
	}
	return nil
}

// receiveCursor tells what is read to everybody, or to the member's own sessions only.
func (g *Gateway) receiveCursor(to []*session, c chat.Cursor) error {
	f := wire.ChatCursor{Conversation: string(c.Conversation), User: string(c.User), Delivered: c.Delivered, Read: c.Read}
	if !c.Quiet {
		return g.share(to, f.Conversation, 0, f)
	}
	var own, others []*session
	for _, s := range to {
		if s.who == c.User {
			own = append(own, s)
		} else {
			others = append(others, s)
		}
	}
	err := g.share(own, f.Conversation, 0, f)
	f.Read = 0
	return errors.Join(err, g.share(others, f.Conversation, 0, f))
}

// receiveEntry opens an entry once for all sessions of the node.
func (g *Gateway) receiveEntry(ctx context.Context, to []*session, e chat.Entry) error {
	open, err := g.cfg.Chat.Unseal(ctx, e)
	if err != nil {
		return err
	}
	return g.share(to, open.Conversation, open.Seq, wire.ChatEntry{Entry: open})
}

// share queues one encoded frame in many outboxes.
func (g *Gateway) share(to []*session, conversation string, seq uint64, b wire.Body) error {
	line, err := wire.Encode(wire.Frame{Body: b})
	if err != nil {
		return err
	}
	for _, s := range to {
		if !s.box.put(push{kind: b.Kind(), line: line, conversation: conversation, seq: seq}) {
			g.metrics.dirty.Inc()
		}
	}
	return nil
}

func (g *Gateway) receiveInterview(_ context.Context, to []*session, id []byte) error {
	for _, s := range to {
		s.box.interview(string(id))
	}
	return nil
}

// receiveFrame passes a frame on as it is; no session may lose it.
func (g *Gateway) receiveFrame(_ context.Context, to []*session, line []byte) error {
	f, err := wire.DecodeFrom(wire.Server, line)
	if err != nil {
		return err
	}
	for _, s := range to {
		s.box.put(push{kind: f.Body.Kind(), line: line})
	}
	return nil
}
