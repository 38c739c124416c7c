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
		// Exchanged says that something was exchanged here and holds; Appointment is the state of the last appointment, see
		// [AppointmentContent]. With Member.Spoke they are what an inbox sorts by.
		Exchanged   bool   `json:"exchanged,omitempty"`
		Appointment string `json:"appointment,omitempty"`
	}

	// Member is one side of a conversation. Masked says that Name is not the full name and why a user sees stars.
	Member struct {
		User      string `json:"user"`
		Role      string `json:"role"`
		Name      string `json:"name"`
		Masked    bool   `json:"masked,omitempty"`
		Disclosed bool   `json:"disclosed,omitempty"` // a candidate let the other side see the full name (T2)
		Company   string `json:"company,omitempty"`
		Spoke     bool   `json:"spoke,omitempty"` // has sent something
		Delivered uint64 `json:"delivered"`
		Read      uint64 `json:"read"` // 0 of another who has switched receipts off
	}

	// Entry is one entry of a conversation's log. Type decides the shape of Content, see content.go.
	Entry struct {
		Conversation string          `json:"conversation"`
		Seq          uint64          `json:"seq"`
		Sender       string          `json:"sender,omitempty"` // empty for the system
		CID          string          `json:"cid,omitempty"`
		Time         time.Time       `json:"time"`
		Type         string          `json:"type"`
		Content      json.RawMessage `json:"content"`
		// Masked says that Content is less than the sender wrote (T6).
		Masked bool `json:"masked,omitempty"`
		// Revised says that a later entry changed this one: Content is then that of the edit, or {"recalled":true} (E1).
		Revised *Revised `json:"revised,omitempty"`
	}

	// Revised names the entry that changed another, and how: "edit" or "recall".
	Revised struct {
		Seq  uint64 `json:"seq"`
		Kind string `json:"kind"`
	}
)

// The frames of chat.
type (
	// ChatSend appends an entry. CID (a UUIDv7) is made before the first try and kept for every retry: the same
	// one never makes a second entry. Answered by [ChatAck].
	ChatSend struct {
		Conversation string          `json:"conversation"`
		CID          string          `json:"cid"`
		Type         string          `json:"type"`
		Content      json.RawMessage `json:"content"`
		// Confirmed says that the person has seen the warning of a confirm_needed and sends it all the same.
		Confirmed bool `json:"confirmed,omitempty"`
	}
	// ChatAck says that the entry is durable, at which seq. Dup says that it already was. Changed says that what is stored
	// differs from what was sent: something was masked, or the server added what it knows. The push, or the log, has it.
	ChatAck struct {
		Conversation string    `json:"conversation"`
		CID          string    `json:"cid"`
		Seq          uint64    `json:"seq"`
		Time         time.Time `json:"time"`
		Dup          bool      `json:"dup,omitempty"`
		Changed      bool      `json:"changed,omitempty"`
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

	// ChatTyping says that somebody writes just now. A client sends it at most every 3 s while a person types, without a User;
	// the others get it with one and forget it after 6 s. It is not kept and may be lost.
	ChatTyping struct {
		Conversation string `json:"conversation"`
		User         string `json:"user,omitempty"`
	}
	// ChatPresence asks who of a conversation is here, and again whenever it changes while this session lasts. Answered by
	// [Presence].
	ChatPresence struct {
		Conversation string `json:"conversation"`
	}
	// Presence says who of a conversation is connected. Who hides it, or hides from the asker, is not here.
	Presence struct {
		Conversation string   `json:"conversation"`
		Here         []string `json:"here"` // users
	}

	// ChatSearch looks for words in one's own conversations of the last 90 days, the newest first. Conversation and Before
	// narrow it; answered by [ChatFound].
	ChatSearch struct {
		Query        string    `json:"query"`
		Conversation string    `json:"conversation,omitempty"`
		Before       time.Time `json:"before,omitzero"`
		Limit        int       `json:"limit,omitempty"` // at most 50 (20 when zero)
	}
	// ChatFound has entries that hold the words. Searched is how far back was looked: with More, ask again with Before set to it.
	ChatFound struct {
		Entries  []Entry   `json:"entries"`
		Searched time.Time `json:"searched"`
		More     bool      `json:"more,omitempty"`
	}

	// ChatReceiptGet asks for the signed head of a conversation's log (E6). Answered by [ChatReceipt].
	ChatReceiptGet struct {
		Conversation string `json:"conversation"`
	}
	// ChatReceipt is a conversation's last seal: entries up to Entries hash to Head, which stands in one leaf of a tree whose
	// root was signed. What a participant keeps of it can be held against a transcript later (internal/chain/TRANSCRIPT.md).
	ChatReceipt struct {
		Conversation string    `json:"conversation"`
		Seal         uint64    `json:"seal"` // of the conversation, from 1
		Prev         string    `json:"prev"` // leaf of the seal before; all hashes are hexadecimal
		Entries      uint64    `json:"entries"`
		Head         string    `json:"head"`
		Tree         uint64    `json:"tree"`   // number of the tree
		Before       string    `json:"before"` // hash of the tree before
		Root         string    `json:"root"`
		Proof        []string  `json:"proof"` // hashes from the leaf to the root
		Leaf         uint64    `json:"leaf"`  // index of the leaf
		Leaves       uint64    `json:"leaves"`
		Time         time.Time `json:"time"`
		Key          string    `json:"key"`
		Signature    []byte    `json:"signature"`
	}
)
