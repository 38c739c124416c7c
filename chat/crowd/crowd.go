package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"parley/internal/identity"
	"parley/signal/wire"
)

// RoomID names a room; a UUIDv7 that the service minted.
type RoomID string

// Limits of rooms and of what is said in them.
const (
	MaxText   = 600                    // bytes of one text
	MaxShown  = 40                     // entries in a frame
	MaxRing   = 50                     // entries that a late joiner gets
	MaxQueue  = 4096                   // entries that wait for a room's next commit on a node
	MaxBatch  = 512                    // entries in one transaction
	MaxSlow   = 120                    // seconds between two entries of one person
	MaxTitle  = 300                    // bytes
	MaxName   = 200                    // bytes of a family or given name
	MaxKey    = 200                    // bytes of the platform's id of a room
	Beat      = 150 * time.Millisecond // between two frames
	idleAfter = time.Minute            // an empty room's goroutine ends
	lookEvery = 5 * time.Second        // at the store, for rules that another node changed
)

// The types of entries.
const (
	TypeText   = "text"   // wire.TextContent without a reply
	TypeLike   = "like"   // {}
	TypeSystem = "system" // wire.SystemContent
)

// Room is a room as the store has it.
type Room struct {
	ID     RoomID
	Key    string // the platform's own id of it; unique
	Title  string
	Opened time.Time
	Closed time.Time // zero while it is open
	Slow   time.Duration
	Head   uint64
}

// Open says whether people may say something.
func (r Room) Open() bool { return r.ID != "" && r.Closed.IsZero() }

// Person is somebody of whom a room knows more than the user id.
type Person struct {
	User       identity.UserID
	Host       bool
	Name       []byte    // sealed: family and given name
	MutedUntil time.Time // zero: not muted
}

// Row is an entry before it has a seq. Time is to the microsecond.
type Row struct {
	User   identity.UserID // empty for the system
	CID    string
	Time   time.Time
	Type   string
	Sealed []byte
}

// Entry is an entry of a room's log.
type Entry struct {
	Seq uint64
	Row
}

// Placed says where a row is in the log, and whether it was there before.
type Placed struct {
	Seq uint64
	Dup bool
}

// ErrUnknown is what a [Store] answers about a room, or a person in one, that it does not have.
var ErrUnknown = errors.New("crowd: no such room or person")

// Store keeps rooms. Any goroutine may call it. After an error of a change the outcome is unknown; doing the same again is safe.
type Store interface {
	// Open creates a room, durable on return. If one with that key exists it is returned unchanged.
	Open(ctx context.Context, r Room) (Room, error)
	// Load returns a room or ErrUnknown.
	Load(ctx context.Context, id RoomID) (Room, error)
	// Change sets what is not nil and returns the room. Closing is for good: a closed room stays closed since then. ErrUnknown.
	Change(ctx context.Context, id RoomID, slow *time.Duration, closed *time.Time) (Room, error)
	// Append stores rows in one transaction, durable on return, with dense seqs in their order. A row whose (user, cid) is in
	// the room's log already is not stored: its place is the original's, with Dup. ErrUnknown.
	Append(ctx context.Context, id RoomID, rows []Row) ([]Placed, error)
	// Read returns at most limit entries after a seq, ascending.
	Read(ctx context.Context, id RoomID, after uint64, limit int) ([]Entry, error)
	// Person returns what the room knows of a user, or ErrUnknown.
	Person(ctx context.Context, id RoomID, user identity.UserID) (Person, error)
	// SetPerson stores it, in place of what was there.
	SetPerson(ctx context.Context, id RoomID, p Person) error
}

// Sealer seals what is at rest with the key of a room and a user (A4), so that erasing one leaves the others' words; opening is
// then policy.ErrGone.
type Sealer interface {
	SealIn(ctx context.Context, room RoomID, user identity.UserID, label string, plain []byte) ([]byte, error)
	OpenIn(ctx context.Context, room RoomID, user identity.UserID, label string, sealed []byte) ([]byte, error)
}

// Gate is asked before something that a person wrote is accepted; it returns the content to show in its place, nil for as it is.
type Gate interface {
	AdmitCrowd(ctx context.Context, p identity.Principal, kind string, content json.RawMessage) (json.RawMessage, error)
}

// Bus carries frames to the other nodes; see [parley/storage/bus.Bus].
type Bus interface {
	// Crowd tells every node, the caller's own one included. It may lose what it is told.
	Crowd(payload []byte)
}

// Subscriber is somebody in a room: a session. Its methods do not block and may drop; what they are given is shared and only
// to be read.
type Subscriber interface {
	Frame(line []byte)
	State(s wire.CrowdState)
}

// LogValue shows the id only.
func (r Room) LogValue() slog.Value { return slog.StringValue(string(r.ID)) }
