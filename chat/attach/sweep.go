package attach

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/storage/object"
)

// sweepMost is how many objects are deleted between two looks at the store.
const sweepMost = 500

// Run deletes, now and then until ctx ends, what nobody refers to. Any number of nodes may run it.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(s.Sweep)
	defer t.Stop()
	for {
		if err := s.SweepOnce(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "attachments could not be swept", slog.Any("err", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// SweepOnce deletes what nobody refers to. Deleted first, forgotten then: a crash in between deletes again, which is no error. A
// store that keeps its objects keeps these as well, until their lock has ended.
func (s *Service) SweepOnce(ctx context.Context) error {
	for {
		orphans, err := s.Sweeps.Orphans(ctx, sweepMost)
		if err != nil {
			return fmt.Errorf("find orphans: %w", err)
		}
		gone, err := s.delete(ctx, orphans)
		if len(gone) > 0 {
			if err := s.Sweeps.Forget(ctx, gone); err != nil {
				return fmt.Errorf("forget orphans: %w", err)
			}
			s.metrics.swept.Add(float64(len(gone)))
		}
		if err != nil || len(orphans) < sweepMost {
			return err
		}
	}
}

// delete returns those that are gone, and why it did not go on.
func (s *Service) delete(ctx context.Context, objects []object.Key) (gone []object.Key, err error) {
	for _, o := range objects {
		if err := s.Bucket.Delete(ctx, o); err != nil && !errors.Is(err, object.ErrLocked) {
			return gone, fmt.Errorf("delete orphan: %w", err)
		}
		gone = append(gone, o)
	}
	return gone, nil
}
