package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// decline says no; no gate is asked, for it brings nothing.
func (s *Service) decline(ctx context.Context, p identity.Principal, x exchange) (exchange, error) {
	m := move{act: decline, as: x.parts(p.User), by: p.User}
	m.alter = func(e *envelope) { e.Answerer = p.User }
	return s.take(ctx, x, m)
}

// accept says yes, by an answer or by a request of one's own.
func (s *Service) accept(ctx context.Context, p identity.Principal, x exchange, g gift) (exchange, error) {
	m := move{act: accept, as: x.parts(p.User), by: p.User}
	if _, ok := next(x.What, x.State, m.act, m.as); !ok {
		return x, cannot(x, m.act)
	}
	if err := g.check(x.What, p.Role, x.members); err != nil {
		return x, err
	}
	plain, err := s.admit(ctx, p, x, accepted, g)
	if err != nil {
		return x, err
	}
	sealed, err := s.give(ctx, x, p.User, plain)
	if err != nil {
		return x, err
	}
	m.alter = func(e *envelope) { e.Answerer, e.Joined, e.Given = p.User, g.cid, sealed }
	if x.What == phone {
		return s.connect(ctx, x, m)
	}
	y, err := s.take(ctx, x, m)
	if err != nil {
		return x, err
	}
	return s.finish(ctx, y), nil
}

// connect accepts a phone exchange if there is a number for the two. A number that was assigned for a step that is not taken
// is given back here or, after a crash, when who gave it asks [Service.Granted].
func (s *Service) connect(ctx context.Context, x exchange, m move) (exchange, error) {
	_, err := s.number(ctx, x, m.by)
	if errors.Is(err, ErrNoNumber) {
		m.act = lack
	} else if err != nil {
		return x, err
	}
	y, err := s.take(ctx, x, m)
	if errors.Is(err, chat.ErrTurn) {
		s.release(ctx, x, m.by)
	}
	return y, err
}

// number asks for the number that connects the opener and the other. What went wrong there goes no further: it may have a
// number in its text.
func (s *Service) number(ctx context.Context, x exchange, with identity.UserID) (secret, error) {
	if s.numbers == nil {
		return "", ErrNoNumber
	}
	n, err := s.numbers.Assign(ctx, x.Conversation, x.Opener, with)
	switch {
	case errors.Is(err, ErrNoNumber), err == nil && n == "":
		return "", ErrNoNumber
	case err != nil:
		s.metrics.numbers.Inc()
		return "", policy.ErrUnavailable
	}
	return secret(n), nil
}

// release gives the number back unless the two have an exchange that holds.
func (s *Service) release(ctx context.Context, x exchange, with identity.UserID) {
	if s.numbers == nil {
		return
	}
	held, err := s.Granted(ctx, x.Conversation, x.Opener, with)
	if err == nil && !held {
		err = s.numbers.Release(ctx, x.Conversation, x.Opener, with)
	}
	if err != nil {
		s.metrics.numbers.Inc()
		s.log.WarnContext(ctx, "virtual number not released", slog.String("conversation", string(x.Conversation)))
	}
}

// finish does at once what [Service.Run] would do after the grace: the second entry of a resume. The step before it is taken,
// so nothing that happens here changes what the person is told.
func (s *Service) finish(ctx context.Context, x exchange) exchange {
	do, ok := dues[x.State]
	if !ok || x.State == requested {
		return x
	}
	y, err := do(s, ctx, x)
	if err != nil {
		if !errors.Is(err, chat.ErrTurn) {
			s.log.WarnContext(ctx, "exchange left for later", slog.String("conversation", string(x.Conversation)), slog.Any("err", err))
		}
		return x
	}
	return y
}

// deliver writes the resume's entry in the candidate's name: the step from agreed to accepted. To recruiters alone it
// discloses the name (T3). A resume that is gone meanwhile ends the exchange.
func (s *Service) deliver(ctx context.Context, x exchange) (exchange, error) {
	gone := move{act: lack, as: clock}
	plain, err := s.gift(ctx, x, x.candidate())
	if errors.Is(err, errNothing) {
		return s.take(ctx, x, gone)
	}
	if err != nil {
		return x, err
	}
	var d delivery
	if json.Unmarshal(plain, &d) != nil {
		return x, errors.New("deliver resume: not in the expected form")
	}
	p := chat.Posting{Sender: x.candidate(), Wrote: d.Wrote}
	p.CID, p.Type, p.Content = chat.ClientID(label(x.ID)+"/resume"), chat.TypeResume, d.Shown
	if !x.headhunted() {
		p.Discloses = x.candidate()
	}
	y, err := s.take(ctx, x, move{act: deliver, as: clock, entry: &p})
	if permanent(err) {
		return s.take(ctx, x, gone)
	}
	return y, err
}

// withdraw is the person's part of it. A resume's entry is hidden by the step itself, so that from the moment of the step on
// nobody reads it.
func (s *Service) withdraw(ctx context.Context, p identity.Principal, x exchange) (exchange, error) {
	m := move{act: withdraw, as: x.parts(p.User), by: p.User}
	if x.What == resume && x.State == accepted && m.as&giver != 0 {
		return s.recall(ctx, x, m)
	}
	return s.take(ctx, x, m)
}

// recall hides the resume's entry and then says why. Where the candidate has recalled that entry before, only the latter is
// left to do.
func (s *Service) recall(ctx context.Context, x exchange, m move) (exchange, error) {
	content, err := json.Marshal(wire.RecallContent{Target: x.Seq})
	if err != nil {
		return x, fmt.Errorf("encode recall: %w", err)
	}
	p := chat.Posting{Sender: m.by}
	p.CID, p.Type, p.Content = chat.ClientID(label(x.ID)+"/recall"), chat.TypeRecall, content
	m.entry = &p
	y, err := s.take(ctx, x, m)
	if permanent(err) {
		return s.take(ctx, x, move{act: conclude, as: m.as, by: m.by})
	}
	if err != nil {
		return x, err
	}
	return s.finish(ctx, y), nil
}

// conclude tells of a withdrawal whose resume is hidden already. Where the candidate's words were erased, the system tells it.
func (s *Service) conclude(ctx context.Context, x exchange) (exchange, error) {
	y, err := s.take(ctx, x, move{act: conclude, as: clock, by: x.candidate()})
	if errors.Is(err, policy.ErrGone) {
		return s.take(ctx, x, move{act: conclude, as: clock})
	}
	return y, err
}
