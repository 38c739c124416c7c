package sealer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
	"parley/internal/chain"
	"parley/internal/identity"
)

// Bounds of the work.
const (
	maxLeaves  = 512     // conversations in a tree, so that its transaction holds nobody up
	maxRows    = 4096    // entries that one tree takes up
	maxSpan    = 2048    // of them, those of one conversation
	maxWaiting = 1 << 17 // conversations remembered as changed; beyond, all are looked through
	sweepPage  = 5000    // conversations looked at in one step
	tries      = 8       // to be the first, before the next round
)

// Config is what a [Sealer] may be told; zero fields mean the defaults.
type Config struct {
	// Every is how often changed conversations are sealed; default 2 s.
	Every time.Duration
	// Sweep is how often all conversations are looked through for what nobody told of; default 10 min.
	Sweep time.Duration
	// Before is told of new entries before they are sealed, at least once each. An error leaves them unsealed for now, so that
	// they come again. It is called by one goroutine at a time.
	Before func(ctx context.Context, entries []Unsealed) error

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Unsealed is an entry that is about to be sealed.
type Unsealed struct {
	Conversation chat.ConversationID
	Seq          chat.Seq
	Sender       identity.UserID // empty for the system
	Type         string
	Time         time.Time
	Members      []Member // read only
}

func (c Config) withDefaults() Config {
	if c.Every <= 0 {
		c.Every = 2 * time.Second
	}
	if c.Sweep <= 0 {
		c.Sweep = 10 * time.Minute
	}
	if c.Before == nil {
		c.Before = func(context.Context, []Unsealed) error { return nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Sealer seals the conversations of one node. Any goroutine may call it. As a [chat.Hub] it never blocks.
type Sealer struct {
	store   Store
	signer  chain.Signer
	cfg     Config
	metrics *metrics
	running atomic.Bool

	// at is held while a tree is made: one at a time a node.
	at     sync.Mutex
	people *people

	mu      sync.Mutex
	waiting map[chat.ConversationID]struct{} // changed since they were sealed, as far as is known
	lost    bool                             // waiting was full: look through all
}

var _ chat.Hub = (*Sealer)(nil)

// New puts a sealer together; it does nothing before Run.
func New(store Store, signer chain.Signer, c Config) *Sealer {
	s := &Sealer{store: store, signer: signer, cfg: c.withDefaults(), people: newPeople(), waiting: map[chat.ConversationID]struct{}{}}
	s.metrics = newMetrics(c.Metrics, s.queued)
	return s
}

// Committed implements [chat.Hub].
func (s *Sealer) Committed(_ []identity.UserID, e chat.Entry) { s.mark(e.Conversation) }

// Moved implements [chat.Hub]. Cursors are no entries.
func (s *Sealer) Moved([]identity.UserID, chat.Cursor) {}

// Changed implements [chat.Hub].
func (s *Sealer) Changed(_ []identity.UserID, id chat.ConversationID) { s.mark(id) }

func (s *Sealer) mark(ids ...chat.ConversationID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if len(s.waiting) >= maxWaiting {
			s.lost = true
			return
		}
		s.waiting[id] = struct{}{}
	}
}

// take takes all that waits.
func (s *Sealer) take() []chat.ConversationID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]chat.ConversationID, 0, len(s.waiting))
	for id := range s.waiting {
		ids = append(ids, id)
	}
	s.waiting = make(map[chat.ConversationID]struct{}, len(ids))
	return ids
}

func (s *Sealer) queued() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(len(s.waiting))
}

// lastTime bounds what is sealed after ctx ended.
const lastTime = 5 * time.Second

// Run seals until ctx ends, then once more what is known to have changed, and returns nil. Chat should have stopped by then. It
// can run once. What could not be sealed is logged and tried again.
func (s *Sealer) Run(ctx context.Context) error {
	if s.running.Swap(true) {
		return errors.New("sealer: it runs or ran already")
	}
	sweep := &sweep{every: s.cfg.Sweep}
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	for {
		s.look(ctx, sweep)
		s.Round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			s.Round(last)
			return nil
		}
	}
}

// Round seals all that is known to wait. What fails is logged and waits on.
func (s *Sealer) Round(ctx context.Context) {
	for ids := s.take(); len(ids) > 0; {
		n := min(len(ids), maxLeaves)
		more, err := s.seal(ctx, ids[:n])
		if err != nil {
			s.mark(ids...)
			s.failed(ctx, err)
			return
		}
		ids = append(ids[n:], more...)
	}
}

func (s *Sealer) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	s.metrics.failures.Inc()
	s.cfg.Log.ErrorContext(ctx, "conversations could not be sealed", slog.Any("err", err))
}

// sweep is a look through all conversations, some pages a round.
type sweep struct {
	every time.Duration
	next  time.Time // zero: at once
	after chat.ConversationID
}

// sweepPages is how many pages are looked at in one round.
const sweepPages = 20

// look marks conversations that are behind and of which nobody told.
func (s *Sealer) look(ctx context.Context, w *sweep) {
	s.mu.Lock()
	if s.lost {
		s.lost, w.next, w.after = false, time.Time{}, ""
	}
	s.mu.Unlock()
	if time.Now().Before(w.next) {
		return
	}
	for range sweepPages {
		ids, last, err := s.store.Behind(ctx, w.after, sweepPage)
		if err != nil {
			s.failed(ctx, err)
			return
		}
		s.mark(ids...)
		if w.after = last; last == "" {
			w.next = time.Now().Add(w.every)
			return
		}
		if len(ids) > 0 {
			return // first seal these
		}
	}
}
