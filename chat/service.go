package chat

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/identity"
	"parley/internal/limit"
	"parley/storage/keys"
)

// Config is what a [Service] may be told; zero fields mean the defaults.
type Config struct {
	// Lanes is how many goroutines commit, 1 to 4; default 2. A conversation always belongs to the same one.
	Lanes int
	// Queue is how many entries and marks may wait for one lane; default 1024. Beyond it callers get ErrUnavailable.
	Queue int
	// CommitTimeout bounds one transaction; default 10 s.
	CommitTimeout time.Duration
	// Events puts an event for each entry into the outbox, for a webhook. Without a webhook nobody would take them out.
	Events bool
	// Neighbours are asked before something reaches the log; see also [Service.Use].
	Neighbours Neighbours

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Lanes <= 0 {
		c.Lanes = 2
	}
	c.Lanes = min(c.Lanes, 4)
	if c.Queue <= 0 {
		c.Queue = 1024
	}
	if c.CommitTimeout <= 0 {
		c.CommitTimeout = 10 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// maxCircles is of how many conversations the members are remembered.
const maxCircles = 1 << 15

// Service is the chat of one node. Any goroutine may call it. What writes to the log waits for [Service.Run].
//
// Errors are *policy.Refusal where a person may be told the reason; all others are internal.
type Service struct {
	store   Store
	vault   keys.Vault
	hub     Hub
	now     func() time.Time
	metrics *metrics
	events  bool
	circles *circles
	around  Neighbours

	searches *limit.Limiter[identity.UserID]
	looking  chan struct{} // holds a value for each search under way

	seed    maphash.Seed
	lanes   []*lane
	running atomic.Bool
	closing chan struct{} // closed: nothing more is taken in
	stopped chan struct{} // closed: the lanes have answered all they will
}

// New puts a service together; it does nothing before Run. The hub must be ready to be told.
func New(store Store, vault keys.Vault, hub Hub, c Config) *Service {
	c = c.withDefaults()
	s := &Service{
		store: store, vault: vault, hub: hub, now: c.Now, events: c.Events, circles: newCircles(maxCircles),
		around: c.Neighbours, looking: make(chan struct{}, maxSearches), seed: maphash.MakeSeed(), closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	s.searches = limit.New[identity.UserID](limit.Config{Name: "search", Rate: searchRate, Burst: searchBurst, Metrics: c.Metrics})
	s.metrics = newMetrics(c.Metrics, s.queued)
	for range c.Lanes {
		s.lanes = append(s.lanes, &lane{
			store: store, hub: hub, now: c.Now, log: c.Log, metrics: s.metrics, timeout: c.CommitTimeout,
			inbox: make(chan *ticket, c.Queue), doubt: map[rowName]struct{}{},
		})
	}
	return s
}

// Run commits what is sent until ctx ends. Then nothing more is taken in, what is queued is still committed and answered,
// and it returns nil. It can run once.
func (s *Service) Run(ctx context.Context) error {
	if s.running.Swap(true) {
		return errors.New("chat: the service runs or ran already")
	}
	var lanes sync.WaitGroup
	for _, l := range s.lanes {
		lanes.Go(func() { l.run(ctx, s.closing) })
	}
	<-ctx.Done()
	close(s.closing)
	lanes.Wait()
	close(s.stopped)
	return nil
}

func (s *Service) lane(id ConversationID) *lane {
	return s.lanes[maphash.String(s.seed, string(id))%uint64(len(s.lanes))]
}

// queued is how much waits for the lanes.
func (s *Service) queued() float64 {
	n := 0
	for _, l := range s.lanes {
		n += len(l.inbox)
	}
	return float64(n)
}
