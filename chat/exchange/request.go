package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/wire"
)

// Request asks the other side for an exchange. If the other side has asked for the same, that request is accepted by it. The
// same cid makes it the same request, whatever has become of it.
func (s *Service) Request(ctx context.Context, p identity.Principal, f wire.ExchangeRequest) (wire.ExchangeState, error) {
	id := chat.ConversationID(f.Conversation)
	members, err := s.chat.Enter(ctx, p, identity.ExchangeAct, id)
	if err != nil {
		return wire.ExchangeState{}, err
	}
	if err := chat.ClientID(f.CID).Verify(); err != nil {
		return wire.ExchangeState{}, err
	}
	g := gift{value: secret(f.Value), card: f.Card, attachment: f.Attachment, confirmed: f.Confirmed, cid: chat.ClientID(f.CID)}
	for range tries {
		all, err := s.all(ctx, members, id)
		if err != nil {
			return wire.ExchangeState{}, err
		}
		x, err := s.request(ctx, p, exchange{Thing: chat.Thing{Conversation: id, What: f.What}, members: members}, all, g)
		if errors.Is(err, chat.ErrTurn) {
			continue
		}
		if err != nil {
			return wire.ExchangeState{}, err
		}
		return x.state(), nil
	}
	return wire.ExchangeState{}, errChanged
}

// request makes x, or does what the others that there are demand. ErrTurn says that they have changed.
func (s *Service) request(ctx context.Context, p identity.Principal, x exchange, all []exchange, g gift) (exchange, error) {
	if i := slices.IndexFunc(all, func(y exchange) bool { return y.madeBy(p.User, g.cid) }); i >= 0 {
		return s.finish(ctx, all[i]), nil
	}
	if err := g.check(x.What, p.Role, x.members); err != nil {
		return x, err
	}
	all = slices.DeleteFunc(all, func(y exchange) bool { return y.What != x.What })
	if i := slices.IndexFunc(all, func(y exchange) bool { return y.State == requested || y.State == agreed }); i >= 0 {
		return s.meet(ctx, p, all[i], g)
	}
	holds := func(y exchange) bool { return y.State == accepted && y.What != resume && y.parts(p.User) != 0 }
	switch {
	case slices.ContainsFunc(all, holds):
		return x, errHolds
	case len(all) >= MaxRounds:
		return x, errMany
	}
	x.ID, x.Opener = idOf(x.Conversation, x.What, len(all)), p.User
	return s.ask(ctx, p, x, g)
}

// madeBy says that the user's request of that cid made the exchange, or accepted it.
func (x exchange) madeBy(user identity.UserID, cid chat.ClientID) bool {
	return x.Opener == user && x.Ask == cid || x.Answerer == user && x.Joined == cid
}

// meet is a request while another of the kind is open: both sides want it, or it is one too many.
func (s *Service) meet(ctx context.Context, p identity.Principal, x exchange, g gift) (exchange, error) {
	if s.late(x) {
		if _, err := s.take(ctx, x, move{act: lapse, as: clock}); err != nil {
			return x, err
		}
		return x, chat.ErrTurn
	}
	if _, ok := next(x.What, x.State, accept, x.parts(p.User)); !ok {
		return x, errAsked
	}
	return s.accept(ctx, p, x, g)
}

// ask makes the exchange; of a phone that can't be had it is over at once.
func (s *Service) ask(ctx context.Context, p identity.Principal, x exchange, g gift) (exchange, error) {
	plain, err := s.admit(ctx, p, x, requested, g)
	if err != nil {
		return x, err
	}
	sealed, err := s.give(ctx, x, p.User, plain)
	if err != nil {
		return x, err
	}
	m := move{act: ask, as: x.parts(p.User), by: p.User, cid: "exchange/request/" + g.cid}
	m.alter = func(e *envelope) { e.Ask, e.Asked = g.cid, sealed }
	if x.What == phone && s.numbers == nil {
		m.act = lack
	}
	x, err = s.take(ctx, x, m)
	if err != nil {
		return x, fmt.Errorf("ask: %w", err)
	}
	return x, nil
}
