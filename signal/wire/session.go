package wire

import "time"

// The frames that open, keep and end a session.
type (
	// Hello is the first frame of a client; nothing else is answered before it. The token stands here and never
	// in a URL. Resume names the last seq the client holds of each conversation it knows: what follows is sent
	// before anything live, or [ChatTruncated] when that is too much.
	Hello struct {
		Token  string            `json:"token"`
		Device string            `json:"device,omitempty"` // stable id of the client's device, at most 64 bytes
		Client string            `json:"client,omitempty"` // name and version of the client's software
		Lang   string            `json:"lang,omitempty"`   // "zh" or "en"; zh when absent
		Resume map[string]uint64 `json:"resume,omitempty"` // conversation → last seq held, without a gap below it
	}

	// Welcome answers Hello. Until is when the session ends unless [Renew] brings a newer token.
	Welcome struct {
		Session       string         `json:"session"`
		User          string         `json:"user"`
		Role          string         `json:"role"`
		Time          time.Time      `json:"time"`
		Until         time.Time      `json:"until"`
		PingSeconds   int            `json:"ping_seconds"`
		Conversations []Conversation `json:"conversations"`
		Interviews    []Interview    `json:"interviews"` // the ones not ended that the user is invited to
	}

	// Renew replaces the session's token before it expires; answered by [Done].
	Renew struct {
		Token string `json:"token"`
	}

	// Ping comes from the server every PingSeconds and carries the heads of the conversations that changed since
	// the ping before, so that a lost last push shows (a client that is behind a head reads the log). The client
	// answers with [Pong]; two missed and the server closes.
	Ping struct {
		Time  time.Time         `json:"time"`
		Heads map[string]uint64 `json:"heads,omitempty"`
	}

	// Pong answers Ping. A client may also send a Ping of its own (without heads) and gets a Pong.
	Pong struct {
		Time time.Time `json:"time"`
	}

	// Done answers a request that has nothing to tell.
	Done struct{}

	// Error answers a request that was refused or failed. Without a ref it is about a frame that had none, or that was no
	// frame.
	Error struct {
		ID    string            `json:"id"`   // stable: "not_found", "bad_frame", …; the list is in PROTOCOL.md
		Text  map[string]string `json:"text"` // "zh" and "en", for people
		Retry bool              `json:"retry,omitempty"`
		// RetryAfter is in milliseconds; jittered by the server.
		RetryAfter int `json:"retry_after,omitempty"`
	}

	// Bye says that the server is about to close the session in order: come back after RetryAfter milliseconds.
	Bye struct {
		Reason     string `json:"reason"` // "drain", "expired", "revoked", "replaced"
		RetryAfter int    `json:"retry_after,omitempty"`
	}
)
