package recording

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"parley/storage/keys"
)

// shipper has the recordings that run shipped, each every Config.UploadEvery at a moment of its own. A turn that hangs
// takes a slot until its time is over and holds up no other.
type shipper struct {
	r  *Recorder
	wg sync.WaitGroup
}

// shipTicks is how often within Config.UploadEvery it is looked who is due.
const shipTicks = 12

func (h *shipper) run(ctx context.Context) {
	defer h.wg.Wait()
	if h.r.cfg.UploadEvery < 0 {
		return
	}
	t := time.NewTicker(h.r.cfg.UploadEvery / shipTicks)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			h.tick(ctx)
		}
	}
}

func (h *shipper) tick(ctx context.Context) {
	now := h.r.cfg.Now()
	for _, rec := range h.r.begun() {
		s, err := h.r.liveShipment(rec)
		if err != nil {
			h.r.cfg.Log.ErrorContext(ctx, "recording can't be shipped", "recording", rec.id, "err", err)
			continue
		}
		if s != nil && s.isDue(now, h.r.cfg.UploadEvery) && s.tryLock() {
			h.wg.Go(func() {
				defer s.unlock()
				h.turn(ctx, rec, s)
			})
		}
	}
	h.r.measure(now)
}

// isDue says whether it is time for a part, and when the next time is: the first at random within the interval, then
// at every interval from there.
func (s *shipment) isDue(now time.Time, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due.IsZero() {
		s.due = now.Add(rand.N(every))
	}
	if now.Before(s.due) {
		return false
	}
	if s.due = s.due.Add(every); s.due.Before(now) {
		s.due = now
	}
	return true
}

// turn brings what is due of a recording that runs, unless it is another's by now.
func (h *shipper) turn(ctx context.Context, rec *Recording, s *shipment) {
	if rec.checkFence(ctx) {
		return
	}
	if err := s.shipAll(ctx, rec.durable); err != nil && ctx.Err() == nil {
		h.r.cfg.Log.WarnContext(ctx, "part waits to be put", "recording", rec.id, "err", err)
	}
}

// shipAll ships until less than a full part is left. The turn must be held.
func (s *shipment) shipAll(ctx context.Context, sizes durable) error {
	for {
		more, err := s.shipOne(ctx, sizes)
		if err != nil || !more {
			return err
		}
	}
}

// shipOne waits for a slot and ships one part.
func (s *shipment) shipOne(ctx context.Context, sizes durable) (more bool, err error) {
	select {
	case s.r.slots <- struct{}{}:
		defer func() { <-s.r.slots }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return s.ship(ctx, sizes)
}

// durable says how far the files are on disk for good. The manifest is asked first: it never knows more of the journals
// than they hold by then.
func (rec *Recording) durable() ([]fileSize, error) {
	manifest := fileSize{manifestFile, rec.ledger.durable()}
	var files []fileSize
	for _, w := range rec.writers {
		files = append(files, fileSize{journalFile(w.id), w.j.durable()})
	}
	return append(files, manifest), nil
}

// onDisk says how long the files of a sealed recording are.
func (r *Recorder) onDisk(id ID) ([]fileSize, error) {
	found, err := os.ReadDir(r.folder(id))
	if err != nil {
		return nil, err
	}
	var files []fileSize
	for _, e := range found {
		if !knownFile(e.Name()) {
			continue
		}
		i, err := os.Stat(filepath.Join(r.folder(id), e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, fileSize{e.Name(), i.Size()})
	}
	return files, nil
}

// shipRest brings what is left of a sealed recording if it is little, so that whoever may have to adopt it finds what
// was signed. The upload that follows brings all in any case.
func (r *Recorder) shipRest(ctx context.Context, id ID) {
	if r.cfg.UploadEvery < 0 {
		return
	}
	if err := r.rest(ctx, id, false); err != nil && ctx.Err() == nil {
		r.cfg.Log.WarnContext(ctx, "last part waits", "recording", id, "err", err)
	}
}

// rest ships what is left on disk of a recording that does not run; all of it, or nothing when it is more than a part.
func (r *Recorder) rest(ctx context.Context, id ID, all bool) error {
	k, err := r.cfg.Vault.Open(ctx, manifestKey(id))
	if err != nil {
		return err
	}
	s, err := r.shipment(id, k)
	if err != nil {
		return err
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if err := s.open(); err != nil {
		return err
	}
	sizes := func() ([]fileSize, error) { return r.onDisk(id) }
	files, err := sizes()
	if err != nil {
		return err
	}
	if s.saw(files); s.left(files) > r.cfg.MaxPart && !all {
		return nil
	}
	for s.pending || s.left(files) > 0 {
		had, next := s.pending, s.log.next
		if _, err := s.shipOne(ctx, sizes); err != nil {
			return err
		}
		if !had && s.log.next == next {
			return nil // there is nothing that a part could bring
		}
	}
	return nil
}

// liveShipment gives the shipment of a recording while it runs.
func (r *Recorder) liveShipment(rec *Recording) (*shipment, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.live[rec.id] != rec {
		return nil, nil
	}
	return r.shipmentLocked(rec.id, rec.key)
}

// shipment gives a recording's, making it when there is none.
func (r *Recorder) shipment(id ID, k keys.Key) (*shipment, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shipmentLocked(id, k)
}

func (r *Recorder) shipmentLocked(id ID, k keys.Key) (*shipment, error) {
	if s := r.shipments[id]; s != nil {
		return s, nil
	}
	s, err := newShipment(r, id, k)
	if err == nil {
		r.shipments[id] = s
	}
	return s, err
}

// forget drops a shipment that is over, and that nobody uses.
func (r *Recorder) forget(id ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.shipments[id]; s != nil {
		s.close()
		delete(r.shipments, id)
	}
}

// closeShipments closes what the shipments have open; nobody may use one.
func (r *Recorder) closeShipments() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.shipments {
		s.close()
	}
	clear(r.shipments)
}

// begun are the recordings that run and have files.
func (r *Recorder) begun() []*Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*Recording
	for _, rec := range r.live {
		if rec.began.Load() {
			list = append(list, rec)
		}
	}
	return list
}

// measure sets the metrics of what is on this disk only.
func (r *Recorder) measure(now time.Time) {
	r.mu.Lock()
	list := make([]*shipment, 0, len(r.shipments))
	for _, s := range r.shipments {
		list = append(list, s)
	}
	r.mu.Unlock()
	var parts, bytes int64
	var oldest time.Duration
	for _, s := range list {
		n, since := s.backlog()
		if n > 0 {
			bytes, parts = bytes+n, parts+(n+r.cfg.MaxPart-1)/r.cfg.MaxPart
			oldest = max(oldest, now.Sub(since))
		}
	}
	r.m.backlogBytes.Set(float64(bytes))
	r.m.backlogParts.Set(float64(parts))
	r.m.backlogOldest.Set(oldest.Seconds())
}
