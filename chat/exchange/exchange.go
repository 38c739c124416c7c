package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// exchange is one exchange as it was read.
type exchange struct {
	chat.Thing
	envelope
	members []chat.Party // of the conversation
}

// envelope is what is sealed beside the thing, under the system's key of the conversation. What each side gave is sealed once
// more, under that side's key, so that erasing one takes its words (R2).
type envelope struct {
	Ask      chat.ClientID   `json:"ask"`                // the cid of the request
	Answerer identity.UserID `json:"answerer,omitempty"` // who accepted or declined
	Joined   chat.ClientID   `json:"joined,omitempty"`   // the cid of a request that accepted it
	Asked    []byte          `json:"asked,omitempty"`    // given by the opener; sealed
	Given    []byte          `json:"given,omitempty"`    // given by the answerer; sealed
}

// emptied is the envelope without what was given.
func (e envelope) emptied() envelope {
	e.Asked, e.Given = nil, nil
	return e
}

// label binds what is sealed to its exchange.
func label(id chat.ThingID) string { return "exchange/" + string(id) }

// idOf names the exchange of something in a conversation that follows round others. It is made of them, so that two who ask
// at the same moment ask for the same exchange and only one makes it. The form is a UUIDv7 of the conversation's time.
func idOf(id chat.ConversationID, what string, round int) chat.ThingID {
	h := sha256.New()
	for _, part := range []string{"parley exchange", string(id), what} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write(binary.AppendUvarint(nil, uint64(round)))
	var u uuid.UUID
	copy(u[:], h.Sum(nil))
	if c, err := uuid.Parse(string(id)); err == nil {
		copy(u[:6], c[:6])
	}
	u[6], u[8] = u[6]&0x0f|0x70, u[8]&0x3f|0x80
	return chat.ThingID(u.String())
}

// parts is what the user is to the exchange; 0 for a bystander.
func (x exchange) parts(user identity.UserID) part {
	role := x.role(user)
	var p part
	switch {
	case user == x.Opener:
		p = asker
	case user == x.Answerer, x.Answerer == "" && (role == identity.Candidate) != (x.role(x.Opener) == identity.Candidate):
		p = other
	}
	if p != 0 && role == identity.Candidate {
		p |= giver
	}
	return p
}

func (x exchange) role(user identity.UserID) identity.Role {
	i := slices.IndexFunc(x.members, func(m chat.Party) bool { return m.User == user })
	if i < 0 {
		return identity.Nobody
	}
	return x.members[i].Role
}

// candidate is the conversation's one.
func (x exchange) candidate() identity.UserID {
	for _, m := range x.members {
		if m.Role == identity.Candidate {
			return m.User
		}
	}
	return ""
}

// headhunted says that a headhunter is in the conversation (T6).
func (x exchange) headhunted() bool { return headhunted(x.members) }

func headhunted(members []chat.Party) bool {
	return slices.ContainsFunc(members, func(m chat.Party) bool { return m.Role == identity.Headhunter })
}

// between says that the exchange is or was one of these two.
func (x exchange) between(a, b identity.UserID) bool {
	return x.Opener == a && x.Answerer == b || x.Opener == b && x.Answerer == a
}

// state is how the exchange stands, for people.
func (x exchange) state() wire.ExchangeState {
	w := wire.ExchangeState{
		Conversation: string(x.Conversation), Exchange: string(x.ID), What: x.What, State: public(x.State), By: string(x.Opener),
	}
	if x.State == requested {
		w.Until = x.Expires
	}
	return w
}

// load reads one exchange; policy.ErrNotFound.
func (s *Service) load(ctx context.Context, members []chat.Party, id chat.ConversationID, thing chat.ThingID) (exchange, error) {
	if len(thing) > chat.MaxClientID {
		return exchange{}, policy.ErrNotFound
	}
	t, err := s.chat.Thing(ctx, id, thing)
	if err != nil {
		return exchange{}, fmt.Errorf("read exchange: %w", err)
	}
	if t.Kind != chat.KindExchange {
		return exchange{}, policy.ErrNotFound
	}
	return s.open(ctx, members, t)
}

// all reads the conversation's exchanges.
func (s *Service) all(ctx context.Context, members []chat.Party, id chat.ConversationID) ([]exchange, error) {
	things, err := s.chat.Things(ctx, id, chat.KindExchange)
	if err != nil {
		return nil, fmt.Errorf("read exchanges: %w", err)
	}
	out := make([]exchange, len(things))
	for i, t := range things {
		if out[i], err = s.open(ctx, members, t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// open opens the envelope.
func (s *Service) open(ctx context.Context, members []chat.Party, t chat.Thing) (exchange, error) {
	x := exchange{Thing: t, members: members}
	plain, err := s.chat.OpenValue(ctx, t.Conversation, "", label(t.ID), t.Sealed)
	if err != nil {
		return exchange{}, fmt.Errorf("open exchange: %w", err)
	}
	if json.Unmarshal(plain, &x.envelope) != nil {
		return exchange{}, errors.New("open exchange: not in the expected form")
	}
	return x, nil
}

func (s *Service) seal(ctx context.Context, x exchange, e envelope) ([]byte, error) {
	plain, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode exchange: %w", err)
	}
	sealed, err := s.chat.SealValue(ctx, x.Conversation, "", label(x.ID), plain)
	if err != nil {
		return nil, fmt.Errorf("seal exchange: %w", err)
	}
	return sealed, nil
}
