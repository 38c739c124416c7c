package attach

import (
	"context"
	"errors"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/storage/object"
)

// What a [Store] answers, possibly wrapped.
var (
	// ErrUnknown says that there is no such attachment, or no more.
	ErrUnknown = errors.New("attach: no such attachment")
	// ErrMoved says that an upload has gone on meanwhile, or was finished.
	ErrMoved = errors.New("attach: the upload is elsewhere by now")
	// ErrDay says that the person has uploaded as much today as one may.
	ErrDay = errors.New("attach: enough for today")
	// ErrLost says that an object was given up before it could be referred to.
	ErrLost = errors.New("attach: the object was given up")
)

// Store keeps rows of attachments and of every object that was put for one. Any goroutine may call it. Its times are those of
// its own clock. After any other error than those above the outcome is unknown; a crash leaves each call's effect whole or absent.
type Store interface {
	// Begin keeps a row of an upload that has nothing yet. ErrDay if the owner's rows of the last day, this one included, are
	// more than the limits allow.
	Begin(ctx context.Context, r Row, most Day) error
	// Load returns a row. ErrUnknown.
	Load(ctx context.Context, id ID) (Row, error)
	// Claim notes objects that are about to be put for an upload, before they are: so that none is ever forgotten. ErrUnknown.
	Claim(ctx context.Context, id ID, objects ...object.Key) error
	// Advance adds a part whose object was claimed and put. ErrMoved unless the upload had come to exactly its start; ErrLost.
	Advance(ctx context.Context, id ID, p Part) error
	// Finish says what became of an upload, whose objects were claimed and put. Its parts are nobody's from then on. ErrMoved if it
	// was finished before; ErrUnknown; ErrLost.
	Finish(ctx context.Context, id ID, s Stored) error
	// Use keeps an attachment that is about to be sent from going with [Life]. Repeating it changes nothing. ErrUnknown.
	Use(ctx context.Context, id ID) error
}

// Sweeping is the part of a store that finds what is left over.
type Sweeping interface {
	// Orphans ends, of all owners, what was not finished or not used within [Life] of its beginning, and returns objects that
	// nobody refers to, at most limit: those of what ended, the parts of what was finished, and what was claimed longer than
	// [Put] ago and never referred to. From then on nobody can refer to them. They are returned until they are forgotten.
	Orphans(ctx context.Context, limit int) ([]object.Key, error)
	// Forget drops objects that are deleted.
	Forget(ctx context.Context, objects []object.Key) error
}

// Put is how long an object may take from its claim until it is referred to.
const Put = time.Hour

// Day is how much one person may begin to upload within 24 hours.
type Day struct {
	Count int
	Bytes int64
}

type (
	// Row is an attachment as it is stored. Stored is filled once it is Done, Parts are there before.
	Row struct {
		ID           ID
		Conversation chat.ConversationID
		Owner        identity.UserID
		Kind         Kind
		Name         []byte // sealed
		Announced    int64  // bytes that will come
		Received     int64  // bytes that have come
		Parts        []Part // in order, without a gap
		Used         bool
		Done         bool
		Stored
	}

	// Part is a piece of an upload.
	Part struct {
		Object object.Key
		Start  int64
		Size   int64
	}

	// Stored is what became of an upload.
	Stored struct {
		Media         string
		Body          object.Key
		Size          int64
		Thumb         object.Key // empty: none
		ThumbSize     int64
		Width, Height int
		Duration      time.Duration // to the millisecond
	}
)
