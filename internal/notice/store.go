package notice

import (
	"context"
	"time"

	"parley/internal/identity"
	"parley/internal/outbox"
)

// Store keeps reminders and notices. Any goroutine, and any number of nodes, may call it. Times are those of its own clock, which all nodes
// share. What it writes is durable on return; after an error the outcome is unknown and doing the same again is safe.
type Store interface {
	Reminders
	Notices
}

// Reminders are kept one a user and conversation.
type Reminders interface {
	// Unread takes in that entries up to a seq are unread. One that is new, or whose seq is higher than that kept, comes due after the
	// wait, or earlier if it was to; what is not newer changes nothing.
	Unread(ctx context.Context, rows []Unread, wait time.Duration) error
	// ClaimReminders returns at most limit reminders that are due, and makes each due again after the lease.
	ClaimReminders(ctx context.Context, limit int, lease time.Duration) ([]Reminder, error)
	// Remind puts the event into the outbox and the reminder into its next state, in one transaction, if the claim still holds; it says
	// whether it did. Next.Wait 0 leaves it without a moment at which it is due, unless something new came since the claim: then it is due after Next.Again.
	Remind(ctx context.Context, r Reminder, n Next, e outbox.Event) (bool, error)
	// Postpone makes a claimed reminder due after the wait, if the claim still holds.
	Postpone(ctx context.Context, r Reminder, wait time.Duration) error
	// Forget deletes a claimed reminder, if the claim still holds and nothing new came.
	Forget(ctx context.Context, r Reminder) error
}

// Notices are kept by the platform's ids.
type Notices interface {
	// Keep keeps a notice, due after the wait, and returns the one that is kept under this id, which may be an earlier one.
	Keep(ctx context.Context, n Notice, wait time.Duration) (Notice, error)
	// ClaimNotices returns at most limit notices that are due, and makes each due again after the lease.
	ClaimNotices(ctx context.Context, limit int, lease time.Duration) ([]Due, error)
	// Settle puts the events into the outbox and is done with the notice, in one transaction, if the claim still holds.
	Settle(ctx context.Context, d Due, events ...outbox.Event) (bool, error)
	// Delay makes a claimed notice due after the wait, if the claim still holds.
	Delay(ctx context.Context, d Due, wait time.Duration) error
	// Expire deletes notices that were kept, and reminders that were last told, longer ago than age.
	Expire(ctx context.Context, age time.Duration) error
}

// Unread says that a conversation has entries up to Seq that the user did not write.
type Unread struct {
	User         identity.UserID
	Conversation string
	Seq          uint64
	At           time.Time // of the entry
}

// Reminder is a claimed reminder.
type Reminder struct {
	User         identity.UserID
	Conversation string
	Seq          uint64        // the newest entry that is unread
	Told         uint64        // the newest one that was reminded of; 0: none was
	Ago          time.Duration // how long ago that was
	Step         int           // how many reminders of this streak there were
	Claim        int64         // names the claim
}

// Next is what a reminder becomes.
type Next struct {
	Step  int
	Wait  time.Duration
	Again time.Duration
}

// Due is a claimed notice.
type Due struct {
	Notice
	Claim int64 // names the claim
}

// Cursors knows what people have read.
type Cursors interface {
	// ReadTo is how far the user has read the conversation.
	ReadTo(ctx context.Context, conversation string, user identity.UserID) (Read, error)
}

// Read is how far somebody has read a conversation. The zero value is that of somebody who is not in it.
type Read struct {
	Member bool
	To     uint64
	Since  time.Time // when the first entry came that the user has not read and should; zero if there is none
}
