package wire

// Frame is one message of the protocol: what kind it is, the request it belongs to, and its body. On the wire it
// is one JSON object on one line:
//
//	{"kind":"chat.send","ref":"7","body":{"conversation":"…","cid":"…","type":"text","content":{"text":"你好"}}}
//
// A client makes up Ref for a request (at most [MaxRef] bytes); the server's answer, or its [Error], carries the
// same Ref. Pushes carry none. A request without a Ref gets no [Done].
type Frame struct {
	Ref  string
	Body Body
}

// Body is the body of a frame: one struct per kind, all listed in kinds.go.
type Body interface {
	// Kind is the name on the wire.
	Kind() Kind
}

// Kind names a kind of frame, "area.verb".
type Kind string

// Limits of the protocol. A client that goes over one gets an [Error] and, where the stream can't be trusted any
// more, a close code of PROTOCOL.md.
const (
	// Subprotocol is what both sides must name in the WebSocket handshake.
	Subprotocol = "parley.v1"
	// MaxMessage is the largest WebSocket message the server accepts, in bytes. SDP is the largest frame a client has.
	MaxMessage = 64 << 10
	// MaxAnswer is the largest WebSocket message the server sends, in bytes: a page of the log is the largest.
	MaxAnswer = 1 << 20
	// MaxFrames is how many newline-separated frames one message may hold.
	MaxFrames = 64
	// MaxRef is the longest ref in bytes.
	MaxRef = 64
	// MaxText is the longest text of a chat message in bytes.
	MaxText = 8 << 10
)
