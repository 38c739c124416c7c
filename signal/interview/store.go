package interview

import (
	"context"
	"errors"
	"time"

	"parley/chat"
	"parley/internal/identity"
)

var (
	// ErrUnknown is what a [Store] answers about an interview that it does not have.
	ErrUnknown = errors.New("interview: no such interview")
	// ErrFenced is what it answers to an owner whose lease was followed by a later one.
	ErrFenced = errors.New("interview: it has a later owner")
)

// Store keeps interviews. Any goroutine may call it. Each interview is saved by one owner at a time; an owner that does not
// know yet that another node has taken its place is refused.
type Store interface {
	// Create adds the interview, durable on return. If its conversation has one that has not ended, or if its key is in
	// use, nothing is added and that other one is the answer, the key's first.
	Create(ctx context.Context, i Interview) (_ Interview, created bool, err error)
	// Load is the interview of that id, or ErrUnknown.
	Load(ctx context.Context, id ID) (Interview, error)
	// Claim is Load for an owner: from then on Save refuses what has an older epoch. Durable on return. ErrUnknown;
	// ErrFenced when the epoch is older than the last one.
	Claim(ctx context.Context, id ID, epoch uint64) (Interview, error)
	// Save replaces what Create stored, except Key, Conversation, Opened and who takes part. Durable on return. After an
	// error it may or may not have taken effect, and saving again is safe. ErrUnknown; ErrFenced when the interview's
	// epoch is older than the last one, and then nothing is changed.
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
	After        ID   // of a higher id
}
