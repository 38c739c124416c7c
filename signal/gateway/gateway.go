package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/limit"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/bus"
)

// Verifier turns a token into who acts; see [identity.Verifier].
type Verifier interface {
	Verify(ctx context.Context, token string) (identity.Principal, error)
}

// Chat is what the gateway needs of [chat.Service].
type Chat interface {
	Directory
	Log
	Searcher
}

// Directory shows conversations as one member sees them.
type Directory interface {
	List(ctx context.Context, p identity.Principal) ([]wire.Conversation, error)
	View(ctx context.Context, p identity.Principal, id chat.ConversationID) (wire.Conversation, error)
	// Enter returns the members of a conversation of the principal's, the principal first.
	Enter(ctx context.Context, p identity.Principal, a identity.Action, id chat.ConversationID) ([]chat.Party, error)
	// Heads returns the last seq of each conversation that List shows. It is asked at every ping of every session.
	Heads(ctx context.Context, p identity.Principal) (map[chat.ConversationID]chat.Seq, error)
}

// Log reads and writes the logs of conversations.
type Log interface {
	// Begin puts an entry into the queue; wait returns once it is durable. See [chat.Service.Begin].
	Begin(ctx context.Context, p identity.Principal, d chat.Draft) (wait func(context.Context) (chat.Ack, error), err error)
	Read(ctx context.Context, p identity.Principal, id chat.ConversationID, r chat.Range) (chat.Page, error)
	Mark(ctx context.Context, p identity.Principal, id chat.ConversationID, delivered, read chat.Seq) error
	Disclose(ctx context.Context, p identity.Principal, id chat.ConversationID) error
	Unseal(ctx context.Context, e chat.Entry) (wire.Entry, error)
}

// Searcher looks for words in one's own conversations.
type Searcher interface {
	Search(ctx context.Context, p identity.Principal, q wire.ChatSearch) (wire.ChatFound, error)
}

// Texts has the notices people consent to; see [policy.Texts].
type Texts interface {
	Get(version string) (policy.Text, bool)
}

// Config says what a gateway serves and within which limits.
type Config struct {
	Verifier Verifier
	Chat     Chat
	Bus      bus.Bus
	Node     bus.Node
	Texts    Texts
	// Interviews may be nil: then there are none, and their frames are refused as unavailable.
	Interviews Interviews
	// Domains are what else clients may ask for.
	Domains Domains
	// Crowds may be nil: then there are none, and their frames are refused as unavailable.
	Crowds Crowds
	// Presence decides who is shown to whom; nil: nobody is, and who asks is refused as unavailable.
	Presence Presence
	// Revocations is asked at every ping, so that a revocation whose hint was lost still ends the session (T7); nil
	// means that only [Gateway.Drop] ends one.
	Revocations identity.Revocations
	// Revoked is told of each revocation, on every node that the bus reaches, so that what is open beside sessions ends too;
	// more than once, perhaps. It must not block. Nil: nobody is told.
	Revoked func(identity.Revocation)
	// Origins are further origins whose pages may connect ("https://app.example.com", "*.example.com"); pages of the
	// host itself always may, and programs that send no Origin.
	Origins []string
	// Address tells whose connection a request is, for the limit by address; nil means the peer's address. Behind a
	// proxy it has to know which header to trust.
	Address func(*http.Request) netip.Addr
	Limits  Limits
	Log     *slog.Logger          // nil: slog.Default
	Metrics prometheus.Registerer // nil: a private registry
}

// Limits of one node. Zero fields mean the defaults named.
type Limits struct {
	Sessions int // at once on the node; 20,000
	PerUser  int // sessions of one user on the node; 16; the oldest gives way
	// Frames a second and the burst above it that a session may send; 50 and 200.
	// The sessions of one device together may send as many.
	Frames float64
	Burst  int
	// Frames a second and the burst above it that all sessions of a user may send together; twice the above. A hello counts as
	// ten of them.
	UserFrames float64
	UserBurst  int
	// Refused is how many frames over that limit end the session, forgiven at one a second; 200.
	Refused int
	// Connections a second and the burst above it from one address (an IPv6 /64); 20 and 200.
	Connections float64
	Storm       int
	Queue       int           // bytes waiting in a session's outbox; 256 KiB
	Hello       time.Duration // from the connection to its hello; 10 s
	Stall       time.Duration // for one write; 10 s
	Ping        time.Duration // between pings; 20 s
}

func (l Limits) withDefaults() Limits {
	l.Frames, l.Burst = or(l.Frames, 50), or(l.Burst, 200)
	return Limits{
		Sessions: or(l.Sessions, 20_000), PerUser: or(l.PerUser, 16),
		Frames: l.Frames, Burst: l.Burst, UserFrames: or(l.UserFrames, 2*l.Frames), UserBurst: or(l.UserBurst, 2*l.Burst),
		Refused:     or(l.Refused, 200),
		Connections: or(l.Connections, 20), Storm: or(l.Storm, 200), Queue: or(l.Queue, 256<<10),
		Hello: or(l.Hello, 10*time.Second), Stall: or(l.Stall, 10*time.Second), Ping: or(l.Ping, 20*time.Second),
	}
}

func or[T int | float64 | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

// Gateway is the door of one node. Any goroutine may call it.
type Gateway struct {
	cfg       Config
	limits    Limits
	log       *slog.Logger
	metrics   *metrics
	addresses *limit.Limiter[netip.Prefix]
	limiters  limiters
	admission admission
	hub       *Hub
	crew      *crew
	presence  presence
	sessions  registry
	lost      chan struct{} // holds a value when hints were lost

	base     context.Context // of all work for clients; ended by Drain's deadline
	stop     context.CancelFunc
	doors    context.Context // of connections that have not said hello; ended as Drain begins
	shut     context.CancelFunc
	owners   sync.WaitGroup // for each session one for its life and one for its reader
	draining atomic.Bool
}

// New puts a gateway together. It takes connections at once; pushes arrive while [Gateway.Run] runs.
func New(cfg Config) *Gateway {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Address == nil {
		cfg.Address = peerAddress
	}
	limits := cfg.Limits.withDefaults()
	base, stop := context.WithCancel(context.Background())
	doors, shut := context.WithCancel(base)
	return &Gateway{
		cfg: cfg, limits: limits, log: cfg.Log, metrics: newMetrics(cfg.Metrics),
		addresses: limit.New[netip.Prefix](limit.Config{Name: "connect", Rate: rate.Limit(limits.Connections), Burst: limits.Storm, Metrics: cfg.Metrics}),
		limiters:  newLimiters(limits, cfg.Metrics), admission: newAdmission(limits.Hello),
		hub: NewHub(cfg.Bus, cfg.Log), crew: newCrew(base), presence: newPresence(),
		sessions: registry{users: map[identity.UserID][]*session{}},
		lost:     make(chan struct{}, 1), base: base, stop: stop, doors: doors, shut: shut,
	}
}

// Sessions is how many sessions are open on the node.
func (g *Gateway) Sessions() int { return g.sessions.count() }
