package moderation

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
	"parley/internal/identity"
	"parley/storage/keys"
)

// Config is what a [Service] stands on. Store, Vault, Chat and Log are required; zero fields of the rest mean the defaults.
type Config struct {
	Store Store
	Vault keys.Vault // seals reasons and notes
	Chat  Chat
	// Entries reads the log, for reports.
	Entries Entries
	// Rules are what texts are judged by; nil means [Builtin]. Those of [Load] are read again when their files change.
	Rules *Rules
	// Reload is how often the files are looked at; default 2 s.
	Reload time.Duration
	// Events puts an event for each report into the outbox, for a webhook.
	Events bool
	// Trust holds the authorities of a veto's certificate; nil means the system's.
	Trust *x509.CertPool

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// What a service needs of its neighbours.
type (
	// Chat says who is in a conversation; [chat.Service] does.
	Chat interface {
		Enter(ctx context.Context, p identity.Principal, a identity.Action, id chat.ConversationID) ([]chat.Party, error)
	}
	// Entries reads entries as they are stored; a [chat.Store] does.
	Entries interface {
		Read(ctx context.Context, id chat.ConversationID, r chat.Range) ([]chat.Entry, chat.Seq, error)
	}
)

func (c Config) withDefaults() Config {
	if c.Rules == nil {
		c.Rules = Builtin()
	}
	if c.Reload <= 0 {
		c.Reload = 2 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Service moderates the chat of one node. Any goroutine may call it; it works before Run, but neither rules nor mutes of other nodes
// reach it then.
type Service struct {
	cfg       Config
	metrics   *metrics
	rules     atomic.Pointer[Rules]
	inspector *inspector
	running   atomic.Bool

	fault atomic.Pointer[RulesFault]

	mu     sync.RWMutex
	silent map[identity.UserID]Silence
	since  time.Time // by the store's clock, up to when silences are known; zero before the first look

	looks    sync.Mutex // one look at a time; guards the rest
	failed   error      // of the first look
	failedAt time.Time
}

// New puts a service together.
func New(c Config) *Service {
	c = c.withDefaults()
	s := &Service{cfg: c, metrics: newMetrics(c.Metrics), silent: map[identity.UserID]Silence{}}
	s.rules.Store(c.Rules)
	s.inspector = newInspector(c.Trust, c.Now, s.metrics)
	return s
}

// Run keeps rules and silences up to date until ctx ends. It can run once.
func (s *Service) Run(ctx context.Context) error {
	if s.running.Swap(true) {
		return errors.New("moderation: the service runs or ran already")
	}
	defer s.inspector.close()
	reload, look, sweep := time.NewTicker(s.cfg.Reload), time.NewTicker(looking), time.NewTicker(sweeping)
	defer reload.Stop()
	defer look.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-reload.C:
			s.reload(ctx)
		case <-look.C:
			if err := s.look(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.ErrorContext(ctx, "silences can't be read", slog.Any("err", err))
			}
		case <-sweep.C:
			s.sweep(ctx)
		}
	}
}

// Times of the work beside the gate.
const (
	looking      = 2 * time.Second  // between two looks at what other nodes silenced
	overlap      = 30 * time.Second // that two looks share: longer than a statement of the database may take
	sweeping     = time.Hour
	storeTimeout = 10 * time.Second
)

func (s *Service) sweep(ctx context.Context) {
	s.forget()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := s.cfg.Store.Sweep(ctx, s.cfg.Now()); err != nil && ctx.Err() == nil {
		s.cfg.Log.ErrorContext(ctx, "ended silences can't be deleted", slog.Any("err", err))
	}
}

// KeyOf names the key of what moderators write about a person, and of what the person writes to them.
func KeyOf(u identity.UserID) keys.Name { return keys.Name("moderation/" + url.PathEscape(string(u))) }
