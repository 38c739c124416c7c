package chat

import (
	"context"
	"encoding/json"
	"fmt"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Show returns a conversation to the platform's backend, without anything that was said in it.
func (s *Service) Show(ctx context.Context, p identity.Principal, id ConversationID) (Conversation, error) {
	if err := identity.Allow(p, identity.ConversationList); err != nil {
		return Conversation{}, err
	}
	st, err := s.load(ctx, id, "")
	if err != nil {
		return Conversation{}, err
	}
	return s.shown(ctx, st)
}

// Of returns a user's conversations to the platform's backend, last active first, at most [MaxConversations], without anything
// that was said in them.
func (s *Service) Of(ctx context.Context, p identity.Principal, user identity.UserID) ([]Conversation, error) {
	if err := identity.Allow(p, identity.ConversationList); err != nil {
		return nil, err
	}
	all, err := s.store.List(ctx, user, MaxConversations)
	if err != nil {
		return nil, fmt.Errorf("list conversations: %w", err)
	}
	out := make([]Conversation, len(all))
	for i, st := range all {
		if out[i], err = s.shown(ctx, st); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Service) shown(ctx context.Context, st Standing) (Conversation, error) {
	members, err := s.members(ctx, st)
	if err != nil {
		return Conversation{}, err
	}
	title, err := s.title(ctx, st)
	if err != nil {
		return Conversation{}, err
	}
	return Conversation{ID: st.ID, Title: title, Opened: st.Opened, Head: st.Head, Members: members}, nil
}

// maxNotice bounds one language of a platform's message, in bytes.
const maxNotice = 2000

// platformPrefix keeps the platform's cids apart from those that the server's own entries have.
const platformPrefix = "platform/"

// Say posts the platform's own words into a conversation, as a "system" entry of code "message" in Chinese and English. The cid
// is the platform's, the same on every try.
func (s *Service) Say(ctx context.Context, p identity.Principal, id ConversationID, cid ClientID, text map[string]string) (Ack, error) {
	if err := identity.Allow(p, identity.ChatPost); err != nil {
		return Ack{}, err
	}
	for _, lang := range policy.Languages {
		if t := text[lang]; t == "" || len(t) > maxNotice || len(text) != len(policy.Languages) {
			return Ack{}, policy.ErrBadRequest.With("The text must be there in zh and en, at most 2,000 bytes each.", "须同时提供 zh 和 en 文本，每种不超过 2000 字节。")
		}
	}
	if len(platformPrefix)+len(cid) > MaxClientID {
		return Ack{}, policy.ErrBadRequest.With("The cid is too long.", "cid 过长。")
	}
	content, err := json.Marshal(wire.SystemContent{Code: "message", Text: text})
	if err != nil {
		return Ack{}, fmt.Errorf("encode message: %w", err)
	}
	return s.Post(ctx, id, Draft{CID: platformPrefix + cid, Type: TypeSystem, Content: content})
}
