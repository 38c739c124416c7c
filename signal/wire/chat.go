package wire

import (
	"encoding/json"
	"time"
)

// What the log and its neighbours look like on the wire.
type (
	// Conversation is a conversation as one member sees it. Name of the other side is masked by the server until
	// it was disclosed (T2).
	Conversation struct {
		ID      string   `json:"id"`
		Title   string   `json:"title,omitempty"` // the job it is about
		Members []Member `json:"members"`
		Head    uint64   `json:"head"` // the last seq
		Last    *Entry   `json:"last,omitempty"`
		Unread  uint64   `json:"unread"`
	}

	// Member is one side of a conversation. Masked says that Name is not the full name and why a user sees stars.
	Member struct {
		User      string `json:"user"`
		Role      string `json:"role"`
		Name      string `json:"name"`
		Masked    bool   `json:"masked,omitempty"`
		Disclosed bool   `json:"disclosed,omitempty"` // a candidate let the other side see the full name (T2)
		Company   string `json:"company,omitempty"`
		Delivered uint64 `json:"delivered"`
		Read      uint64 `json:"read"`
	}

	// Entry is one entry of a conversation's log. Type decides the shape of Content: "text" {text},
	// "interview" {interview, state, at, duration_ms?}, "system" {code, …}.
	Entry struct {
		Conversation string          `json:"conversation"`
		Seq          uint64          `json:"seq"`
		Sender       string          `json:"sender,omitempty"` // empty for the system
		CID          string          `json:"cid,omitempty"`
		Time         time.Time       `json:"time"`
		Type         string          `json:"type"`
		Content      json.RawMessage `json:"content"`
	}
)

// The content of the entry types of this version.
type (
	// TextContent is the content of a "text" entry.
	TextContent struct {
		Text string `json:"text"`
	}
	// InterviewContent is the content of an "interview" entry: the interview's card changed its state.
	InterviewContent struct {
		Interview string `json:"interview"`
		State     string `json:"state"` // see Interview.State
		Reason    string `json:"reason,omitempty"`
		// Duration in milliseconds from going live to the end; only once ended.
		Duration int64 `json:"duration_ms,omitempty"`
	}
	// SystemContent is the content of a "system" entry; Code tells the client which sentence to show.
	SystemContent struct {
		Code string `json:"code"` // "opened", "name_disclosed", "consent_withdrawn"
		User string `json:"user,omitempty"`
	}
)

// The frames of chat.
type (
	// ChatSend appends an entry. CID (a UUIDv7) is made before the first try and kept for every retry: the same
	// one never makes a second entry. Answered by [ChatAck].
	ChatSend struct {
		Conversation string          `json:"conversation"`
		CID          string          `json:"cid"`
		Type         string          `json:"type"` // "text"
		Content      json.RawMessage `json:"content"`
	}
	// ChatAck says that the entry is durable, at which seq. Dup says that it already was.
	ChatAck struct {
		Conversation string    `json:"conversation"`
		CID          string    `json:"cid"`
		Seq          uint64    `json:"seq"`
		Time         time.Time `json:"time"`
		Dup          bool      `json:"dup,omitempty"`
	}
	// ChatEntry pushes one entry. Within one session a conversation's entries come in ascending seq; a jump means
	// that the client must read the gap.
	ChatEntry struct {
		Entry
	}
	// ChatRead reads the log. Entries after After come ascending; with Before set instead, the page that ends just
	// below it. Limit is at most 200 (100 when zero). Answered by [ChatPage].
	ChatRead struct {
		Conversation string `json:"conversation"`
		After        uint64 `json:"after,omitempty"`
		Before       uint64 `json:"before,omitempty"`
		Limit        int    `json:"limit,omitempty"`
	}
	// ChatPage is a page of the log, ascending and without a gap.
	ChatPage struct {
		Conversation string  `json:"conversation"`
		Entries      []Entry `json:"entries"`
		Head         uint64  `json:"head"`
	}
	// ChatMark moves the sender's own cursors forward; a lower value than before changes nothing. Answered by Done.
	ChatMark struct {
		Conversation string `json:"conversation"`
		Delivered    uint64 `json:"delivered,omitempty"`
		Read         uint64 `json:"read,omitempty"`
	}
	// ChatCursor pushes where a member's cursors are now.
	ChatCursor struct {
		Conversation string `json:"conversation"`
		User         string `json:"user"`
		Delivered    uint64 `json:"delivered"`
		Read         uint64 `json:"read"`
	}
	// ChatDirty replaces pushes that a slow reader had no room for: read the log up to Head.
	ChatDirty struct {
		Conversation string `json:"conversation"`
		Head         uint64 `json:"head"`
	}
	// ChatTruncated says that the gap of a resume was too long to send: entries up to From are not sent, read them
	// backwards as far as they are wanted.
	ChatTruncated struct {
		Conversation string `json:"conversation"`
		From         uint64 `json:"from"`
		Head         uint64 `json:"head"`
	}
	// ChatDisclose lets a candidate disclose the full name in a conversation (T2). It can't be taken back.
	// Answered by Done; both sides get a "system" entry name_disclosed and a fresh [ChatConversation].
	ChatDisclose struct {
		Conversation string `json:"conversation"`
	}
	// ChatConversation pushes a conversation that is new or whose members changed.
	ChatConversation struct {
		Conversation
	}
)
