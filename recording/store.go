package recording

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/outbox"
	"parley/internal/policy"
)

// State is where a recording stands. The zero value is not recorded.
type State string

// States of a recording.
const (
	StateRecording State = "recording"
	StateSealed    State = "sealed"
	// StateRecovered is sealed, after a crash, with what was on disk.
	StateRecovered State = "recovered"
	// StateFailed says that nothing was recorded, or that what there is can't be read.
	StateFailed State = "failed"
)

// Row is what a store keeps of a recording. Everything that tells of persons is in Sealed, under the recording key.
type Row struct {
	ID        ID
	Interview string
	Node      string // whose disk it is on until it is Stored
	// Epoch counts the owners: 1 is the node that began it, each adoption adds one. A write under an older epoch is
	// refused.
	Epoch   uint64
	State   State
	Started time.Time
	Ended   time.Time
	// Stored says that the bucket has confirmed every object.
	Stored bool
	Sealed []byte
	// Event is put into the outbox with the row, once for each id; the zero event is none. It is not kept.
	Event outbox.Event
}

// Store keeps the rows of recordings. Any goroutine may call it. Save and Adopt are durable on return; an error leaves
// the outcome unknown unless it says otherwise.
type Store interface {
	// Save replaces the row of that id, and saving again is safe. [ErrFenced] says that the stored row has a newer
	// epoch, and nothing was changed.
	Save(ctx context.Context, r Row) error
	// Adopt makes node the owner of the recording if its epoch is still the given one, and the epoch one more. Of
	// several that try, one succeeds; the others get [ErrFenced]. policy.ErrNotFound when there is no such row.
	Adopt(ctx context.Context, id ID, node string, epoch uint64) error
	// Get returns policy.ErrNotFound when there is none.
	Get(ctx context.Context, id ID) (Row, error)
	// List gives those of an interview, oldest first.
	List(ctx context.Context, interview string) ([]Row, error)
	// Pending gives those of the node that are being recorded or not yet Stored, oldest first; failed ones
	// are not among them. No node means all nodes.
	Pending(ctx context.Context, node string) ([]Row, error)
}

// ErrFenced says that the recording belongs to another owner, under a newer epoch.
var ErrFenced = errors.New("recording: another node has adopted it")

// ErrNoRoom says that the disk has no room for another recording, so none was begun.
var ErrNoRoom = errors.New("recording: no room on disk")

// errNoRoom is how callers see it: try again later, and ErrNoRoom for errors.Is.
var errNoRoom = fmt.Errorf("%w: %w", ErrNoRoom, policy.ErrUnavailable)
