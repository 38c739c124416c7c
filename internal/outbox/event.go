package outbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"parley/internal/identity"
)

// EventID names an event, for ever and on every try; a UUIDv7.
type EventID string

// Kind says what happened: "noun.verb".
type Kind string

// The kinds.
const (
	ConversationOpened Kind = "conversation.opened"
	ConversationEntry  Kind = "conversation.entry"
	InterviewOpen      Kind = "interview.open"
	InterviewLive      Kind = "interview.live"
	InterviewEnded     Kind = "interview.ended"
	RecordingSealed    Kind = "recording.sealed"
	ReminderUnread     Kind = "reminder.unread"
	NoticeSend         Kind = "notice.send"
	ReportFiled        Kind = "report.filed"
)

// Kinds lists every kind, for documentation and tests.
var Kinds = []Kind{
	ConversationOpened, ConversationEntry, InterviewOpen, InterviewLive, InterviewEnded, RecordingSealed,
	ReminderUnread, NoticeSend, ReportFiled,
}

// Event is what a webhook says. Which fields an event of a kind has is fixed, see [Event.Check]: that is all that leaves
// the server (A6). Never a message, a name or a number.
//
// Sender and User are the only ids of persons: the platform's own pseudonyms of who wrote, without which its backend
// can't tell whom to show it, and of whom a reminder or notice is for. The platform knows the members already: it named
// them when it opened the conversation. Who reported whom is not told: moderators look it up.
type Event struct {
	ID           EventID         `json:"id"`
	Kind         Kind            `json:"kind"`
	At           time.Time       `json:"at"` // of the change, UTC, to the microsecond
	Conversation string          `json:"conversation,omitempty"`
	Seq          uint64          `json:"seq,omitempty"`  // place in the conversation's log
	Type         string          `json:"type,omitempty"` // of the entry
	Sender       identity.UserID `json:"sender,omitempty"`
	Interview    string          `json:"interview,omitempty"`
	Recording    string          `json:"recording,omitempty"`
	User         identity.UserID `json:"user,omitempty"`    // whom it is for
	Channel      string          `json:"channel,omitempty"` // by which it is to reach them
	Class        string          `json:"class,omitempty"`   // of a notice
	Notice       string          `json:"notice,omitempty"`  // the platform's own id
	Report       string          `json:"report,omitempty"`
}

// NewID mints the id of an event.
func NewID() (EventID, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("mint event id: %w", err)
	}
	return EventID(u.String()), nil
}

// Sealed is the event that a recording of an interview was closed and can be verified. A recording is closed once, but by
// whom and how often that is tried is up to crashes; so the event's id follows from the recording's, a UUIDv7: its time,
// and a hash in place of its random bits.
func Sealed(recording, interview string, at time.Time) (Event, error) {
	u, err := uuid.Parse(recording)
	if err != nil || u.Version() != 7 {
		return Event{}, errors.New("outbox: the recording's id is no UUIDv7")
	}
	sum := sha256.Sum256([]byte(string(RecordingSealed) + "/" + recording))
	copy(u[6:], sum[:])
	u[6], u[8] = u[6]&0x0f|0x70, u[8]&0x3f|0x80
	return Event{ID: EventID(u.String()), Kind: RecordingSealed, At: at.UTC().Truncate(time.Microsecond), Recording: recording, Interview: interview}, nil
}

// LogValue shows what may stand in a log: no person.
func (e Event) LogValue() slog.Value {
	return slog.GroupValue(slog.String("event", string(e.ID)), slog.String("kind", string(e.Kind)))
}

// fields is a set of an event's fields beside id, kind and time.
type fields uint16

const (
	hasConversation fields = 1 << iota
	hasSeq
	hasType
	hasSender
	hasInterview
	hasRecording
	hasUser
	hasChannel
	hasClass
	hasNotice
	hasReport
)

// shape is what an event of a kind has: all of must, some of may, nothing else.
type shape struct{ must, may fields }

// shapes is the whole of what leaves the server (A6).
var shapes = map[Kind]shape{
	ConversationOpened: {must: hasConversation | hasSeq},
	ConversationEntry:  {must: hasConversation | hasSeq | hasType, may: hasSender},
	InterviewOpen:      {must: hasConversation | hasSeq | hasInterview},
	InterviewLive:      {must: hasConversation | hasSeq | hasInterview},
	InterviewEnded:     {must: hasConversation | hasSeq | hasInterview},
	RecordingSealed:    {must: hasInterview | hasRecording},
	ReminderUnread:     {must: hasConversation | hasSeq | hasUser | hasChannel},
	NoticeSend:         {must: hasUser | hasChannel | hasClass | hasNotice},
	ReportFiled:        {must: hasConversation | hasReport},
}

// maxField bounds each text of an event, in bytes: they are ids and words.
const maxField = 256

func (e Event) fields() fields {
	var f fields
	for bit, there := range map[fields]bool{
		hasConversation: e.Conversation != "", hasSeq: e.Seq != 0, hasType: e.Type != "", hasSender: e.Sender != "",
		hasInterview: e.Interview != "", hasRecording: e.Recording != "", hasUser: e.User != "", hasChannel: e.Channel != "",
		hasClass: e.Class != "", hasNotice: e.Notice != "", hasReport: e.Report != "",
	} {
		if there {
			f |= bit
		}
	}
	return f
}

// Check says what is wrong with an event: an id that is no UUIDv7, no time, or another set of fields than its kind has.
func (e Event) Check() error {
	u, err := uuid.Parse(string(e.ID))
	if err != nil || u.Version() != 7 || u.String() != string(e.ID) {
		return errors.New("outbox: the event's id is no UUIDv7")
	}
	s, ok := shapes[e.Kind]
	f := e.fields()
	if !ok || f&s.must != s.must || f&^(s.must|s.may) != 0 || e.At.IsZero() {
		return errors.New("outbox: the event does not have the fields of its kind")
	}
	for _, text := range []string{
		e.Conversation, e.Type, string(e.Sender), e.Interview, e.Recording, string(e.User), e.Channel, e.Class, e.Notice, e.Report,
	} {
		if len(text) > maxField || !utf8.ValidString(text) {
			return errors.New("outbox: a field of the event is too long or not UTF-8")
		}
	}
	return nil
}

// Body is the event as it is sent, the same bytes on every try: JSON without spaces, fields in the order of the struct,
// the time in UTC.
func (e Event) Body() ([]byte, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
