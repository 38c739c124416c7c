package interview

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"parley/internal/cluster"
	"parley/internal/policy"
)

// abreast is how many owners are asked at a time for what nobody waits for.
const abreast = 8

// Holds says whether this node owns the interview just now: then what is shown of it comes from here.
func (s *Service) Holds(id ID) bool {
	x := s.session(id)
	return x != nil && x.shown.Load() != nil
}

// elsewhere says whether the error is that another node owns the interview.
func elsewhere(err error) bool {
	_, ok := errors.AsType[*cluster.Elsewhere](err)
	return ok
}

// acquire makes this node the owner of an interview that exists, so that strangers can't fill the table of leases. It
// returns what the store has from the moment on which nobody else can change it: a former owner that still thinks it is one
// is refused.
func (x *session) acquire(ctx context.Context) (Interview, cluster.Lease, error) {
	if _, err := x.svc.cfg.Store.Load(ctx, x.id); err != nil {
		return Interview{}, cluster.Lease{}, err
	}
	lease := cluster.Lease{Room: string(x.id), Epoch: 1}
	if x.svc.cfg.Leases != nil {
		var err error
		if lease, err = x.svc.cfg.Leases.Acquire(ctx, string(x.id)); err != nil {
			return Interview{}, cluster.Lease{}, err
		}
	}
	i, err := x.svc.cfg.Store.Claim(ctx, x.id, lease.Epoch)
	if err != nil {
		x.release(lease)
		return Interview{}, cluster.Lease{}, err
	}
	return i, lease, nil
}

// release gives the lease up. If the store does not take that, the interview stays with this node, which others then ask.
func (x *session) release(l cluster.Lease) {
	if x.svc.cfg.Leases == nil || l.Room == "" {
		return
	}
	ctx, cancel := step(context.Background())
	defer cancel()
	x.report(ctx, "release", x.svc.cfg.Leases.Release(ctx, l))
}

// letGo releases the interview when its owner goes.
func (x *session) letGo() {
	x.release(x.lease)
	x.lease = cluster.Lease{}
}

// disown cuts the media, has the recording sealed and forgets the interview, which goes on wherever it is owned then: who
// was in it is told to join again.
func (x *session) disown(reason string) {
	x.suspend(reason)
	x.loaded, x.fenced, x.unsaved, x.changed, x.handed = false, false, false, false, 0
	x.emptyAt, x.rejoinBy, x.retryAt, x.headsAt, x.headsBy = zero, zero, zero, zero, zero
	x.lease = cluster.Lease{}
	x.shown.Store(nil)
}

// handOver disowns the interview for another node, or this one's next process, to take.
func (x *session) handOver(ctx context.Context) error {
	if x.unsaved {
		x.keep(ctx)
	}
	lease := x.lease
	x.disown("handed over")
	x.release(lease)
	return nil
}

// leaseLost is told that another node has the interview. The media is cut at once; the owner may be waiting for a disk.
func (s *Service) leaseLost(room string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.sessions[ID(room)]
	if x == nil {
		return
	}
	x.tell(func(m *mail) { m.lost = true })
	if r := x.room.Load(); r != nil && s.running {
		s.work.Go((*r).Close)
	}
}

// Drain waits until no room is in use or ctx ends. Then it hands over what is left: media is cut, recordings are sealed, who
// is in is told to join again (LostFailed), and the interviews are free for other nodes. No room opens here afterwards. The
// cluster must be draining already, so that new rooms go elsewhere meanwhile. It returns when all is handed over.
func (s *Service) Drain(ctx context.Context) {
	for s.busy() {
		select {
		case <-s.vacant:
			continue
		case <-ctx.Done():
		case <-s.closing:
		}
		break
	}
	s.mu.Lock()
	s.handed = true
	s.mu.Unlock()
	var all errgroup.Group
	all.SetLimit(abreast)
	for _, x := range s.all() {
		all.Go(func() error {
			s.prod(context.WithoutCancel(ctx), x.id, (*session).handOver)
			return nil
		})
	}
	_ = all.Wait() // prod has logged what failed
}

func (s *Service) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rooms > 0
}

// prodAll prods the owners of the interviews that no other node has; false when one of them could not be served.
func (s *Service) prodAll(ctx context.Context, found []Interview, do func(*session, context.Context) error) bool {
	taken, err := s.where(ctx, found)
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "look up owners", slog.Any("err", err))
		return false
	}
	var all errgroup.Group
	all.SetLimit(abreast)
	for _, i := range found {
		if _, other := taken[string(i.ID)]; other {
			continue
		}
		all.Go(func() error {
			if !s.prod(ctx, i.ID, do) {
				return policy.ErrUnavailable
			}
			return nil
		})
	}
	return all.Wait() == nil
}

func (s *Service) where(ctx context.Context, found []Interview) (map[string]cluster.NodeID, error) {
	if s.cfg.Leases == nil || len(found) == 0 {
		return nil, nil
	}
	rooms := make([]string, len(found))
	for n, i := range found {
		rooms[n] = string(i.ID)
	}
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	taken, err := s.cfg.Leases.Where(ctx, rooms...)
	if err != nil {
		return nil, fmt.Errorf("find owners: %w", err)
	}
	return taken, nil
}
