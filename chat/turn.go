package chat

import (
	"encoding/json"
	"errors"
	"time"

	"parley/internal/identity"
)

// ThingID names something with a state in a conversation, an exchange or an appointment; a UUIDv7.
type ThingID string

// The kinds of things.
const (
	KindExchange    = "exchange"
	KindAppointment = "appointment"
)

// MaxThings is how many things of one kind are read of a conversation, those changed last.
const MaxThings = 200

// StateAccepted is the state of an exchange that has happened and holds.
const StateAccepted = "accepted"

// Thing is something in a conversation that goes from state to state by entries of the log: a step and its entry are one
// transaction, so the log tells every step and each is taken once.
type Thing struct {
	Conversation ConversationID
	ID           ThingID
	Kind         string
	What         string // of an exchange
	State        string
	Opener       identity.UserID
	Seq          Seq       // of the last step's entry
	Changed      time.Time // of the last step
	Expires      time.Time // zero: never
	Sealed       []byte    // what belongs to it and is nobody's to read by itself
}

// Turn is a step of a thing, taken with the entry that tells of it. If the thing is not in state From, nothing is stored and
// the outcome is [ErrTurn]. From empty makes the thing; it is ErrTurn then if there is one of that id. A repeat of the entry
// is a repeat of the step.
type Turn struct {
	Thing   ThingID
	Kind    string // of a new thing, as What and Opener
	What    string
	Opener  identity.UserID
	From    string
	After   Seq // not 0: nor may the last step be another than that of this seq
	To      string
	Expires time.Time // zero: never
	Sealed  []byte    // nil: as before
}

// ErrTurn says that a thing was not in the state that a step begins from.
var ErrTurn = errors.New("chat: the thing is in another state")

// Posting is an entry by a domain that builds on the log: an exchange, an appointment, what a viewer of a resume left.
type Posting struct {
	Draft
	// Sender is the member in whose name it is; empty for the system. Such an entry passed the gates already, or needs none.
	Sender    identity.UserID
	Discloses identity.UserID // see [Row]
	Turn      *Turn
	// Wrote is what the sender wrote where a gate left less of it in Content; it is kept as evidence.
	Wrote json.RawMessage
}
