package interview

import (
	"context"
	"errors"
	"time"

	"parley/chat"
	"parley/internal/identity"
)

// ErrUnknown is what a [Store] answers about an interview that it does not have.
var ErrUnknown = errors.New("interview: no such interview")

// Store keeps interviews. Any goroutine may call it; each interview is saved by one owner at a time.
type Store interface {
	// Create adds the interview, durable on return. If its conversation has one that has not ended, or if its key is in
	// use, nothing is added and that other one is the answer, the key's first.
	Create(ctx context.Context, i Interview) (_ Interview, created bool, err error)
	// Load is the interview of that id, or ErrUnknown.
	Load(ctx context.Context, id ID) (Interview, error)
	// Save replaces what Create stored, except Key, Conversation, Opened and who takes part. Durable on return. After an
	// error it may or may not have taken effect, and saving again is safe. ErrUnknown.
	Save(ctx context.Context, i Interview) error
	// List is up to limit interviews that match, ascending by id, and so by age.
	List(ctx context.Context, f Filter, limit int) ([]Interview, error)
}

// Filter picks interviews: each field that is not zero must hold.
type Filter struct {
	User         identity.UserID // takes part
	Conversation chat.ConversationID
	Key          string
	States       []State
	OpenedBefore time.Time
	Unposted     bool // Posted differs from State
}
