package wire

import (
	"encoding/json"
	"time"
)

// The frames of rooms of thousands: no members, no receipts, no resuming; what was accepted is retained all the same (E3).
type (
	// CrowdJoin enters a room; a session is in one room at a time. Answered by [CrowdState] with the recent entries.
	CrowdJoin struct {
		Room string `json:"room"`
	}
	// CrowdLeave leaves it. Answered by [Done].
	CrowdLeave struct {
		Room string `json:"room"`
	}
	// CrowdState is how a room stands. It is pushed again when its rules change.
	CrowdState struct {
		Room   string       `json:"room"`
		Open   bool         `json:"open"`
		Slow   int          `json:"slow_seconds,omitempty"` // between two entries of one person, 0 to 120
		People int          `json:"people"`                 // about
		Recent []CrowdEntry `json:"recent,omitempty"`
	}
	// CrowdSay says something to all. CID is a UUIDv7, kept for every retry. Answered by [CrowdAck] once it is durable.
	CrowdSay struct {
		Room    string          `json:"room"`
		CID     string          `json:"cid"`
		Type    string          `json:"type"` // "text", "like"
		Content json.RawMessage `json:"content"`
	}
	// CrowdAck says that it is retained, and where.
	CrowdAck struct {
		Room string `json:"room"`
		CID  string `json:"cid"`
		Seq  uint64 `json:"seq"`
		Dup  bool   `json:"dup,omitempty"`
	}
	// CrowdFrame pushes what was said in 100 to 200 ms. Dropped counts entries that were accepted and not shown, because there
	// was no room for all: by priority, hosts' and the system's last.
	CrowdFrame struct {
		Room    string       `json:"room"`
		Entries []CrowdEntry `json:"entries"`
		Dropped int          `json:"dropped,omitempty"`
	}
	// CrowdEntry is one entry of a room's log. Name is as the room may see it.
	CrowdEntry struct {
		Seq     uint64          `json:"seq"`
		User    string          `json:"user,omitempty"` // none for the system
		Name    string          `json:"name,omitempty"`
		Host    bool            `json:"host,omitempty"`
		Time    time.Time       `json:"time"`
		Type    string          `json:"type"`
		Content json.RawMessage `json:"content"`
	}
)

func (CrowdJoin) Kind() Kind  { return "crowd.join" }
func (CrowdLeave) Kind() Kind { return "crowd.leave" }
func (CrowdState) Kind() Kind { return "crowd.state" }
func (CrowdSay) Kind() Kind   { return "crowd.say" }
func (CrowdAck) Kind() Kind   { return "crowd.ack" }
func (CrowdFrame) Kind() Kind { return "crowd.frame" }
