package chat

import (
	"encoding/binary"
	"errors"
	"time"

	"parley/internal/identity"
)

// Hint is what a [Hub] sends from node to node: an [Entry] (sealed, so that a bus never carries a body in clear), a
// [Cursor] or [Changed].
type Hint interface{ hint() byte }

// Changed is the hint that a conversation's view changed.
type Changed struct{ Conversation ConversationID }

// The first byte of an encoded hint.
const (
	hintEntry   = 'e'
	hintCursor  = 'c'
	hintChanged = 'v'
)

func (Entry) hint() byte   { return hintEntry }
func (Cursor) hint() byte  { return hintCursor }
func (Changed) hint() byte { return hintChanged }

var errHint = errors.New("chat: malformed hint")

// EncodeHint encodes a hint: its kind in one byte, then its fields, texts and bytes behind their length as a uvarint.
func EncodeHint(h Hint) []byte {
	b := append(make([]byte, 0, 192), h.hint())
	switch h := h.(type) {
	case Entry:
		b = appendText(b, string(h.Conversation))
		b = binary.AppendUvarint(b, h.Seq)
		b = appendText(b, string(h.Sender))
		b = appendText(b, string(h.CID))
		b = binary.AppendVarint(b, h.Time.UnixMicro())
		b = appendText(b, h.Type)
		b = appendText(b, string(h.Sealed))
	case Cursor:
		b = appendText(b, string(h.Conversation))
		b = appendText(b, string(h.User))
		b = binary.AppendUvarint(b, h.Delivered)
		b = binary.AppendUvarint(b, h.Read)
		b = binary.AppendUvarint(b, bit(h.Quiet))
	case Changed:
		b = appendText(b, string(h.Conversation))
	}
	return b
}

// DecodeHint is the inverse of [EncodeHint]. It keeps nothing of b.
func DecodeHint(b []byte) (Hint, error) {
	if len(b) == 0 {
		return nil, errHint
	}
	r := reader{b: b[1:]}
	var h Hint
	switch b[0] {
	case hintEntry:
		h = Entry{
			Conversation: ConversationID(r.text()), Seq: r.number(), Sender: identity.UserID(r.text()), CID: ClientID(r.text()),
			Time: r.time(), Type: r.text(), Sealed: []byte(r.text()),
		}
	case hintCursor:
		h = Cursor{
			Conversation: ConversationID(r.text()), User: identity.UserID(r.text()), Delivered: r.number(), Read: r.number(), Quiet: r.flag(),
		}
	case hintChanged:
		h = Changed{Conversation: ConversationID(r.text())}
	default:
		return nil, errHint
	}
	if r.bad || len(r.b) > 0 {
		return nil, errHint
	}
	return h, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// reader takes fields off the front of b; after the first that is malformed all are zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) flag() bool {
	n := r.number()
	r.bad = r.bad || n > 1
	return n == 1
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) time() time.Time {
	us, n := binary.Varint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return time.Time{}
	}
	r.b = r.b[n:]
	return time.UnixMicro(us).UTC()
}
