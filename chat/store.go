package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/identity"
	"parley/internal/outbox"
)

// ErrUnknown is what a [Store] answers about a conversation that it does not have.
var ErrUnknown = errors.New("chat: no such conversation")

// ErrRecalled is what a [Store] answers to a revision of an entry that was recalled already.
var ErrRecalled = errors.New("chat: the entry was recalled")

// Store keeps conversations. Any goroutine may call it. What it is given belongs to the caller and is not changed; what it
// returns belongs to the caller.
//
// After any error of Open or Append the outcome is unknown unless stated otherwise: the transaction was either rolled back
// as a whole, heads included, or took effect as a whole. Doing the same again is always safe.
type Store interface {
	// Find returns the conversation that was opened under the platform's key, or ErrUnknown.
	Find(ctx context.Context, key string) (ConversationID, error)
	// Open creates a conversation with its members and its first entry in one transaction, durable on return, and returns
	// its id. If one with that key exists, its id is returned and nothing is changed.
	Open(ctx context.Context, f Founding) (ConversationID, error)
	// Append stores a batch in one transaction, durable on return: first the rows in their order, each with the next seq of
	// its conversation, then the marks. A row whose (conversation, sender, cid) is in the log already, or earlier in the
	// batch, is not stored: its place is the original's, with Dup, and the head stays. The event of each row that was
	// stored, see [Row.EventAt], goes into the outbox in the same transaction, as does that of a founding's first entry. A
	// *RowError says that nothing of the batch was stored because of that row, and that the others can be tried without it.
	// What a row discloses, revises or turns is done in the same transaction, or the row is not stored.
	Append(ctx context.Context, b Batch) (Outcome, error)
	// Place says where in the log the entry of that name is, as a repeat. ErrUnknown if there is none.
	Place(ctx context.Context, id ConversationID, sender identity.UserID, cid ClientID) (Placed, error)
	// Read returns a page (r.Limit is between 1 and MaxPage), ascending and without a gap, and the head at that moment. A
	// page holds at most MaxPageBytes of ciphertext, that of revisions included, or one entry. ErrUnknown.
	Read(ctx context.Context, id ConversationID, r Range) ([]Entry, Seq, error)
	// List returns the user's conversations, last active first, at most limit.
	List(ctx context.Context, user identity.UserID, limit int) ([]Standing, error)
	// Heads returns the heads of the conversations in which the user has the role, last active first, at most limit.
	Heads(ctx context.Context, user identity.UserID, role identity.Role, limit int) (map[ConversationID]Seq, error)
	// Load returns one conversation; Unread is the user's. ErrUnknown. It says nothing about whether the user may see it.
	Load(ctx context.Context, id ConversationID, user identity.UserID) (Standing, error)
	// Recent returns entries below a seq (0: any) that are older than until, the newest seq first: at most limit, and of at
	// most MaxPageBytes of ciphertext, or one entry.
	Recent(ctx context.Context, id ConversationID, below Seq, until time.Time, limit int) ([]Entry, error)
	ThingStore
}

// ThingStore reads what the turns of rows have made. The rules of [Store] hold.
type ThingStore interface {
	// Thing returns one thing of a conversation; ErrUnknown.
	Thing(ctx context.Context, id ConversationID, thing ThingID) (Thing, error)
	// Things returns the things of one kind in a conversation, that of the latest step first; at most MaxThings.
	Things(ctx context.Context, id ConversationID, kind string) ([]Thing, error)
	// Expiring returns things of one kind, of any conversation, that expire before the moment, the earliest first.
	Expiring(ctx context.Context, kind string, before time.Time, limit int) ([]Thing, error)
}

type (
	// Founding is a conversation to be opened. First is its first entry.
	Founding struct {
		ID     ConversationID
		Key    string // the platform's own id of it; unique
		Title  []byte // sealed
		Opened time.Time
		// Starter is the member who wanted it; empty for the platform itself.
		Starter identity.UserID
		Seats   []Seat
		First   Row
	}

	// Seat is a member as it is stored.
	Seat struct {
		User      identity.UserID
		Role      identity.Role
		Company   identity.CompanyID
		Name      []byte // sealed
		Disclosed bool   // the member let the others see the full name (T2); never taken back
		Spoke     bool   // the log has an entry of the member's; a founding has none
		Delivered Seq
		Read      Seq
	}

	// Standing is a conversation as it stands at one moment.
	Standing struct {
		ID     ConversationID
		Title  []byte // sealed
		Opened time.Time
		// Starter is the member who wanted it; empty for the platform itself.
		Starter identity.UserID
		Head    Seq
		Last    *Entry // the entry at Head
		Seats   []Seat // in the order of opening
		// Unread counts the entries after one user's read cursor that are neither that user's nor of an uncounted type; it
		// stops at MaxUnread.
		Unread uint64
		// Exchanged says that an exchange is in state "accepted"; Appointment is the state of the appointment that was last
		// changed, empty if there is none.
		Exchanged   bool
		Appointment string
	}

	// Batch is what one transaction stores: at most MaxBatch rows and marks together, at least one.
	Batch struct {
		Rows  []Row
		Marks []Mark
	}

	// Row is an entry before it has a seq. Time is to the microsecond.
	Row struct {
		Conversation ConversationID
		Sender       identity.UserID // empty for the system
		CID          ClientID
		Time         time.Time
		Type         string
		Sealed       []byte
		// Discloses names the member whose full name is disclosed from this entry on, in the same transaction.
		Discloses identity.UserID
		// Revises names an earlier entry that this one changes. If that was recalled, the row is not stored and its outcome is
		// ErrRecalled.
		Revises *Revision
		// Turn is a step that is taken with this entry; see [Turn].
		Turn *Turn
		// Event tells a webhook of this entry; without a kind none is told. Its time and seq are those of the place.
		Event outbox.Event
	}

	// Revision says what a row does to an earlier entry of its sender: TypeEdit or TypeRecall.
	Revision struct {
		Target Seq
		Kind   string
	}

	// Mark moves a member's cursors forward; what is lower than before or beyond the head is brought into that range.
	Mark struct {
		Conversation ConversationID
		User         identity.UserID
		Delivered    Seq
		Read         Seq
	}

	// Outcome has one element for each row and mark of the batch.
	Outcome struct {
		Rows  []Placed
		Marks []Moved
	}

	// Placed says where a row is in the log. Err is ErrUnknown if there is no such conversation, or ErrTurn or ErrRecalled if
	// the row was not stored because of that.
	Placed struct {
		Seq  Seq
		Time time.Time
		Dup  bool
		Err  error
	}

	// Moved says where a member's cursors are, whether the mark moved one, and whether one of them was that of what was
	// delivered. Err is ErrUnknown if there is no such member.
	Moved struct {
		Cursor    Cursor
		Moved     bool
		Delivered bool
		Err       error
	}
)

// EventAt is the event to put into the outbox for a row that was placed; false when it was not, or has none.
func (r Row) EventAt(p Placed) (outbox.Event, bool) {
	e := r.Event
	e.At, e.Seq = p.Time, p.Seq
	return e, e.Kind != "" && !p.Dup && p.Err == nil
}

// RowError says which row of a batch can't be stored, whatever else is in the batch. The batch was rolled back.
type RowError struct {
	Index int
	Err   error
}

// Error says why.
func (e *RowError) Error() string { return fmt.Sprintf("row %d: %v", e.Index, e.Err) }

// Unwrap is the cause.
func (e *RowError) Unwrap() error { return e.Err }
