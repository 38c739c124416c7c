package interview

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/cluster"
	"parley/internal/identity"
	"parley/internal/policy"
)

// session owns one interview while something happens to it.
type session struct {
	svc *Service
	id  ID

	inbox   chan *request
	news    chan struct{} // something is in the mailbox
	quit    chan struct{} // closed when the owner may go
	stopped chan struct{} // closed when it went
	refs    int           // callers at the door; guarded by Service.mu
	idle    bool          // the owner has nothing to stay for; guarded by Service.mu

	mu    sync.Mutex
	mail  mail
	shown atomic.Pointer[snapshot]
	room  atomic.Pointer[Room] // for whoever must cut the media without waiting for the owner

	// All below belongs to the owner's goroutine.
	interview Interview
	loaded    bool
	lease     cluster.Lease // while loaded
	fenced    bool          // the store knows of a later owner; the mailbox says so, too
	seats     map[identity.UserID]*seat
	revoked   map[identity.UserID]time.Time // tokens signed until then are refused (T7)
	issued    map[identity.UserID]time.Time // when the newest token was signed by which a participant took the seat
	stage     *stage                        // nil while nobody is, or lately was, in the room
	served    int                           // callers since settle
	changed   bool                          // the snapshot is behind
	unsaved   bool                          // the store is behind
	sealing   int                           // parts that are being sealed
	handed    int                           // heads that went out as receipts

	emptyAt  time.Time // when the empty room is given up; zero while somebody is connected
	rejoinBy time.Time // when waiting for those who were in it before a restart ends
	retryAt  time.Time
	headsAt  time.Time // when to look again for heads that were missing; not after headsBy
	headsBy  time.Time
}

func newSession(s *Service, id ID) *session {
	return &session{svc: s, id: id, mail: newMail(),
		inbox: make(chan *request, inboxSize), news: make(chan struct{}, 1), quit: make(chan struct{}), stopped: make(chan struct{}),
		seats: map[identity.UserID]*seat{}, revoked: map[identity.UserID]time.Time{}, issued: map[identity.UserID]time.Time{}}
}

// run is the owner: it does one thing at a time until it may go or the service closes. Mail comes before requests, so
// that nobody joins an interview whose end is already known.
func (x *session) run() {
	defer close(x.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		x.read()
		x.due(time.Now())
		x.settle()
		timer.Reset(time.Until(x.next()))
		select {
		case <-x.quit:
			x.letGo()
			return
		case <-x.svc.closing:
			x.suspend("shutdown")
			if x.unsaved {
				x.keep(context.Background())
			}
			x.letGo()
			return
		case q := <-x.inbox:
			x.read()
			err := x.answer(q)
			x.served++
			x.settle() // whoever asks next sees what was done
			q.done <- err
		case <-x.news:
		case <-timer.C:
		}
	}
}

func (x *session) answer(q *request) error {
	if q.ctx.Err() != nil {
		return q.ctx.Err()
	}
	if err := x.load(q.ctx); err != nil {
		return err
	}
	err := q.do(q.ctx, x)
	if x.fenced || errors.Is(err, ErrFenced) { // it was done to what is another node's by now
		return policy.ErrUnavailable.After(time.Second)
	}
	return err
}

// concerns says whether a withdrawal of the user's ends what runs. Any goroutine may ask.
func (x *session) concerns(user identity.UserID, named bool) bool {
	now := x.shown.Load()
	if now == nil {
		return false
	}
	part := now.user(user)
	return part != nil && (named || part.Consent == Agreed || part.Consent == AgreedAudio)
}

// nothing is a request that only makes the owner load the interview.
func (x *session) nothing(context.Context) error { return nil }

// load makes this node the owner and reads the interview when it is first needed. One that is live without having had an
// owner was so when its node stopped or died: it waits for its participants for a while. One whose withdrawal that kept from
// being followed ends now (R3).
func (x *session) load(ctx context.Context) error {
	if x.loaded {
		return nil
	}
	ctx, cancel := step(ctx)
	defer cancel()
	i, lease, err := x.acquire(ctx)
	if errors.Is(err, ErrUnknown) {
		return policy.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("load interview: %w", err)
	}
	no, err := x.nos(ctx, i)
	if err != nil {
		x.release(lease)
		return fmt.Errorf("load interview: %w", err)
	}
	x.interview, x.lease, x.loaded = i, lease, true
	if i.State == Live {
		x.rejoinBy = time.Now().Add(x.svc.cfg.Rejoin)
	}
	for _, user := range no {
		x.takenBack(ctx, x.interview.user(user))
	}
	x.show()
	return nil
}

// nos are the participants of an interview that goes on whose yes is none any more, by the ledger.
func (x *session) nos(ctx context.Context, i Interview) ([]identity.UserID, error) {
	var no []identity.UserID
	for _, user := range append(i.answers(Agreed), i.answers(AgreedAudio)...) {
		if i.State == Ended {
			break
		}
		back, err := x.svc.cfg.Ledger.TakenBack(ctx, x.matter(user))
		if err != nil {
			return nil, err
		}
		if back {
			no = append(no, user)
		}
	}
	return no, nil
}

// step bounds one step of bookkeeping, which goes on when the caller has gone.
func step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), ioTimeout)
}

// report logs what nobody waits for.
func (x *session) report(ctx context.Context, what string, err error) {
	if err != nil {
		x.svc.cfg.Log.ErrorContext(ctx, "interview step failed", slog.String("step", what), slog.String("interview", string(x.id)), slog.Any("err", err))
	}
}

// next is when the owner must look again by itself.
func (x *session) next() time.Time {
	at := time.Now().Add(time.Hour)
	for _, t := range []time.Time{x.emptyAt, x.rejoinBy, x.retryAt, x.headsAt} {
		at = earlier(at, t)
	}
	for _, s := range x.seats {
		at = earlier(earlier(at, s.awayUntil), s.until)
	}
	return at
}

// earlier ignores times that are not set.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// zero is no time.
var zero time.Time

// reached says that a time is set and has come.
func reached(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// due does what time asks for.
func (x *session) due(now time.Time) {
	ctx := context.Background()
	for user, s := range maps.Clone(x.seats) {
		switch {
		case reached(s.until, now):
			x.vacate(user, LostExpired, false)
		case reached(s.awayUntil, now):
			x.vacate(user, LostFailed, true)
		}
	}
	switch {
	case reached(x.rejoinBy, now):
		x.rejoinBy = time.Time{}
		x.end(ctx, identity.Principal{}, Interrupted)
	case reached(x.emptyAt, now):
		x.emptyAt = time.Time{}
		x.empty(ctx)
	}
	if reached(x.retryAt, now) {
		x.retryAt = time.Time{}
		x.keep(ctx)
	}
	if reached(x.headsAt, now) {
		x.receipts()
	}
}

// empty gives up a room without anybody: a live interview is over, an open one waits on without a room.
func (x *session) empty(ctx context.Context) {
	if x.interview.State == Live {
		x.end(ctx, identity.Principal{}, Abandoned)
		return
	}
	x.strike("empty")
}

// settle lets others see what changed and rests when there is nothing to stay for.
func (x *session) settle() {
	connected := slices.ContainsFunc(slices.Collect(maps.Values(x.seats)), func(s *seat) bool { return s.awayUntil.IsZero() })
	switch {
	case connected || x.stage == nil:
		x.emptyAt = time.Time{}
	case x.emptyAt.IsZero():
		x.emptyAt = time.Now().Add(x.svc.cfg.Empty)
	}
	if x.changed {
		x.changed = false
		x.show()
		x.svc.cfg.Hub.Interview(x.interview.users(), x.id)
	}
	x.svc.rest(x, x.stage == nil && x.rejoinBy.IsZero() && x.headsAt.IsZero() && !x.unsaved && x.sealing == 0, x.served)
	x.served = 0
}

// show publishes the snapshot.
func (x *session) show() {
	now := &snapshot{Interview: x.interview.clone(), seats: map[identity.UserID]occupied{}, recording: x.stage != nil}
	for user, s := range x.seats {
		now.seats[user] = s.occupied()
	}
	x.shown.Store(now)
}

// keep brings the store and the conversation up to date with what happened. What fails is tried again until it is done;
// a crash before leaves the former state, and the card for the next sweep. A refusal because of a later owner is the news
// that there is one.
func (x *session) keep(ctx context.Context) {
	err := x.save(ctx)
	if err == nil {
		err = x.announce(ctx)
	}
	if errors.Is(err, ErrFenced) {
		x.fenced = true
		x.svc.leaseLost(string(x.id))
	}
	x.unsaved = err != nil
	if x.unsaved {
		x.retryAt = time.Now().Add(retryEvery)
		x.report(ctx, "keep", err)
	}
}

func (x *session) save(ctx context.Context) error {
	ctx, cancel := step(ctx)
	defer cancel()
	if err := x.svc.cfg.Store.Save(ctx, x.interview); err != nil {
		return fmt.Errorf("save interview: %w", err)
	}
	return nil
}
