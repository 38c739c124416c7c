package people

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/wire"
	"parley/storage/keys"
)

// Config is what a [Service] stands on. Store, Vault, Chat and Hub are required.
type Config struct {
	Store Store
	Vault keys.Vault
	Chat  Chat
	Hub   Hub
	// Quota is how many conversations a recruiter or headhunter may start a day, unless the platform sets another number for the
	// person; default 100, negative: none.
	Quota int

	Now     func() time.Time      // nil: time.Now
	Metrics prometheus.Registerer // nil: private
}

// What the service needs of its neighbours.
type (
	// Chat says who is in a conversation; see [chat.Service.Enter].
	Chat interface {
		Enter(ctx context.Context, p identity.Principal, a identity.Action, id chat.ConversationID) ([]chat.Party, error)
	}
	// Hub tells all sessions of a user. It must not block and may lose what it is told.
	Hub interface {
		Push(ctx context.Context, user identity.UserID, body wire.Body)
	}
)

// Fresh is how long a node goes by what it read of a person.
const Fresh = 5 * time.Second

// remembered is of how many people a node remembers what it read.
const remembered = 1 << 15

// Service answers for people. Any goroutine may call it.
//
// Errors are *policy.Refusal where a person may be told the reason; all others are internal.
type Service struct {
	store   Store
	vault   keys.Vault
	chat    Chat
	hub     Hub
	quota   int
	now     func() time.Time
	metrics *metrics
	cache   *cache
}

var (
	_ chat.Gate        = (*Service)(nil)
	_ chat.Opener      = (*Service)(nil)
	_ chat.Preferences = (*Service)(nil)
)

// New puts a service together.
func New(c Config) *Service {
	if c.Quota == 0 {
		c.Quota = 100
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{
		store: c.Store, vault: c.Vault, chat: c.Chat, hub: c.Hub, quota: max(c.Quota, 0), now: c.Now,
		metrics: newMetrics(c.Metrics), cache: newCache(remembered, Fresh, c.Now),
	}
}
