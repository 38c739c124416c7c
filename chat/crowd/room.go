package crowd

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// room is a room on this node. Its goroutine owns all below "owner"; the mutex guards what others look at and leave.
type room struct {
	s     *Service
	id    RoomID
	inbox chan *said
	ops   chan func()
	ended chan struct{} // closed: nothing more is answered

	mu     sync.Mutex
	row    Room
	guests map[identity.UserID]guest
	left   []Subscriber // since the owner looked

	// owner
	subs    map[Subscriber]struct{}
	waiting []*said           // since the last beat
	shown   []wire.CrowdEntry // to be shown at the next beat
	ring    []wire.CrowdEntry
	others  map[string]others // people elsewhere, by node
	empty   time.Time         // since when nobody is here; zero while somebody is
	looked  time.Time

	// doubt holds what was appended with an unknown outcome. If it took effect after all nobody was shown it; the sender's next
	// try does that. Bounded by MaxQueue; what falls out is in the log and not shown.
	doubt map[saidName]struct{}
}

// saidName is what an entry is known by in its room.
type saidName struct {
	user identity.UserID
	cid  string
}

// others is what another node says of how many people are in the room there.
type others struct {
	people int
	told   time.Time
}

func newRoom(s *Service, row Room, ring []wire.CrowdEntry) *room {
	return &room{
		s: s, id: row.ID, row: row, ring: ring, inbox: make(chan *said, MaxQueue), ops: make(chan func(), 256),
		ended: make(chan struct{}), guests: map[identity.UserID]guest{}, subs: map[Subscriber]struct{}{},
		others: map[string]others{}, empty: s.cfg.Now(), looked: s.cfg.Now(), doubt: map[saidName]struct{}{},
	}
}

// run beats until ctx ends or the room has been empty for a while. What is in the inbox then is still stored and answered.
func (r *room) run(ctx context.Context) {
	defer r.s.sleep(r)
	defer close(r.ended)
	beat := time.NewTicker(Beat)
	defer beat.Stop()
	for {
		select {
		case f := <-r.ops:
			r.depart()
			f()
		case now := <-beat.C:
			r.depart()
			if r.beat(ctx, now) {
				return
			}
		case <-ctx.Done():
			r.gather()
			r.store(ctx)
			return
		}
	}
}

// beat stores what was said, shows it, and says whether the room ends.
func (r *room) beat(ctx context.Context, now time.Time) (end bool) {
	r.gather()
	r.store(ctx)
	r.show()
	if now.Sub(r.looked) >= lookEvery {
		r.looked = now
		r.look(ctx)
	}
	if len(r.subs) > 0 {
		r.empty = time.Time{}
		return false
	}
	if r.empty.IsZero() {
		r.empty = now
	}
	return now.Sub(r.empty) > idleAfter && len(r.inbox) == 0 && len(r.ops) == 0
}

func (r *room) gather() {
	for len(r.waiting) < MaxQueue {
		select {
		case one := <-r.inbox:
			r.waiting = append(r.waiting, one)
		default:
			return
		}
	}
}

// storeTimeout bounds one transaction.
const storeTimeout = 10 * time.Second

// store makes what waits durable and answers for it, also when ctx has ended. A crash before the commit leaves nothing, one
// after it entries whose senders were not answered: they say it again under the same cid and get the first place. An error is
// answered as unknown.
func (r *room) store(ctx context.Context) {
	for len(r.waiting) > 0 {
		n := min(len(r.waiting), MaxBatch)
		if err := r.storeSome(ctx, r.waiting[:n]); err != nil {
			r.fail(ctx, r.waiting, err) // the rest as well: a store that is away holds nobody up for longer than once
			break
		}
		r.waiting = r.waiting[n:]
	}
	r.waiting = nil
}

func (r *room) storeSome(ctx context.Context, batch []*said) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	rows := make([]Row, len(batch))
	for i, one := range batch {
		rows[i] = one.row
	}
	began := time.Now()
	placed, err := r.s.cfg.Store.Append(ctx, r.id, rows)
	r.s.metrics.commit.Observe(time.Since(began).Seconds())
	if err == nil && len(placed) != len(batch) {
		err = errOther
	}
	if err != nil {
		return err
	}
	for i, one := range batch {
		one.answer <- outcome{placed: placed[i]}
		if e, ok := r.news(ctx, one, placed[i]); ok {
			r.shown = append(r.shown, e)
			r.s.metrics.entries.Inc()
		}
	}
	return nil
}

// fail answers entries whose outcome is unknown.
func (r *room) fail(ctx context.Context, batch []*said, err error) {
	r.s.cfg.Log.ErrorContext(ctx, "entries of a crowd could not be stored", slog.String("room", string(r.id)), slog.Int("entries", len(batch)), slog.Any("err", err))
	for _, one := range batch {
		if len(r.doubt) >= MaxQueue {
			clear(r.doubt)
		}
		r.doubt[saidName{one.row.User, one.row.CID}] = struct{}{}
		one.answer <- outcome{err: policy.ErrUnavailable}
	}
}

// news is the entry that is to be shown, if nobody was shown it before. A repeat that was in doubt is read from the log: what its
// sender says on the second try may differ from what is kept (E3).
func (r *room) news(ctx context.Context, one *said, p Placed) (wire.CrowdEntry, bool) {
	name := saidName{one.row.User, one.row.CID}
	_, doubted := r.doubt[name]
	delete(r.doubt, name)
	if !p.Dup {
		one.entry.Seq = p.Seq
		return one.entry, true
	}
	if !doubted {
		return wire.CrowdEntry{}, false
	}
	log, err := r.s.cfg.Store.Read(ctx, r.id, p.Seq-1, 1)
	if err != nil || len(log) == 0 {
		return wire.CrowdEntry{}, false // late joiners get it
	}
	e, err := r.s.unseal(ctx, r.id, log[0])
	return e, err == nil
}

// wait returns what became of an entry. If ctx ends first that is unknown; an answer that is there is given even then.
func (r *room) wait(ctx context.Context, one *said) (Placed, error) {
	var late error
	select {
	case o := <-one.answer:
		return o.placed, o.err
	case <-ctx.Done():
		late = ctx.Err()
	case <-r.ended:
		late = policy.ErrUnavailable
	}
	select {
	case o := <-one.answer:
		return o.placed, o.err
	default:
		return Placed{}, late
	}
}

// do has the owner call f; a room that has ended calls nothing.
func (r *room) do(f func()) bool {
	select {
	case r.ops <- f:
		return true
	case <-r.ended:
		return false
	}
}

// try is do for who must not wait: with too much to do already, f is not called.
func (r *room) try(f func()) {
	select {
	case r.ops <- f:
	default:
	}
}

func (r *room) join(ctx context.Context, sub Subscriber) (wire.CrowdState, error) {
	state := make(chan wire.CrowdState, 1)
	var settled atomic.Bool // by the owner, or by who has given up
	ok := r.do(func() {
		if settled.Swap(true) {
			return
		}
		if _, in := r.subs[sub]; !in {
			r.subs[sub] = struct{}{}
			r.s.metrics.people.Inc()
		}
		state <- r.state(true)
	})
	if !ok {
		return wire.CrowdState{}, policy.ErrUnavailable
	}
	select {
	case st := <-state:
		return st, nil
	case <-r.ended:
		return wire.CrowdState{}, policy.ErrUnavailable
	case <-ctx.Done():
		if settled.Swap(true) {
			r.leave(sub)
		}
		return wire.CrowdState{}, ctx.Err()
	}
}

// leave takes out somebody whose joining is over. It does not wait for the owner, which may wait for the store: a node that stops
// has thousands leave at once.
func (r *room) leave(sub Subscriber) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = append(r.left, sub)
}

// depart takes out those who have left, before anything that comes after.
func (r *room) depart() {
	r.mu.Lock()
	left := r.left
	r.left = nil
	r.mu.Unlock()
	for _, sub := range left {
		if _, in := r.subs[sub]; in {
			delete(r.subs, sub)
			r.s.metrics.people.Dec()
		}
	}
}

// state is how the room stands, for somebody who joins with what was said last.
func (r *room) state(recent bool) wire.CrowdState {
	r.mu.Lock()
	row := r.row
	r.mu.Unlock()
	st := wire.CrowdState{Room: string(r.id), Open: row.Open(), Slow: int(row.Slow.Seconds()), People: len(r.subs)}
	for _, o := range r.others {
		st.People += o.people
	}
	if recent {
		st.Recent = append([]wire.CrowdEntry{}, r.ring...)
	}
	return st
}

// rules takes a room's rules as they are in the store, and tells everybody here when they changed.
func (r *room) rules(row Room) {
	r.mu.Lock()
	changed := r.row.Slow != row.Slow || r.row.Open() != row.Open()
	r.row = row
	r.mu.Unlock()
	if !changed {
		return
	}
	st := r.state(false)
	for sub := range r.subs {
		sub.State(st)
	}
}

// look finds rules that another node changed, and tells the others how many people are here.
func (r *room) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	row, err := r.s.cfg.Store.Load(ctx, r.id)
	if err != nil {
		r.s.cfg.Log.WarnContext(ctx, "a crowd's rules can't be read", slog.String("room", string(r.id)), slog.Any("err", err))
		return
	}
	r.rules(row)
	r.s.tell(message{Room: r.id, People: len(r.subs) + 1})
	for node, o := range r.others {
		if r.s.cfg.Now().Sub(o.told) > 3*lookEvery {
			delete(r.others, node)
		}
	}
}
