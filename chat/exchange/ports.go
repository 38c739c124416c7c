package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"parley/chat"
	"parley/internal/identity"
)

// Chat is the chat in which exchanges happen; [chat.Service] is one. Its parts have that service's contracts.
type Chat interface {
	Log
	Things
	Safe
}

type (
	// Log is the door to conversations and what writes to them.
	Log interface {
		Enter(ctx context.Context, p identity.Principal, a identity.Action, id chat.ConversationID) ([]chat.Party, error)
		Parties(ctx context.Context, id chat.ConversationID) ([]chat.Party, error)
		Admit(ctx context.Context, a chat.Attempt) (json.RawMessage, error)
		Put(ctx context.Context, p chat.Posting) (chat.Ack, error)
	}
	// Things reads how exchanges stand.
	Things interface {
		Thing(ctx context.Context, id chat.ConversationID, thing chat.ThingID) (chat.Thing, error)
		Things(ctx context.Context, id chat.ConversationID, kind string) ([]chat.Thing, error)
		Expiring(ctx context.Context, kind string, before time.Time, limit int) ([]chat.Thing, error)
	}
	// Safe seals what a member gave, under the key of that member's words in the conversation; of nobody's, under the system's.
	Safe interface {
		SealValue(ctx context.Context, id chat.ConversationID, user identity.UserID, label string, plain []byte) ([]byte, error)
		OpenValue(ctx context.Context, id chat.ConversationID, user identity.UserID, label string, sealed []byte) ([]byte, error)
	}
)

// Numbers gives virtual numbers (T5). Any goroutine may call it. Its errors hold no number; none of their text is shown or
// logged all the same.
//
// A number connects the two only while [Service.Granted] says so: whoever gives numbers asks it before it connects, and when
// it compares what it has bound with what holds. Release is the quick way, and may be lost in a crash.
type Numbers interface {
	// Assign returns the number that connects the two in both directions, the same one as before if that still works. It is
	// asked when the exchange is accepted and each time one of them wants to see it. [ErrNoNumber] says that there is none.
	Assign(ctx context.Context, id chat.ConversationID, asker, other identity.UserID) (string, error)
	// Release ends what Assign began. Repeating it, or releasing what was never assigned, changes nothing.
	Release(ctx context.Context, id chat.ConversationID, asker, other identity.UserID) error
}

// ErrNoNumber says that no virtual number is to be had for the two, so that an exchange is pointless.
var ErrNoNumber = errors.New("exchange: no virtual number")
