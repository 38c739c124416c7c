package grant

import (
	"context"
	"errors"
	"time"

	"parley/internal/identity"
)

// How long a grant lives, by the store's clock, and never longer than its principal's session.
const (
	// Start is how long a grant waits for its first use.
	Start = 60 * time.Second
	// Idle is how long it lives after its last use: a viewer pauses and goes on.
	Idle = 15 * time.Minute
	// Longest is how long it lives at all: a leaked path must not live for ever by being used.
	Longest = 4 * time.Hour
	// Push is how much of Idle has passed before a use is written down: one write in so much time, however often a grant is
	// used.
	Push = 30 * time.Second
	// Fresh is how long a node goes by what it was told, counted from before it asked: the bound within which a revocation
	// ends what another node is sending, should no [Grants.Drop] tell it at once.
	Fresh = 5 * time.Second
	// PerUser is how many grants one person holds; beyond, those that lay unused for longest go, never the ones that were
	// just given.
	PerUser = 64
)

// ErrEnded says that a word stands for nothing: it never did, does no more, or its principal was revoked.
var ErrEnded = errors.New("grant: ended")

// Seat is what a grant is for: one side of one recording or one attachment, for one person.
type Seat struct {
	By        identity.Principal
	Interview string          `json:",omitempty"`
	Recording string          `json:",omitempty"`
	Side      identity.UserID `json:",omitempty"`
	// Attachment names one, Thumb its thumbnail. Conversation and Entry are where it is shown: without that entry, or once it
	// shows it no more, there is nothing to read. Save is for keeping it on a device, not only for looking at it.
	Attachment   string `json:",omitempty"`
	Conversation string `json:",omitempty"`
	Entry        uint64 `json:",omitempty"`
	Thumb        bool   `json:",omitempty"`
	Save         bool   `json:",omitempty"`
	// Until ends the grant whether it is used or not, by the clock of the node that gave it; zero: see [Idle].
	Until time.Time `json:",omitzero"`
}

// ends is when the grant ends at the latest: with the principal's session, or before.
func (s Seat) ends() time.Time {
	if until := s.By.Until(); s.Until.IsZero() || until.Before(s.Until) {
		return until
	}
	return s.Until
}

// Hash is of a word or, keyed, of a person.
type Hash [32]byte

// Row is a grant as it is kept. It names neither person nor recording.
type Row struct {
	Word   Hash
	Owner  Hash
	Until  time.Time // see [Seat.Until]; the principal's session ends by the platform's clock
	Sealed []byte
}

// Used is what a store answers to a use.
type Used struct {
	Sealed []byte
	Left   time.Duration // until the grant ends unless it is used again
}

// Store keeps grants for all nodes. Any goroutine may call it. A crash at any point leaves grants whole or absent.
type Store interface {
	// Give keeps rows of one owner, at most [PerUser], and makes room for them; all nodes see them on return. An error
	// leaves the outcome unknown: what was kept ends unused after [Start]. What has ended is deleted on the way.
	Give(ctx context.Context, rows []Row) error
	// Use finds a row that has not ended, and moves its end to [Idle] from now if that is [Push] or more later than it was.
	// [ErrEnded] says that there is none.
	Use(ctx context.Context, word Hash) (Used, error)
}
