package gateway

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/interview"
	"parley/signal/wire"
	"parley/storage/bus"
)

// What a payload on the bus is, by its first byte.
const (
	hintChat      = 'c' // a chat.Hint
	hintInterview = 'i' // the id of an interview whose view changed
	hintReceipt   = 'r' // an encoded frame interview.receipt
	hintRevoked   = 'd' // a revocation, told to all nodes
	hintFrame     = 'f' // an encoded frame for all sessions of the users
	hintTyping    = 't' // an encoded frame chat.typing
	hintCrowd     = 'w' // what chat/crowd tells all nodes
	hintPresence  = 'p' // users who came or left, told to all nodes
)

// Hub sends hints to the gateways that users are connected to. It is the [chat.Hub] and the [interview.Hub] of a node, made
// before both. Any goroutine may call it; it does not wait for receivers and loses hints when the bus does.
type Hub struct {
	bus  bus.Bus
	log  *slog.Logger
	down atomic.Bool // the last send failed
}

var (
	_ chat.Hub      = (*Hub)(nil)
	_ interview.Hub = (*Hub)(nil)
)

// NewHub makes a hub on the bus; a nil log is slog.Default.
func NewHub(b bus.Bus, log *slog.Logger) *Hub {
	if log == nil {
		log = slog.Default()
	}
	return &Hub{bus: b, log: log}
}

// Committed implements [chat.Hub]. The entry goes out sealed.
func (h *Hub) Committed(members []identity.UserID, e chat.Entry) { h.chat(members, e) }

// Moved implements [chat.Hub].
func (h *Hub) Moved(members []identity.UserID, c chat.Cursor) { h.chat(members, c) }

// Changed implements [chat.Hub].
func (h *Hub) Changed(members []identity.UserID, id chat.ConversationID) {
	h.chat(members, chat.Changed{Conversation: id})
}

func (h *Hub) chat(members []identity.UserID, hint chat.Hint) {
	h.send(members, hintChat, chat.EncodeHint(hint))
}

// Interview implements [interview.Hub].
func (h *Hub) Interview(users []identity.UserID, id interview.ID) {
	h.send(users, hintInterview, []byte(id))
}

// Receipt implements [interview.Hub].
func (h *Hub) Receipt(users []identity.UserID, r wire.InterviewReceipt) {
	h.frame(users, hintReceipt, r)
}

// Push sends a frame of the server to all sessions of a user, on whatever nodes. Like every hint it may be lost; what it tells
// must be there to be asked for.
func (h *Hub) Push(_ context.Context, user identity.UserID, body wire.Body) {
	h.frame([]identity.UserID{user}, hintFrame, body)
}

func (h *Hub) typing(users []identity.UserID, t wire.ChatTyping) { h.frame(users, hintTyping, t) }

func (h *Hub) frame(users []identity.UserID, kind byte, body wire.Body) {
	line, err := wire.Encode(wire.Frame{Body: body})
	if err != nil {
		h.log.LogAttrs(context.Background(), slog.LevelError, "a hint could not be encoded", slog.String("kind", string(body.Kind())), slog.Any("err", err))
		return
	}
	h.send(users, kind, line)
}

// stirred tells every node that these users came or left.
func (h *Hub) stirred(users []identity.UserID) {
	hint, err := json.Marshal(users)
	if err != nil {
		h.log.LogAttrs(context.Background(), slog.LevelError, "presence could not be encoded", slog.Any("err", err))
		return
	}
	h.sent(h.bus.Tell(context.Background(), append([]byte{hintPresence}, hint...)))
}

// Revoked tells every node of a revocation (T7).
func (h *Hub) Revoked(r identity.Revocation) {
	hint, err := encodeRevocation(r)
	if err != nil {
		h.log.LogAttrs(context.Background(), slog.LevelError, "a revocation could not be encoded", slog.Any("err", err))
		return
	}
	h.sent(h.bus.Tell(context.Background(), append([]byte{hintRevoked}, hint...)))
}

func (h *Hub) send(users []identity.UserID, kind byte, hint []byte) {
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = string(u)
	}
	h.sent(h.bus.Send(context.Background(), names, append([]byte{kind}, hint...)))
}

// sent logs the first of a row of failures.
func (h *Hub) sent(err error) {
	if failed := err != nil; h.down.Swap(failed) != failed && failed {
		h.log.LogAttrs(context.Background(), slog.LevelWarn, "hints can't be sent; sessions find what is new by pings", slog.Any("err", err))
	}
}
