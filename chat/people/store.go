package people

import (
	"context"
	"errors"
	"time"

	"parley/internal/identity"
)

// Hash is a keyed hash of a person or of a key.
type Hash [32]byte

// Errors of a [Store].
var (
	// ErrStale says that the document is not at that version any more, or that its owner's account is closed.
	ErrStale = errors.New("people: the document changed")
	// ErrFull says that the day's contacts are used up.
	ErrFull = errors.New("people: no contact left")
)

// Store keeps what people set and count. Any goroutine may call it. Each method is one transaction, durable on return. After
// an error that is none of this package the outcome is unknown; doing the same again is safe, but that Put answers [ErrStale]
// if the first try took effect.
type Store interface {
	Documents
	Contacts
	// Activity counts from the log what the user did as a candidate since then, over the conversations of the log that were
	// last written to since. Of each it looks at [ActivityDepth] entries at most.
	Activity(ctx context.Context, user identity.UserID, since time.Time) (Activity, error)
}

// Documents are people's sealed documents.
type Documents interface {
	// Load returns the rows of those owners who have one.
	Load(ctx context.Context, owners []Hash) (map[Hash]Row, error)
	// Put replaces the document if it is at the version, 0 where there is none; it is at the next one then. [ErrStale].
	Put(ctx context.Context, owner Hash, version uint64, sealed []byte) error
	// Close closes the account for ever: the document and the contacts of the owner are gone. The first time stays.
	Close(ctx context.Context, owner Hash, at time.Time) error
}

// Contacts counts whom people wrote to first.
type Contacts interface {
	// Take counts a contact, once however often it is repeated, on whichever day. Several nodes together never count more on a
	// day than the limit: beyond it, it is [ErrFull]. A contact that was counted before is never [ErrFull]. Contacts of days
	// more than [KeptDays] before c.Day are deleted on the way.
	Take(ctx context.Context, c Contact) (Count, error)
	// Count says how many are counted on the day.
	Count(ctx context.Context, owner Hash, day Day, normal int) (Count, error)
	// SetLimit sets the owner's limit a day; nil: the normal one.
	SetLimit(ctx context.Context, owner Hash, limit *int) error
}

// Row is what is kept of a person.
type Row struct {
	Version uint64
	Sealed  []byte    // empty: nothing was set, or the account is closed
	Closed  time.Time // zero: open
}

// Day numbers days since 1970-01-01 in Asia/Shanghai.
type Day int32

// KeptDays is for how many days a contact is remembered: a repeat within them is the same one.
const KeptDays = 7

// Contact is a conversation that somebody starts. Key is the platform's key of it.
type Contact struct {
	Owner  Hash
	Key    Hash
	Day    Day
	Normal int // the limit of who has none of their own
}

// Count is how many contacts of a day are used, and how many there are.
type Count struct{ Used, Limit int }

// ActivityDepth is how many entries of a conversation are looked at, the last ones.
const ActivityDepth = 500

// Activity is what a candidate did since some moment. Who wrote the first entry of a conversation started it; what the system
// posts does not count.
type Activity struct {
	Started  int         // conversations that the candidate started since
	Received int         // conversations that others started since
	Replies  int         // conversations that others started, whenever, and in which the candidate wrote since
	Hours    []time.Time // the full hours in which the candidate wrote, each once, ascending
}
