package gateway

import (
	"context"

	"parley/chat"
	"parley/signal/wire"
)

// The frames of chat. Who may do what is the service's to say.

func (s *session) chatSend(ctx context.Context, f wire.ChatSend) (waiter, error) {
	wait, err := s.g.cfg.Chat.Begin(ctx, s.p, chat.Draft{
		Conversation: chat.ConversationID(f.Conversation), CID: chat.ClientID(f.CID), Type: f.Type, Content: f.Content,
		Confirmed: f.Confirmed,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (wire.Body, error) {
		ack, err := wait(ctx)
		if err != nil {
			return nil, err
		}
		return wire.ChatAck{
			Conversation: f.Conversation, CID: f.CID, Seq: ack.Seq, Time: ack.Time, Dup: ack.Dup, Changed: ack.Changed,
		}, nil
	}, nil
}

func (s *session) chatSearch(ctx context.Context, f wire.ChatSearch) (wire.Body, error) {
	found, err := s.g.cfg.Chat.Search(ctx, s.p, f)
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (s *session) chatRead(ctx context.Context, f wire.ChatRead) (wire.Body, error) {
	page, err := s.g.cfg.Chat.Read(ctx, s.p, chat.ConversationID(f.Conversation), chat.Range{After: f.After, Before: f.Before, Limit: f.Limit})
	if err != nil {
		return nil, err
	}
	if page.Entries == nil {
		page.Entries = []wire.Entry{}
	}
	return page, nil
}

func (s *session) chatMark(ctx context.Context, f wire.ChatMark) error {
	return s.g.cfg.Chat.Mark(ctx, s.p, chat.ConversationID(f.Conversation), f.Delivered, f.Read)
}

func (s *session) chatDisclose(ctx context.Context, f wire.ChatDisclose) error {
	return s.g.cfg.Chat.Disclose(ctx, s.p, chat.ConversationID(f.Conversation))
}
