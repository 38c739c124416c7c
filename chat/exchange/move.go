package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// move is a step that somebody is about to take.
type move struct {
	act act
	as  part
	by  identity.UserID // empty: the service
	// entry tells of it in place of an exchange entry; its conversation is filled in.
	entry *chat.Posting
	// cid of the exchange entry; empty: named after exchange and step.
	cid chat.ClientID
	// alter changes the envelope; nil: as it is.
	alter func(*envelope)
}

// take takes a step, or returns chat.ErrTurn when the exchange is not where x says. It is one transaction: a crash leaves it
// taken, with its entry, or not.
func (s *Service) take(ctx context.Context, x exchange, m move) (exchange, error) {
	to, ok := next(x.What, x.State, m.act, m.as)
	if !ok {
		return x, cannot(x, m.act)
	}
	y := x
	y.State, y.Expires = to, s.due(to)
	if m.alter != nil {
		m.alter(&y.envelope)
	}
	if !keeps(x.What, to) {
		y.envelope = y.emptied()
	}
	p, err := s.posting(ctx, x, y, m)
	if err != nil {
		return x, err
	}
	ack, err := s.chat.Put(ctx, p)
	if err != nil {
		return x, fmt.Errorf("take step: %w", err)
	}
	if ack.Dup { // the step was taken by an earlier try: what it left is the truth
		return s.load(ctx, x.members, x.Conversation, x.ID)
	}
	s.metrics.step(x.What, to)
	y.Seq, y.Changed = ack.Seq, ack.Time
	return y, nil
}

// keeps says whether what was given stays sealed in that state.
func keeps(what, state string) bool {
	switch state {
	case requested, agreed:
		return true
	case accepted:
		return what == wechat
	}
	return false
}

// due is when somebody must look after an exchange in that state.
func (s *Service) due(state string) time.Time {
	now := s.now().UTC().Truncate(time.Microsecond)
	switch state {
	case requested:
		return now.Add(s.expires)
	case agreed, withdrawing:
		return now.Add(grace)
	}
	return time.Time{}
}

// posting is the entry that takes the exchange from x to y.
func (s *Service) posting(ctx context.Context, x, y exchange, m move) (chat.Posting, error) {
	sealed, err := s.seal(ctx, y, y.envelope)
	if err != nil {
		return chat.Posting{}, err
	}
	p := chat.Posting{Sender: m.by}
	if m.entry != nil {
		p = *m.entry
	} else if p.Draft, err = told(y, m); err != nil {
		return chat.Posting{}, err
	}
	p.Conversation = x.Conversation
	p.Turn = &chat.Turn{
		Thing: x.ID, Kind: chat.KindExchange, What: x.What, Opener: x.Opener,
		From: x.State, To: y.State, Expires: y.Expires, Sealed: sealed,
	}
	return p, nil
}

// told is the exchange entry that tells of a step.
func told(y exchange, m move) (chat.Draft, error) {
	step := public(y.State)
	content, err := json.Marshal(wire.ExchangeContent{Exchange: string(y.ID), What: y.What, Step: step, By: string(m.by)})
	if err != nil {
		return chat.Draft{}, fmt.Errorf("encode step: %w", err)
	}
	cid := m.cid
	if cid == "" {
		cid = chat.ClientID("exchange/" + string(y.ID) + "/" + step)
	}
	return chat.Draft{CID: cid, Type: chat.TypeExchange, Content: content}, nil
}

// permanent says that trying again won't help.
func permanent(err error) bool {
	var r *policy.Refusal
	return errors.As(err, &r) && !r.Retry
}
