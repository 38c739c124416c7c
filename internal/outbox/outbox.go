package outbox

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what an [Outbox] may be told. Store and Target are required; zero fields mean the defaults.
type Config struct {
	Store  Store
	Target Target
	// Trust holds the authorities of the target's certificate; nil means the system's.
	Trust *x509.CertPool
	// Concurrency is how many tries this node makes at once; default 16.
	Concurrency int
	// Timeout bounds one try, to the end of the answer; default 10 s.
	Timeout time.Duration
	// Attempts is after how many failed tries an event is given up; default 36, about three days.
	Attempts int
	// Poll is how often the store is asked for what is due while nothing waits here; default 500 ms.
	Poll time.Duration
	// KeepDead is how long dead letters are kept (L1); default 30 days.
	KeepDead time.Duration

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Concurrency <= 0 {
		c.Concurrency = 16
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Attempts <= 0 {
		c.Attempts = attempts
	}
	if c.Poll <= 0 {
		c.Poll = 500 * time.Millisecond
	}
	if c.KeepDead <= 0 {
		c.KeepDead = 30 * 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Times of the work around the tries.
const (
	storeTimeout = 10 * time.Second // of one transaction
	grace        = 3 * time.Second  // for tries under way when Run is told to end
	gauging      = 15 * time.Second // between two looks at the backlog
	sweeping     = time.Hour        // between two deletions of old dead letters
	complaining  = time.Minute      // between two log lines about the target, or about the store
)

// Outbox delivers the events of a store from one node. Any number of nodes may do so at once. Any goroutine may call it.
type Outbox struct {
	cfg     Config
	client  *http.Client
	metrics *metrics
	lease   time.Duration
	wake    chan struct{}
	running atomic.Bool

	faultTold atomic.Int64 // when the log last heard of the store, Unix nanoseconds
}

// New makes an outbox; it does nothing before [Outbox.Run]. The error says what is wrong with the target.
func New(c Config) (*Outbox, error) {
	if err := c.Target.check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	return &Outbox{
		cfg: c, client: newClient(c), metrics: newMetrics(c.Metrics), wake: make(chan struct{}, 1),
		// A claim waits for at most one other try, then for its own; the rest is for the store.
		lease: 2*c.Timeout + 2*storeTimeout,
	}, nil
}

// Wake says that something was appended, so that it need not wait for the next poll. It never blocks and may be
// forgotten.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Then nothing more is claimed, tries under way get 3 s to end, what was not tried is given
// back, and it returns nil. It can run once. What can't be settled, and what a crash interrupts, is tried again by
// whichever node claims it when its lease is over.
func (o *Outbox) Run(ctx context.Context) error {
	if o.running.Swap(true) {
		return errors.New("outbox: it runs or ran already")
	}
	defer o.client.CloseIdleConnections()
	var watch sync.WaitGroup
	watch.Go(func() { o.watch(ctx) })
	newDispatch(o).run(ctx)
	watch.Wait()
	return nil
}

// watch keeps the gauges and deletes dead letters whose time is over.
func (o *Outbox) watch(ctx context.Context) {
	gauge, sweep := time.NewTicker(gauging), time.NewTicker(sweeping)
	defer gauge.Stop()
	defer sweep.Stop()
	o.gauge(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-gauge.C:
			o.gauge(ctx)
		case <-sweep.C:
			o.sweep(ctx)
		}
	}
}

func (o *Outbox) gauge(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	b, err := o.cfg.Store.Backlog(ctx)
	if err != nil {
		o.fault(ctx, fmt.Errorf("count backlog: %w", err))
		return
	}
	o.metrics.show(b)
}

func (o *Outbox) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	n, err := o.cfg.Store.Expire(ctx, o.cfg.KeepDead)
	if err != nil {
		o.fault(ctx, fmt.Errorf("delete old dead letters: %w", err))
		return
	}
	if n > 0 {
		o.cfg.Log.InfoContext(ctx, "old dead letters deleted", slog.Int("events", n))
	}
}

// fault logs an error of the store, unless it is only the end, once a minute at most.
func (o *Outbox) fault(ctx context.Context, err error) {
	told, now := o.faultTold.Load(), time.Now().UnixNano()
	if errors.Is(ctx.Err(), context.Canceled) || time.Duration(now-told) < complaining || !o.faultTold.CompareAndSwap(told, now) {
		return
	}
	o.cfg.Log.ErrorContext(ctx, "outbox can't reach its store", slog.Any("err", err))
}
