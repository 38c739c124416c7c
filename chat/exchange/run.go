package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/chat"
)

// maxDue is how many exchanges that are due are read at once.
const maxDue = 100

// Run lets requests expire and finishes what a crash left between two entries, until ctx ends; then it returns nil. Every node
// runs it: who comes second finds the step taken.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		s.sweep(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep takes the step of everything that is due, page after page as long as pages are full and shrink.
func (s *Service) sweep(ctx context.Context) {
	for ctx.Err() == nil {
		due, err := s.chat.Expiring(ctx, chat.KindExchange, s.now(), maxDue)
		if err != nil {
			s.failed(ctx, "", err)
			return
		}
		done := 0
		for _, t := range due {
			if err := s.attend(ctx, t); err != nil {
				s.failed(ctx, t.Conversation, err)
				continue
			}
			done++
		}
		if len(due) < maxDue || done == 0 {
			return
		}
	}
}

// dues is the step that an exchange takes by itself in each state that has a time.
var dues = map[string]func(*Service, context.Context, exchange) (exchange, error){
	requested:   (*Service).lapse,
	agreed:      (*Service).deliver,
	withdrawing: (*Service).conclude,
}

func (s *Service) lapse(ctx context.Context, x exchange) (exchange, error) {
	return s.take(ctx, x, move{act: lapse, as: clock})
}

// attend takes the step that is due; that somebody else took it is fine.
func (s *Service) attend(ctx context.Context, t chat.Thing) error {
	do, ok := dues[t.State]
	if !ok {
		return fmt.Errorf("an exchange that is %s has a time", t.State)
	}
	members, err := s.chat.Parties(ctx, t.Conversation)
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	x, err := s.open(ctx, members, t)
	if err != nil {
		return err
	}
	if _, err := do(s, ctx, x); err != nil && !errors.Is(err, chat.ErrTurn) {
		return err
	}
	return nil
}

func (s *Service) failed(ctx context.Context, id chat.ConversationID, err error) {
	if ctx.Err() != nil {
		return
	}
	s.metrics.failures.Inc()
	s.log.WarnContext(ctx, "exchange that is due was left", slog.String("conversation", string(id)), slog.Any("err", err))
}
