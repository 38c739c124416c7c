package outboxtest

import (
	"testing"
	"time"

	"parley/internal/identity"
	"parley/internal/outbox"
)

// Event makes the n-th event of its conversation: an entry of a person.
func Event(t testing.TB, n uint64) outbox.Event {
	t.Helper()
	id, err := outbox.NewID()
	if err != nil {
		t.Fatal(err)
	}
	return outbox.Event{
		ID: id, Kind: outbox.ConversationEntry, At: time.Now().UTC().Truncate(time.Microsecond), Conversation: "c-1", Seq: n,
		Type: "text", Sender: "u-ann",
	}
}

// EachKind makes one event of each kind, with every field that the kind may have.
func EachKind(t testing.TB) []outbox.Event {
	t.Helper()
	var all []outbox.Event
	for i, k := range outbox.Kinds {
		e := Event(t, uint64(i+1))
		e.Kind = k
		switch k {
		case outbox.ConversationOpened:
			e.Type, e.Sender = "", ""
		case outbox.InterviewOpen, outbox.InterviewLive, outbox.InterviewEnded:
			e.Type, e.Sender, e.Interview = "", "", "i-1"
		case outbox.RecordingSealed:
			e = outbox.Event{ID: e.ID, Kind: k, At: e.At, Interview: "i-1", Recording: "r-1"}
		case outbox.ConversationEntry:
			e.Sender = identity.UserID("用户 <1>")
		case outbox.ReminderUnread:
			e.Type, e.Sender, e.User, e.Channel = "", "", "用户 <2>", "push"
		case outbox.NoticeSend:
			e = outbox.Event{ID: e.ID, Kind: k, At: e.At, User: "用户 <2>", Channel: "sms", Class: "marketing", Notice: "n-1"}
		case outbox.ReportFiled:
			e = outbox.Event{ID: e.ID, Kind: k, At: e.At, Conversation: "c-1", Report: "rp-1"}
		}
		all = append(all, e)
	}
	return all
}
