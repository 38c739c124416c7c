package notice

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/internal/identity"
	"parley/signal/wire"
)

// Preferences are what people want to be sent.
type Preferences interface {
	// Notices returns, by class, the channels by which notices that can be switched off may be sent; the channels of reminders, the first
	// ones first; and the hours without any.
	Notices(ctx context.Context, user identity.UserID) (classes map[string][]string, reminders []string, quiet wire.Quiet, err error)
}

// Config is what a [Service] stands on. Store, Cursors and Preferences are required; zero fields of the rest mean the defaults.
type Config struct {
	Store       Store
	Cursors     Cursors
	Preferences Preferences
	// After is how long something is unread before the first reminder; default 5 min.
	After time.Duration
	// Escalate is how long it stays unread before the next channel is used; default 1 h.
	Escalate time.Duration
	// Again is how long after the last reminder something new begins another round while nothing was read; default 24 h.
	Again time.Duration
	// Poll is how often the store is asked for what is due; default 5 s.
	Poll time.Duration
	// Keep is how long notices that went out are known, and reminders that nobody heeds; default 30 days.
	Keep time.Duration
	// Wake is called when there is something in the outbox; nil: it finds out by itself.
	Wake func()

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		given *time.Duration
		usual time.Duration
	}{
		{&c.After, 5 * time.Minute}, {&c.Escalate, time.Hour}, {&c.Again, 24 * time.Hour}, {&c.Poll, 5 * time.Second}, {&c.Keep, 30 * 24 * time.Hour},
	} {
		if *d.given <= 0 {
			*d.given = d.usual
		}
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Bounds of the work.
const (
	portion      = 100 // claimed at once
	lease        = time.Minute
	storeTimeout = 10 * time.Second
	sweeping     = time.Hour
)

// Service decides what is sent, on one node of any number. Any goroutine may call it. Nothing becomes due without [Service.Run].
type Service struct {
	cfg     Config
	metrics *metrics
	wake    chan struct{}
	running atomic.Bool
}

// New puts a service together.
func New(c Config) *Service {
	return &Service{cfg: c.withDefaults(), metrics: newMetrics(c.Metrics), wake: make(chan struct{}, 1)}
}

// Run works off what is due until ctx ends. It can run once.
func (s *Service) Run(ctx context.Context) error {
	if s.running.Swap(true) {
		return errors.New("notice: the service runs or ran already")
	}
	poll, sweep := time.NewTicker(s.cfg.Poll), time.NewTicker(sweeping)
	defer poll.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.C:
			s.step(ctx, "old notices can't be deleted", func(ctx context.Context) (bool, error) { return false, s.cfg.Store.Expire(ctx, s.cfg.Keep) })
		case <-poll.C:
			s.work(ctx)
		case <-s.wake:
			s.work(ctx)
		}
	}
}

func (s *Service) work(ctx context.Context) {
	s.step(ctx, "reminders are held up", s.reminders)
	s.step(ctx, "notices are held up", s.notices)
}

// step does portions of a work until there is nothing more or one fails; what failed is claimed again when its lease is over.
func (s *Service) step(ctx context.Context, complaint string, portion func(context.Context) (more bool, err error)) {
	for more := true; more && ctx.Err() == nil; {
		var err error
		bounded, cancel := context.WithTimeout(ctx, storeTimeout)
		more, err = portion(bounded)
		cancel()
		if err != nil && ctx.Err() == nil {
			s.metrics.failed.Inc()
			s.cfg.Log.ErrorContext(ctx, complaint, slog.Any("err", err))
			return
		}
	}
}
