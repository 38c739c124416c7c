package privacy

import (
	"context"
	"time"

	"parley/internal/policy"
)

// Matter is what a consent is about: whose, for what, and where. Context names the one thing it is limited to (an
// interview's id); empty is the purpose as a whole.
type Matter struct {
	Subject policy.Subject
	Purpose policy.Purpose
	Context string
}

// Kind says what was decided. The zero value is nothing and grants nothing.
type Kind string

// Kinds of entries.
const (
	Agreed    Kind = "agree"
	Declined  Kind = "decline"
	Withdrawn Kind = "withdraw"
)

// Scope is how far a consent reaches. The zero value reaches nowhere.
type Scope string

// Scopes of consent. Purposes without a choice use Whole.
const (
	Whole      Scope = "whole"
	Audio      Scope = "audio" // the camera was declined (R7)
	AudioVideo Scope = "audio+video"
)

// Hash finds a subject without naming them: HMAC-SHA256 under a key of the vault (A4).
type Hash [32]byte

// Entry is one row of the ledger as it is stored.
type Entry struct {
	Seq     uint64 // given by the store, ascending in the order of commits
	Subject Hash
	Purpose policy.Purpose
	Context string
	Kind    Kind
	Version string // of the text that was shown; empty for withdrawals
	Sealed  []byte // who and how far, AES-256-GCM; bound to all fields above but Seq
	Time    time.Time
}

// Store keeps the ledger. Any goroutine may call it.
type Store interface {
	// Append adds the entry and is durable on return. After an error the entry may or may not be there; appending
	// it again is harmless, since only the last one counts.
	Append(ctx context.Context, e Entry) (seq uint64, err error)
	// Last is the entry with the highest seq of that subject, purpose and exact context; false if there is none.
	Last(ctx context.Context, subject Hash, p policy.Purpose, context string) (Entry, bool, error)
	// History is up to limit entries of the subject with a seq above after, ascending.
	History(ctx context.Context, subject Hash, after uint64, limit int) ([]Entry, error)
}
