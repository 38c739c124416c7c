package interview

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/cluster"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/internal/privacy"
)

// Config is what a [Service] needs. All up to Texts are required; zero fields below mean the default.
type Config struct {
	Store    Store
	Chat     Chat
	Ledger   Consents
	Recorder Recorder
	SFU      Rooms
	Hub      Hub
	Audit    Audit
	Texts    *policy.Texts

	// Leases says which interviews are this node's; nil, in tests, means all of them.
	Leases Leases

	MaxInterviews int           // rooms on this node at a time; default 200
	Hold          time.Duration // how long media is kept for a lost connection; default 30 s
	Empty         time.Duration // how long a room may be without anybody connected; default 60 s
	Rejoin        time.Duration // how long after a restart the live ones wait; default 60 s
	OpenFor       time.Duration // how long an interview may wait to be held; default 24 h
	Recheck       time.Duration // between two looks at the ledger for withdrawals by other nodes; default 1 s, negative: never

	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time // for what is stored and shown; default time.Now
}

func (c Config) withDefaults() Config {
	if c.MaxInterviews <= 0 {
		c.MaxInterviews = 200
	}
	for _, d := range []struct {
		field *time.Duration
		usual time.Duration
	}{{&c.Hold, 30 * time.Second}, {&c.Empty, time.Minute}, {&c.Rejoin, time.Minute}, {&c.OpenFor, 24 * time.Hour}} {
		if *d.field <= 0 {
			*d.field = d.usual
		}
	}
	if c.Recheck == 0 {
		c.Recheck = time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Bounds of waiting.
const (
	ioTimeout   = 2 * time.Second  // one step of an owner's bookkeeping
	startLimit  = 5 * time.Second  // the start of a recording
	askTimeout  = 10 * time.Second // a request from its arrival to its answer
	sealTimeout = 2 * time.Minute  // sealing a recording, in the background
	sweepEvery  = 30 * time.Second
	sweepBatch  = 200
	retryEvery  = 2 * time.Second // bookkeeping that failed
	headsTime   = 2 * time.Minute // after the end, for parts that only recovery or another node could seal
)

// Service runs the interviews of one node. Any goroutine may call it; everything but [New] needs a running [Service.Run].
//
// Errors are *policy.Refusal where a person may be told the reason; all others are internal. Whoever was not invited
// gets policy.ErrNotFound, whether the interview exists or not. With Config.Leases, what only the owner can do is refused by
// [*cluster.Elsewhere] when another node owns the interview.
type Service struct {
	cfg     Config
	metrics *metrics

	mu       sync.Mutex
	sessions map[ID]*session
	rooms    int                  // with a room or about to make one
	taken    []privacy.Withdrawal // not yet looked at by Run
	running  bool
	handed   bool          // no room opens any more
	closing  chan struct{} // closed when Run is to return
	wake     chan struct{} // something is in taken
	orphans  chan struct{} // another node is gone: look for its interviews
	vacant   chan struct{} // a room was given back
	work     sync.WaitGroup
}

// New puts a service together.
func New(c Config) *Service {
	return &Service{cfg: c.withDefaults(), metrics: newMetrics(c.Metrics), sessions: map[ID]*session{},
		closing: make(chan struct{}), wake: make(chan struct{}, 1), orphans: make(chan struct{}, 1), vacant: make(chan struct{}, 1)}
}

// Run serves until ctx ends: then media is cut, recordings are sealed, and it returns. Interviews that were live stay so
// in the store; the next Run keeps them joinable for Config.Rejoin and then ends them as interrupted. A crash at any
// point leaves the same, with recordings that the recorder's own recovery seals. It can run once.
func (s *Service) Run(ctx context.Context) error {
	stop := s.cfg.Ledger.Watch(s.withdrawn)
	defer stop()
	if s.cfg.Leases != nil {
		s.cfg.Leases.Lost(s.leaseLost)
		s.cfg.Leases.Died(func(cluster.NodeID) { signal(s.orphans) })
	}
	live, err := s.cfg.Store.List(ctx, Filter{States: []State{Live}}, 10_000)
	if err != nil {
		return fmt.Errorf("bring back interviews: %w", err)
	}
	if !s.start() {
		return errors.New("interview: the service runs or ran already")
	}
	s.prodAll(ctx, live, (*session).nothing)
	s.work.Go(func() { s.recheck(ctx) })
	s.serve(ctx)
	s.mu.Lock()
	s.running = false
	close(s.closing)
	s.mu.Unlock()
	s.work.Wait()
	return nil
}

func (s *Service) start() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closing:
		return false
	default:
	}
	was := s.running
	s.running = true
	return !was
}

// serve sweeps at once, then regularly; sooner when another node is gone, whose live interviews are nobody's then, and when a
// sweep could not do all it should.
func (s *Service) serve(ctx context.Context) {
	timer := time.NewTimer(s.sweep(ctx))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(s.sweep(ctx))
		case <-s.orphans:
			timer.Reset(s.sweep(ctx))
		case <-s.wake:
			s.withdrawAll(ctx)
		}
	}
}

// sweep ends what was never held, posts the cards that a crash or a failure kept from the conversation, and gives each live
// interview its owner: one that could not be loaded at the start, or whose node died, must not stay live for ever. What other
// nodes own they sweep themselves. It returns when to sweep again.
func (s *Service) sweep(ctx context.Context) time.Duration {
	all := s.each(ctx, Filter{States: []State{Live}}, (*session).nothing)
	s.each(ctx, Filter{States: []State{Open}, OpenedBefore: s.cfg.Now().Add(-s.cfg.OpenFor)}, (*session).expire)
	s.each(ctx, Filter{Unposted: true}, (*session).announce)
	if !all {
		return retryEvery
	}
	return sweepEvery
}

// each prods the owners of all interviews that match; false when one of them could not be served.
func (s *Service) each(ctx context.Context, f Filter, do func(*session, context.Context) error) bool {
	all := true
	for {
		found, err := s.cfg.Store.List(ctx, f, sweepBatch)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "sweep interviews", slog.Any("err", err))
		}
		all = s.prodAll(ctx, found, do) && all && err == nil
		if len(found) < sweepBatch {
			return all
		}
		f.After = found[len(found)-1].ID
	}
}

// prod has the owner do something that nobody waits for; false when it could not. An interview that is another node's is
// that node's to tend.
func (s *Service) prod(ctx context.Context, id ID, do func(*session, context.Context) error) bool {
	err := s.ask(ctx, id, func(ctx context.Context, x *session) error { return do(x, ctx) })
	if err == nil || errors.Is(err, policy.ErrGone) || elsewhere(err) {
		return true
	}
	if ctx.Err() == nil {
		s.cfg.Log.ErrorContext(ctx, "tend interview", "interview", string(id), "err", err)
	}
	return false
}

// withdrawn is told by the ledger and does not wait (R3): sessions are woken at once, and Run looks for interviews that
// have no session.
func (s *Service) withdrawn(w privacy.Withdrawal) {
	if w.Purpose != policy.InterviewRecording && w.Purpose != policy.PrivacyPolicy {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user := identity.UserID(w.Subject)
	for id, x := range s.sessions {
		named := w.Context == string(id)
		if !named && w.Context != "" {
			continue
		}
		x.tell(func(m *mail) { m.withdrawn[user] = named || m.withdrawn[user] })
		if room := x.room.Load(); room != nil && s.running && x.concerns(user, named) {
			s.work.Go((*room).Close) // the owner may be waiting for a disk; the media does not
		}
	}
	s.taken = append(s.taken, w)
	signal(s.wake)
}

func (s *Service) withdrawAll(ctx context.Context) {
	s.mu.Lock()
	all := s.taken
	s.taken = nil
	s.mu.Unlock()
	for _, w := range all {
		user, named := identity.UserID(w.Subject), w.Context != ""
		found, err := s.cfg.Store.List(ctx, Filter{User: user, States: []State{Open, Live}}, sweepBatch)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "find withdrawn interviews", "err", err)
		}
		for _, i := range found {
			if !named || w.Context == string(i.ID) {
				s.prod(ctx, i.ID, func(x *session, ctx context.Context) error { return x.takeBack(ctx, user, named) })
			}
		}
	}
}

// signal wakes whoever reads c; a wake-up that is already pending is enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
