package chat

import (
	"encoding/json"
	"log/slog"
	"time"

	"parley/internal/identity"
	"parley/signal/wire"
)

// ConversationID names a conversation; a UUIDv7 that the service minted.
type ConversationID string

// Seq numbers the entries of one conversation, dense from 1.
type Seq = uint64

// ClientID names an entry of one sender in one conversation, for ever. People's clients make a UUIDv7 before the first
// try; the system uses any text of [MaxClientID] bytes that is the same on every try.
type ClientID string

// Limits of what callers may hand in or get back.
const (
	MaxClientID      = 64        // bytes
	MaxPage          = 200       // entries in a page
	MaxPageBytes     = 512 << 10 // of ciphertext in a page; one entry is always given
	MaxConversations = 300       // in a list, those last active
	MaxUnread        = 999       // counted; more shows as this
	MaxBatch         = 128       // entries and marks in one transaction
)

// The types of entries that people send.
const (
	TypeText     = "text"
	TypePicture  = "picture"
	TypeVoice    = "voice"
	TypeVideo    = "video"
	TypeFile     = "file"
	TypeResume   = "resume"
	TypeJob      = "job"
	TypeEdit     = "edit"
	TypeRecall   = "recall"
	TypeReaction = "reaction"
)

// The types of entries that the server writes.
const (
	TypeExchange    = "exchange"
	TypeAppointment = "appointment"
	TypeCall        = "call"
	TypeInterview   = "interview"
	TypeSystem      = "system"
)

// Uncounted are the types that are never unread: they tell nothing new, or change what was counted.
var Uncounted = []string{TypeSystem, TypeEdit, TypeRecall, TypeReaction}

// Entry is one entry of a log as it is stored: immutable, its content sealed. [Service.Unseal] opens it.
type Entry struct {
	Conversation ConversationID
	Seq          Seq
	Sender       identity.UserID // empty for the system
	CID          ClientID
	Time         time.Time // of the commit, by the server's clock, to the microsecond
	Type         string
	Sealed       []byte // read only
	// Revised is set by a store's reads where a later entry changed this one; a hint does not carry it.
	Revised *Revised
}

// Revised is how an entry was changed by a later one of its sender: the latest edit, or a recall, which nothing follows.
type Revised struct {
	Seq    Seq
	Kind   string // TypeEdit or TypeRecall
	CID    ClientID
	Sealed []byte // of the edit; read only
}

// LogValue shows what may stand in a log: neither sender nor content.
func (e Entry) LogValue() slog.Value {
	return slog.GroupValue(slog.String("conversation", string(e.Conversation)), slog.Uint64("seq", e.Seq), slog.String("type", e.Type))
}

// Cursor says up to which entry a member's devices have got the log and up to which the member has read it. It only moves
// forward, Read never beyond Delivered, neither beyond the head.
type Cursor struct {
	Conversation ConversationID
	User         identity.UserID
	Delivered    Seq
	Read         Seq
	// Quiet says that the member has switched receipts off: Read is for the member's own devices only.
	Quiet bool
}

// Draft is an entry before it is in the log.
type Draft struct {
	Conversation ConversationID
	CID          ClientID
	Type         string
	Content      json.RawMessage
	// Confirmed says that the person has seen a warning and wants it all the same.
	Confirmed bool
}

// Ack says that an entry is durable. Dup says that it already was before this call. Changed says that what this call would
// have stored differs from what was sent.
type Ack struct {
	Seq     Seq
	Time    time.Time
	Dup     bool
	Changed bool
}

// Range picks a page: entries with After < Seq, ascending from After; with Before set instead the page that ends just below
// it (and still above After). Limit 0 means 100; more than [MaxPage] is [MaxPage].
type Range struct {
	After, Before Seq
	Limit         int
}

func (r Range) bounded() Range {
	if r.Limit <= 0 {
		r.Limit = 100
	}
	r.Limit = min(r.Limit, MaxPage)
	return r
}

// Page is a page of the log: ascending, without a gap. It may be shorter than the limit (see [MaxPageBytes]) without being
// the last: compare with Head.
type Page = wire.ChatPage
