package recording

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// adopter looks for recordings that nobody can finish but this node: those of nodes that died, and its own of which the
// files are not here. It makes itself their owner, puts the folder together from the parts, and seals it by the code of
// Recover.
//
// A kill at any moment does no harm: the row says who owns the recording, and whoever finds it unfinished adopts it
// again under the next epoch.
type adopter struct {
	r     *Recorder
	slots chan struct{}
	wg    sync.WaitGroup
	dead  map[string]time.Time // when a node was first seen dead

	mu      sync.Mutex
	claimed map[ID]uint64 // epochs under which this process adopted
}

func newAdopter(r *Recorder) *adopter {
	return &adopter{r: r, slots: make(chan struct{}, adoptsAtOnce), dead: map[string]time.Time{}, claimed: map[ID]uint64{}}
}

func (a *adopter) run(ctx context.Context) {
	defer a.wg.Wait()
	t := time.NewTicker(min(adoptEvery, a.r.cfg.AdoptAfter))
	defer t.Stop()
	for {
		if err := a.sweep(ctx); err != nil && ctx.Err() == nil {
			a.r.cfg.Log.ErrorContext(ctx, "recordings of dead nodes wait", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// sweep begins what is due, in an order of its own, so that several nodes share the work.
func (a *adopter) sweep(ctx context.Context) error {
	rows, err := a.r.cfg.Store.Pending(ctx, "")
	if err != nil {
		return fmt.Errorf("find recordings: %w", err)
	}
	rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	dead, err := a.deadNodes(ctx, rows)
	for _, row := range rows {
		if row.Node != a.r.cfg.Node && !dead[row.Node] || !a.due(row) || !a.r.take(row.ID) {
			continue
		}
		a.wg.Go(func() {
			defer a.r.poke() // to upload it, which the release lets
			defer a.r.release(row.ID)
			a.work(ctx, row)
		})
	}
	return err
}

// deadNodes are the owners that have been dead for long enough.
func (a *adopter) deadNodes(ctx context.Context, rows []Row) (map[string]bool, error) {
	dead, since := map[string]bool{}, map[string]time.Time{}
	if a.r.cfg.Alive == nil {
		return dead, nil
	}
	var errs []error
	asked := map[string]bool{a.r.cfg.Node: true}
	for _, row := range rows {
		if asked[row.Node] {
			continue
		}
		asked[row.Node] = true
		alive, err := a.r.cfg.Alive(ctx, row.Node)
		first, seen := a.dead[row.Node]
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("ask whether a node lives: %w", err))
			if seen {
				since[row.Node] = first
			}
		case !alive:
			if !seen {
				first = a.r.cfg.Now()
			}
			since[row.Node] = first
			dead[row.Node] = a.r.cfg.Now().Sub(first) >= a.r.cfg.AdoptAfter
		}
	}
	a.dead = since
	return dead, errors.Join(errs...)
}

// due says whether there is something to do that Recover and the uploads don't.
func (a *adopter) due(row Row) bool {
	if a.r.running(row.ID) != nil {
		return false
	}
	if !a.r.hasFolder(row.ID) {
		return true
	}
	start, err := a.r.folderStart(row.ID)
	return err == nil && start.Epoch == row.Epoch && start.Epoch > 1 && row.State == StateRecording
}

func (a *adopter) work(ctx context.Context, row Row) {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return
	}
	if err := a.adopt(ctx, row); err != nil && ctx.Err() == nil && !errors.Is(err, ErrFenced) {
		a.r.cfg.Log.ErrorContext(ctx, "recording waits to be adopted", "recording", row.ID, "err", err)
	}
}

// adopt finishes one recording, unless it has another owner than it had when it was seen.
func (a *adopter) adopt(ctx context.Context, seen Row) error {
	row, err := a.r.cfg.Store.Get(ctx, seen.ID)
	if err != nil || row.Epoch != seen.Epoch || row.Stored || row.State == StateFailed || !a.due(row) {
		return err
	}
	if !a.r.hasFolder(row.ID) {
		if row, err = a.claim(ctx, row); err != nil {
			return err
		}
		if row.State, err = a.r.rebuild(ctx, row); err != nil || row.State != StateRecording {
			return err
		}
	}
	return a.r.finish(ctx, row.ID)
}

// claim makes this node the owner under an epoch that it never used before.
func (a *adopter) claim(ctx context.Context, row Row) (Row, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if row.Node == a.r.cfg.Node && a.claimed[row.ID] == row.Epoch {
		return row, nil
	}
	if err := a.r.cfg.Store.Adopt(ctx, row.ID, a.r.cfg.Node, row.Epoch); err != nil {
		return row, fmt.Errorf("adopt recording: %w", err)
	}
	if row.Node != a.r.cfg.Node {
		a.r.m.adopted.Inc()
		a.r.cfg.Log.WarnContext(ctx, "recording of a dead node adopted", "recording", row.ID)
	}
	a.claimed[row.ID] = row.Epoch + 1
	return a.r.unfenced(ctx, Row{ID: row.ID, Node: a.r.cfg.Node, Epoch: row.Epoch + 1}) // as the former owner left it
}
