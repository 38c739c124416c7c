package appointment

import (
	"context"
	"encoding/json"

	"parley/chat"
	"parley/internal/identity"
)

// Chat is the chat in which people agree; [chat.Service] is one. Its parts have that service's contracts.
type Chat interface {
	Log
	Things
	Safe
}

type (
	// Log is the door to conversations and what writes to them.
	Log interface {
		Enter(ctx context.Context, p identity.Principal, a identity.Action, id chat.ConversationID) ([]chat.Party, error)
		Admit(ctx context.Context, a chat.Attempt) (json.RawMessage, error)
		Put(ctx context.Context, p chat.Posting) (chat.Ack, error)
	}
	// Things reads how appointments stand.
	Things interface {
		Thing(ctx context.Context, id chat.ConversationID, thing chat.ThingID) (chat.Thing, error)
		Things(ctx context.Context, id chat.ConversationID, kind string) ([]chat.Thing, error)
	}
	// Safe seals under the key of the conversation's system words.
	Safe interface {
		SealValue(ctx context.Context, id chat.ConversationID, user identity.UserID, label string, plain []byte) ([]byte, error)
		OpenValue(ctx context.Context, id chat.ConversationID, user identity.UserID, label string, sealed []byte) ([]byte, error)
	}
)
