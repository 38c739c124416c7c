package outbox

import (
	"context"
	"time"
)

// Store keeps events until they are delivered. Any goroutine, and any number of nodes, may call it. Times are those of
// its own clock, which all nodes share.
//
// After an error the outcome is unknown unless stated otherwise; doing the same again is always safe.
type Store interface {
	// Append keeps the events, due at once, durable on return. One whose id is there already is not kept twice. Domains
	// do not call it: their own stores insert an event in the transaction of the change it tells of.
	Append(ctx context.Context, events ...Event) error
	// Claim returns at most limit events that are due, those due for longest, and makes each due again after the lease:
	// meanwhile no other claim returns it. An event that is lost with the process comes due again by itself.
	Claim(ctx context.Context, limit int, lease time.Duration) ([]Claim, error)
	// Settle takes in what became of claims, all in one transaction.
	Settle(ctx context.Context, results []Result) error
	// Backlog says how much waits.
	Backlog(ctx context.Context) (Backlog, error)
	// Expire deletes the dead letters that died longer ago than age (L1) and says how many.
	Expire(ctx context.Context, age time.Duration) (int, error)
}

// Graveyard lists dead letters and brings them back.
type Graveyard interface {
	// Dead returns at most limit dead letters whose id is behind after, ascending.
	Dead(ctx context.Context, after EventID, limit int) ([]DeadLetter, error)
	// Replay makes one dead letter due at once, as if it had never been tried, and says whether there was one.
	Replay(ctx context.Context, id EventID) (bool, error)
	// ReplayAll does so with all that are dead at this moment and says how many. It works in portions: after an error
	// some are replayed.
	ReplayAll(ctx context.Context) (int, error)
}

// Claim is an event for one try. Attempt counts its tries from 1, this one included.
type Claim struct {
	Event   Event
	Attempt int
}

// Outcome is what became of a claim.
type Outcome uint8

// The outcomes; the zero value is none and is refused.
const (
	_ Outcome = iota
	// Delivered: the target has it, so it is forgotten, whoever holds the claim by now.
	Delivered
	// Retry: due again after Result.After. It changes nothing if the event was claimed again in the meantime.
	Retry
	// Released: not tried, due at once, and the attempt does not count. Otherwise like Retry.
	Released
	// Dead: given up, a dead letter from now on. Otherwise like Retry.
	Dead
)

// Result is what became of one claim. Reason is a word or two for operators, of a bounded set.
type Result struct {
	ID      EventID
	Attempt int
	Outcome Outcome
	After   time.Duration
	Reason  string
}

// MaxPending is up to where [Backlog] counts what waits.
const MaxPending = 100_000

// Backlog is how much waits: events that are not delivered, no more than [MaxPending] counted, the age of the one that
// was appended first, and dead letters.
type Backlog struct {
	Pending int
	Oldest  time.Duration
	Dead    int
}

// DeadLetter is an event that was given up.
type DeadLetter struct {
	Event    Event
	Attempts int
	Reason   string // of the last try
	Died     time.Time
}
