package interview

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/internal/privacy"
)

// recheck asks the ledger, time and again, whether those who agreed still do: a withdrawal that went through another node
// told nobody here (R3). It asks beside the owners, who may be waiting for something else.
func (s *Service) recheck(ctx context.Context) {
	if s.cfg.Leases == nil || s.cfg.Recheck < 0 {
		return
	}
	tick := time.NewTicker(s.cfg.Recheck)
	defer tick.Stop()
	well := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.recheckAll(ctx)
		if err != nil && well && ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "the ledger can't be asked who still agrees", slog.Any("err", err))
		}
		well = err == nil
	}
}

func (s *Service) recheckAll(ctx context.Context) error {
	var all errgroup.Group
	all.SetLimit(abreast)
	for _, x := range s.all() {
		now := x.shown.Load()
		if now == nil || now.State == Ended {
			continue
		}
		all.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, ioTimeout)
			defer cancel()
			no, err := x.nos(ctx, now.Interview)
			for _, user := range no {
				s.withdrawn(privacy.Withdrawal{Matter: x.matter(user), At: s.cfg.Now()})
			}
			return err
		})
	}
	return all.Wait()
}
