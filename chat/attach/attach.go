package attach

import (
	"log/slog"
	"time"

	"parley/chat"
)

// ID names an attachment; a UUIDv7 that the service minted.
type ID string

// Kind is what an attachment is sent as, the type of its entry. The zero value is no kind and takes nothing.
type Kind string

// The kinds.
const (
	Picture Kind = chat.TypePicture
	Voice   Kind = chat.TypeVoice
	Video   Kind = chat.TypeVideo
	File    Kind = chat.TypeFile
	Resume  Kind = chat.TypeResume
)

// MaxSize is how large an attachment of a kind may be, in bytes; a kind that is not here takes none.
var MaxSize = map[Kind]int64{Picture: 20 << 20, Voice: 10 << 20, Video: 200 << 20, File: 50 << 20, Resume: 50 << 20}

// Limits of uploading.
const (
	MaxSmall  = 8 << 20   // bytes that come in one request; more come by Begin and Append
	PartSize  = 4 << 20   // bytes that are made durable together
	LeastPart = 256 << 10 // bytes; of what comes less is kept only if it is the end
	MaxName   = 200       // bytes of a name that is kept
	// Life is how long an upload may take, and how long an attachment waits to be sent.
	Life = 24 * time.Hour
)

// Draft is what somebody wants to upload.
type Draft struct {
	Conversation chat.ConversationID
	Kind         Kind
	Name         string // of the file on the person's device
}

// Info is an attachment that is stored.
type Info struct {
	ID   ID
	Kind Kind
	chat.AttachmentFacts
}

// LogValue leaves out the name.
func (i Info) LogValue() slog.Value { return slog.GroupValue(slog.String("attachment", string(i.ID))) }

// Upload is how far an upload has come. Done is there once it is whole and was accepted.
type Upload struct {
	ID     ID
	Offset int64 // bytes that are durable
	Size   int64 // bytes that were announced
	Done   *Info
}
