package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// Read is what an accepted exchange gave to the reader. It is read anew each time: whoever was not given it, or not any more,
// gets policy.ErrNotFound.
func (s *Service) Read(ctx context.Context, p identity.Principal, f wire.ExchangeRead) (wire.ExchangeValue, error) {
	id := chat.ConversationID(f.Conversation)
	members, err := s.chat.Enter(ctx, p, identity.ExchangeAct, id)
	if err != nil {
		return wire.ExchangeValue{}, err
	}
	x, err := s.load(ctx, members, id, chat.ThingID(f.Exchange))
	if err != nil {
		return wire.ExchangeValue{}, err
	}
	read, ok := readers[x.What]
	if !ok || x.State != accepted || x.parts(p.User)&either == 0 {
		return wire.ExchangeValue{}, policy.ErrNotFound
	}
	v := wire.ExchangeValue{Exchange: string(x.ID), What: x.What}
	if err := read(s, ctx, p, x, &v); err != nil {
		return wire.ExchangeValue{}, err
	}
	return v, nil
}

// readers says for each kind how its value is read, by one of the two.
var readers = map[string]func(s *Service, ctx context.Context, p identity.Principal, x exchange, v *wire.ExchangeValue) error{
	phone:  (*Service).readNumber,
	wechat: (*Service).readWeChat,
	resume: (*Service).readResume,
}

// counterpart is the other of the two.
func (x exchange) counterpart(user identity.UserID) identity.UserID {
	if user == x.Opener {
		return x.Answerer
	}
	return x.Opener
}

func (s *Service) readWeChat(ctx context.Context, p identity.Principal, x exchange, v *wire.ExchangeValue) error {
	if x.headhunted() { // T6: there is none, but should there be one
		return policy.ErrNotFound
	}
	plain, err := s.gift(ctx, x, x.counterpart(p.User))
	if errors.Is(err, errNothing) {
		return policy.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read wechat: %w", err)
	}
	v.Value = string(plain)
	return nil
}

// readNumber asks the gates, since whoever may not write may not call either (T4), then for the number, and then looks again: a
// withdrawal meanwhile has released what this just assigned anew.
func (s *Service) readNumber(ctx context.Context, p identity.Principal, x exchange, v *wire.ExchangeValue) error {
	if _, err := s.admit(ctx, p, x, accepted, gift{}); err != nil {
		return err
	}
	n, err := s.number(ctx, x, x.Answerer)
	if errors.Is(err, ErrNoNumber) {
		return policy.ErrUnavailable
	}
	if err != nil {
		return err
	}
	now, err := s.load(ctx, x.members, x.Conversation, x.ID)
	if err != nil {
		return err
	}
	if now.State != accepted {
		s.release(ctx, x, x.Answerer)
		return policy.ErrNotFound
	}
	v.Value = string(n)
	return nil
}

func (s *Service) readResume(_ context.Context, _ identity.Principal, x exchange, v *wire.ExchangeValue) error {
	v.Seq = x.Seq
	return nil
}

// Granted says whether the two have exchanged phones in the conversation and neither has taken it back: a virtual number
// connects them only while that is so (T5, R3).
func (s *Service) Granted(ctx context.Context, id chat.ConversationID, a, b identity.UserID) (bool, error) {
	members, err := s.chat.Parties(ctx, id)
	if errors.Is(err, policy.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read members: %w", err)
	}
	all, err := s.all(ctx, members, id)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(all, func(x exchange) bool {
		return x.What == phone && x.State == accepted && x.between(a, b)
	}), nil
}
