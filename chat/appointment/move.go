package appointment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/wire"
)

// move is a step that somebody is about to take.
type move struct {
	offer
	as  part
	cid chat.ClientID // of the entry; empty: named after appointment, place and act
}

// take takes the step from the very one that a shows. It is one transaction: a crash leaves it taken, with its entry, or not.
func (s *Service) take(ctx context.Context, p identity.Principal, a appointment, m move) (appointment, error) {
	meeting := a.At
	if m.act == invite {
		meeting = m.at
	}
	to, err := next(a.State, m.act, m.as, s.now(), meeting)
	if err != nil {
		return a, err
	}
	b := a
	b.State, b.envelope = to, envelope{At: m.at, Minutes: m.minutes, By: p.User}
	if to == invited || to == rescheduled {
		b.Turn = opposite(side(p.Role))
	}
	posting, err := s.posting(ctx, p, a, b, m)
	if err != nil {
		return a, err
	}
	ack, err := s.chat.Put(ctx, posting)
	switch {
	case errors.Is(err, chat.ErrTurn), err == nil && ack.Dup:
		return s.again(ctx, p, b, m)
	case err != nil:
		return a, fmt.Errorf("take step: %w", err)
	}
	s.steps.WithLabelValues(to).Inc()
	b.Seq, b.Changed = ack.Seq, ack.Time
	return b, nil
}

// again looks at what is there in place of, or because of, an earlier step: the same one is as good, any other is not what its
// maker saw.
func (s *Service) again(ctx context.Context, p identity.Principal, b appointment, m move) (appointment, error) {
	now, err := s.load(ctx, b.Conversation, b.ID)
	switch {
	case err != nil:
		return b, err
	case now.took(p.User, m.offer):
		return now, nil
	case over(now.State):
		return now, errOver
	}
	return now, errChanged
}

// posting is the entry that takes the appointment from a to b.
func (s *Service) posting(ctx context.Context, p identity.Principal, a, b appointment, m move) (chat.Posting, error) {
	if m.cid == "" {
		m.cid = chat.ClientID(string(a.ID) + "/" + strconv.FormatUint(a.Seq, 36) + "/" + m.act)
	}
	wrote, err := json.Marshal(wire.AppointmentContent{
		Appointment: string(a.ID), Step: b.State, By: string(p.User), At: b.At, Minutes: b.Minutes, Note: m.note,
	})
	if err != nil {
		return chat.Posting{}, fmt.Errorf("encode step: %w", err)
	}
	shown, err := s.admit(ctx, p, a.Conversation, m, wrote)
	if err != nil {
		return chat.Posting{}, err
	}
	sealed, err := s.seal(ctx, b)
	if err != nil {
		return chat.Posting{}, err
	}
	posting := chat.Posting{Sender: p.User, Turn: &chat.Turn{
		Thing: a.ID, Kind: chat.KindAppointment, Opener: a.Opener, From: a.State, After: a.Seq, To: b.State, Sealed: sealed,
	}}
	posting.Draft = chat.Draft{Conversation: a.Conversation, CID: m.cid, Type: chat.TypeAppointment, Content: shown}
	if !bytes.Equal(shown, wrote) {
		posting.Wrote = wrote
	}
	return posting, nil
}

// admit asks the gates. A no without words needs nobody's leave: it brings the other side nothing.
func (s *Service) admit(ctx context.Context, p identity.Principal, id chat.ConversationID, m move, content json.RawMessage) (json.RawMessage, error) {
	no := m.act == decline || m.act == cancel || m.act == miss
	if no && m.note == "" {
		return content, nil
	}
	return s.chat.Admit(ctx, chat.Attempt{
		By: p, Conversation: id, CID: m.cid, Type: chat.TypeAppointment, Content: content, Confirmed: m.confirmed,
	})
}
