package chat

import (
	"encoding/json"

	"parley/internal/outbox"
	"parley/signal/wire"
)

// interviewKinds says which event a card of an interview is; any other card is an entry like others.
var interviewKinds = map[string]outbox.Kind{
	"open": outbox.InterviewOpen, "live": outbox.InterviewLive, "ended": outbox.InterviewEnded,
}

// event is what a webhook is told of the row: one event an entry, so that who receives them all sees every seq once. Of the
// content, which is plain, it takes the interview's id and state only (A6).
func (s *Service) event(r Row, plain json.RawMessage) (outbox.Event, error) {
	if !s.events {
		return outbox.Event{}, nil
	}
	id, err := outbox.NewID()
	if err != nil {
		return outbox.Event{}, err
	}
	e := outbox.Event{ID: id, Kind: outbox.ConversationEntry, Conversation: string(r.Conversation)}
	if r.Type == TypeInterview {
		card, err := decode[wire.InterviewContent](plain)
		if err != nil {
			return outbox.Event{}, err
		}
		if kind, ok := interviewKinds[card.State]; ok {
			e.Kind, e.Interview = kind, card.Interview
			return e, nil
		}
	}
	e.Type, e.Sender = r.Type, r.Sender
	return e, nil
}

// openedEvent makes of the event of a log's first entry that of the conversation.
func openedEvent(e outbox.Event) outbox.Event {
	if e.Kind != "" {
		e.Kind, e.Type, e.Sender = outbox.ConversationOpened, "", ""
	}
	return e
}
