package attach

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/storage/keys"
	"parley/storage/object"
)

// Chat is what attachments need of conversations.
type Chat interface {
	// Enter is the door: who is in the conversation, the principal first; policy.ErrNotFound for a stranger.
	Enter(ctx context.Context, p identity.Principal, a identity.Action, id chat.ConversationID) ([]chat.Party, error)
	// Read returns entries as members see them.
	Read(ctx context.Context, p identity.Principal, id chat.ConversationID, r chat.Range) (chat.Page, error)
	// Members know their company's name.
	Members(ctx context.Context, id chat.ConversationID) ([]chat.Member, error)
	// Post appends as the system, once for a client id.
	Post(ctx context.Context, id chat.ConversationID, d chat.Draft) (chat.Ack, error)
}

// Grants gives words that stand for what may be read.
type Grants interface {
	Give(ctx context.Context, p identity.Principal, seats ...grant.Seat) ([]string, error)
}

// Config is what a [Service] stands on. All of it up to Grants is required; zero fields behind mean the defaults.
type Config struct {
	Store  Store
	Sweeps Sweeping
	Bucket object.Bucket
	Vault  keys.Vault
	Chat   Chat
	Grants Grants

	// Day is how much one person may upload within 24 hours; default 200 attachments and 2 GiB.
	Day Day
	// Memory is how many bytes of uploads may be held while they come; default 512 MiB. Beyond it callers are asked to come later.
	Memory int64
	// AtOnce is how many uploads of one person may come at a time; default 4.
	AtOnce int
	// Sweep is the time between two sweeps; default 10 minutes.
	Sweep time.Duration

	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Day == (Day{}) {
		c.Day = Day{Count: 200, Bytes: 2 << 30}
	}
	if c.Memory <= 0 {
		c.Memory = 512 << 20
	}
	if c.AtOnce <= 0 {
		c.AtOnce = 4
	}
	if c.Sweep <= 0 {
		c.Sweep = 10 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Service keeps the attachments of all conversations. Any goroutine may call it.
//
// Errors are *policy.Refusal where a person may be told the reason; all others are internal.
type Service struct {
	Config
	vault   keys.Vault
	desk    *desk
	pixels  *semaphore.Weighted
	metrics *metrics
}

var _ chat.Attachments = (*Service)(nil)

// New puts a service together; it starts nothing.
func New(c Config) *Service {
	c = c.withDefaults()
	return &Service{
		Config: c, vault: c.Vault, desk: newDesk(c.Memory, c.AtOnce), pixels: semaphore.NewWeighted(decodeBudget),
		metrics: newMetrics(c.Metrics),
	}
}
