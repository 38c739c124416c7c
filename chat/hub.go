package chat

import (
	"parley/internal/identity"
)

// Hub is told what was committed, so that members who are connected see it at once. Its methods are called from the lanes:
// they must not block, may drop, and own nothing that they are given. Entries of one conversation come in ascending seq; one
// may come again, late, when the outcome of its first commit was unknown.
type Hub interface {
	// Committed tells of a new entry.
	Committed(members []identity.UserID, e Entry)
	// Moved tells that a member's cursors moved.
	Moved(members []identity.UserID, c Cursor)
	// Changed tells that the conversation is new or that what its members see of each other changed.
	Changed(members []identity.UserID, id ConversationID)
}
