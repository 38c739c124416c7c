package gateway_test

import (
	"context"

	"parley/chat"
	"parley/internal/identity"
)

type withHeads struct{ *chat.Service }

func (w withHeads) Heads(ctx context.Context, p identity.Principal) (map[chat.ConversationID]chat.Seq, error) {
	list, err := w.List(ctx, p)
	heads := map[chat.ConversationID]chat.Seq{}
	for _, c := range list {
		heads[chat.ConversationID(c.ID)] = c.Head
	}
	return heads, err
}
