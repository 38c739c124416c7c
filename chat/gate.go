package chat

import (
	"context"
	"encoding/json"

	"parley/internal/identity"
)

// Gate is asked before something that a person wrote reaches the log, in the order of [Config.Gates]. A refusal is what the
// person is told, so it tells nothing hidden. What the system posts passes no gate. Any goroutine may call it.
type Gate interface {
	// Admit returns the content to be stored in place of the one in a, nil for as it is, or why there is none.
	Admit(ctx context.Context, a Attempt) (json.RawMessage, error)
}

// Attempt is what somebody wants to write: the content is in the form of its type. It is read only.
type Attempt struct {
	By           identity.Principal
	Conversation ConversationID
	Others       []Party // the other members
	CID          ClientID
	Type         string
	Content      json.RawMessage
	Confirmed    bool // the person has seen a warning and wants it all the same
}

// Party is a member as gates need to know it.
type Party struct {
	User    identity.UserID
	Role    identity.Role
	Company identity.CompanyID // of a recruiter or headhunter; empty where the platform did not say
}

// Preferences are what members set for themselves, as far as the log heeds it. It is asked for every view and every mark: it
// must be quick. Any goroutine may call it.
type Preferences interface {
	// NoReceipts says which of the users don't show what they have read.
	NoReceipts(ctx context.Context, users []identity.UserID) (map[identity.UserID]bool, error)
}

// Attachments knows what was uploaded.
type Attachments interface {
	// Describe returns what the server knows of an attachment that the user has uploaded into this conversation, as the content
	// of an entry of the type; a refusal if there is none that fits. Reply and Text of the answer are empty.
	Describe(ctx context.Context, user identity.UserID, id ConversationID, attachment, entry string) (AttachmentFacts, error)
}

// AttachmentFacts are what a content says of its attachment.
type AttachmentFacts struct {
	Name, Media   string
	Size          int64
	Width, Height int
	DurationMS    int64
	Thumb         bool
}
