package gateway

import (
	"context"
	"fmt"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// How often a session's typing is passed on; what comes more often is answered and goes no further.
const (
	typingRate  = 1 // a second
	typingBurst = 3
)

// chatTyping tells the other members that this one types.
func (s *session) chatTyping(ctx context.Context, f wire.ChatTyping) error {
	if s.g.cfg.Presence == nil {
		return policy.ErrUnavailable
	}
	members, err := s.g.cfg.Chat.Enter(ctx, s.p, identity.ChatSend, chat.ConversationID(f.Conversation))
	if err != nil {
		return err
	}
	if _, ok := s.typed.Take(time.Now(), typingRate, typingBurst, 1); ok {
		s.g.hub.typing(others(members), wire.ChatTyping{Conversation: f.Conversation, User: string(s.p.User)})
	}
	return nil
}

func (g *Gateway) receiveTyping(_ context.Context, to []*session, line []byte) error {
	f, err := wire.DecodeFrom(wire.Server, line)
	if err != nil {
		return err
	}
	t, ok := f.Body.(wire.ChatTyping)
	if !ok || t.User == "" || t.Conversation == "" {
		return fmt.Errorf("receive typing: %w", wire.ErrBadFrame)
	}
	for _, s := range to {
		s.box.put(push{kind: t.Kind(), line: line, conversation: t.Conversation, typist: identity.UserID(t.User)})
	}
	return nil
}

// showTyping passes on that somebody types, to who knows the conversation and may see that person being here (T4).
func (s *session) showTyping(p push) error {
	if _, known := s.marks.get(p.conversation); !known || s.g.cfg.Presence == nil {
		return nil
	}
	visible, err := s.g.cfg.Presence.Visible(s.ctx, s.p, []identity.UserID{p.typist})
	if err != nil || len(visible) == 0 {
		return nil
	}
	return s.write(p.kind, p.line)
}
