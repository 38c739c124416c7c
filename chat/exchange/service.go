package exchange

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/wire"
)

// Limits.
const (
	// MaxRounds is how many exchanges of one kind a conversation may have in all. The log's list of them must hold every one.
	MaxRounds = 50
	// grace is how long a request's own goroutine has for a second entry before [Service.Run] writes it.
	grace = 30 * time.Second
	// tries is how often a step is looked at anew when somebody else was quicker.
	tries = 4
)

// Config is what a [Service] may be told; zero fields mean the defaults.
type Config struct {
	// Numbers gives virtual numbers; nil: a request of a phone is answered "unavailable".
	Numbers Numbers
	// Attachments knows the files of resumes; nil: a request with one is refused as unavailable.
	Attachments chat.Attachments
	// Expires is how long a request waits for an answer; default 7 days.
	Expires time.Duration
	// Every is how often what is due is looked for; default 30 s.
	Every time.Duration

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Expires <= 0 {
		c.Expires = 7 * 24 * time.Hour
	}
	if c.Every <= 0 {
		c.Every = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Service is the exchanges of one node. Any goroutine may call it.
//
// Errors are *policy.Refusal where a person may be told the reason; all others are internal. After an error that invites
// another try, or the end of ctx, the outcome is unknown; the same call again is the same step.
type Service struct {
	chat        Chat
	numbers     Numbers
	attachments chat.Attachments
	expires     time.Duration
	every       time.Duration
	now         func() time.Time
	log         *slog.Logger
	metrics     *metrics
}

// New puts a service together.
func New(c Chat, cfg Config) *Service {
	cfg = cfg.withDefaults()
	return &Service{
		chat: c, numbers: cfg.Numbers, attachments: cfg.Attachments, expires: cfg.Expires, every: cfg.Every,
		now: cfg.Now, log: cfg.Log, metrics: newMetrics(cfg.Metrics),
	}
}

// Answer accepts or declines for the other side. Repeated, it answers with how the exchange stands.
func (s *Service) Answer(ctx context.Context, p identity.Principal, f wire.ExchangeAnswer) (wire.ExchangeState, error) {
	g := gift{value: secret(f.Value), card: f.Card, attachment: f.Attachment, confirmed: f.Confirmed}
	return s.settle(ctx, p, f.Conversation, f.Exchange, func(x exchange) (exchange, error) {
		if answered(x, p.User, f.Accept) {
			return s.finish(ctx, x), nil
		}
		if err := s.onTime(ctx, x); err != nil {
			return x, err
		}
		if f.Accept {
			return s.accept(ctx, p, x, g)
		}
		return s.decline(ctx, p, x)
	})
}

// answered says that the user has given this very answer.
func answered(x exchange, user identity.UserID, yes bool) bool {
	if x.Answerer != user {
		return false
	}
	switch x.State {
	case agreed, accepted, unavailable:
		return yes
	case declined:
		return !yes
	}
	return false
}

// Withdraw takes a request, or a consent, back for good (R3). No gate is asked: nobody may be kept from it. When it returns,
// nobody reads what was exchanged any more.
func (s *Service) Withdraw(ctx context.Context, p identity.Principal, f wire.ExchangeWithdraw) (wire.ExchangeState, error) {
	return s.settle(ctx, p, f.Conversation, f.Exchange, func(x exchange) (exchange, error) {
		var err error
		if public(x.State) == withdrawn && x.parts(p.User) != 0 {
			x = s.finish(ctx, x)
		} else if x, err = s.withdraw(ctx, p, x); err != nil {
			return x, err
		}
		if x.What == phone && x.Answerer != "" { // again on each try: the first may have ended before it
			s.release(ctx, x, x.Answerer)
		}
		return x, nil
	})
}

// settle reads the exchange and does something to it, again when somebody else was quicker.
func (s *Service) settle(ctx context.Context, p identity.Principal, conversation, thing string,
	do func(exchange) (exchange, error),
) (wire.ExchangeState, error) {
	id := chat.ConversationID(conversation)
	members, err := s.chat.Enter(ctx, p, identity.ExchangeAct, id)
	if err != nil {
		return wire.ExchangeState{}, err
	}
	for range tries {
		x, err := s.load(ctx, members, id, chat.ThingID(thing))
		if err != nil {
			return wire.ExchangeState{}, err
		}
		x, err = do(x)
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

// onTime refuses an answer to a request that has expired, whether or not anybody has noticed.
func (s *Service) onTime(ctx context.Context, x exchange) error {
	if !s.late(x) {
		return nil
	}
	if _, err := s.take(ctx, x, move{act: lapse, as: clock}); err != nil {
		return err
	}
	return errOver
}

// late says that a request waited long enough.
func (s *Service) late(x exchange) bool {
	return x.State == requested && !x.Expires.IsZero() && !s.now().Before(x.Expires)
}

// cannot is why an act has no row in the table.
func cannot(x exchange, a act) error {
	switch {
	case over(x.State):
		return errOver
	case a == withdraw:
		return errNotGiver
	case x.State == requested:
		return errNotYours
	}
	return errChanged
}
