package admin

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
	"parley/internal/identity"
	"parley/internal/identity/grant"
	"parley/internal/policy"
	"parley/storage/keys"
)

// Config is what the API stands on. All of it up to Version is required, but for Outbox.
type Config struct {
	Verifier      Verifier
	Conversations Conversations
	Interviews    Interviews
	Recordings    Recordings
	Revoker       identity.Revoker
	Sessions      Sessions
	Audit         Audit
	Directory     Directory   // nil: its routes are not there
	Crowds        Crowds      // as Directory
	People        People      // as Directory
	Attachments   Attachments // as Directory
	Transcripts   Transcripts // as Directory
	Moderation    Moderation  // as Directory
	Notices       Notices     // as Directory; there is no use for it without a webhook
	Outbox        Outbox      // nil: no webhook is configured, and its routes are not there
	Signer        Signer
	// Grants are the permissions to play back, those of all nodes.
	Grants  *grant.Grants
	Texts   *policy.Texts
	Figures prometheus.Gatherer
	// LastHead is the last head that this node sealed; false when there is none yet.
	LastHead func(context.Context) (Head, bool)
	// Version is what the API's description says it is.
	Version string
	// Address tells whose request it is, for limits; nil means the peer's address.
	Address func(*http.Request) netip.Addr
	Metrics prometheus.Registerer // nil: private
	Now     func() time.Time
	Log     *slog.Logger
}

// What the API needs of its neighbours.
type (
	// Conversations opens conversations.
	Conversations interface {
		Open(ctx context.Context, p identity.Principal, n chat.NewConversation) (chat.Conversation, error)
	}
	// Audit records what is about to happen, durable on return (A3).
	Audit interface {
		Record(ctx context.Context, p identity.Principal, action, object string, detail ...string) error
	}
	// Sessions ends what is open with what was revoked (T7).
	Sessions interface {
		Drop(r identity.Revocation)
	}
	// Signer knows the keys that heads are signed with.
	Signer interface {
		// PublicKeys lists all there ever were, the oldest first.
		PublicKeys(ctx context.Context) ([]keys.PublicKey, error)
	}
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 64 << 10

// API is the HTTP API under /v1. Any goroutine may use it.
type API struct {
	Config
	log    *slog.Logger
	mux    *http.ServeMux
	huma   huma.API
	rate   *rate
	limits limits
}

// New builds the API.
func New(cfg Config) *API {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Address == nil {
		cfg.Address = peer
	}
	a := &API{
		Config: cfg, log: cfg.Log, mux: http.NewServeMux(), rate: newRate(cfg.Now), limits: newLimits(cfg.Metrics),
	}
	a.huma = humago.New(a.mux, a.describe())
	a.conversations()
	if a.Directory != nil {
		a.directory()
	}
	if a.Crowds != nil {
		a.crowds()
	}
	a.interviews()
	a.recordings()
	a.playback()
	a.revocations()
	if a.Attachments != nil {
		a.attachments()
	}
	if a.People != nil {
		a.people()
	}
	if a.Transcripts != nil {
		a.transcripts()
	}
	if a.Moderation != nil {
		a.moderation()
	}
	if a.Notices != nil {
		a.notices()
	}
	if a.Outbox != nil {
		a.deadLetters()
	}
	a.signingKeys()
	a.texts()
	a.status()
	a.finish()
	a.mux.HandleFunc(everything, a.nothingHere)
	return a
}

// ServeHTTP serves /v1 and what is below. The body is bounded by each operation and not wrapped here: of a body that it does
// not know, net/http forgets that it was not read to its end, and takes the rest for another request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// describe sets up the OpenAPI description at /v1/openapi.json. There is no page to view it with: those load scripts
// from elsewhere.
func (a *API) describe() huma.Config {
	c := huma.DefaultConfig("Parley", a.Version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "/v1/openapi", "", ""
	c.CreateHooks = nil // no links to schemas in answers
	c.Info.Description = "Conversations, interviews and recordings for the platform's backend and clients. " +
		"What happens within a conversation or an interview goes over the WebSocket at /v1/ws (PROTOCOL.md). " +
		"Every node answers every request, so a load balancer needs no stickiness. " +
		"How often somebody may ask is counted on each node by itself: of several nodes together the bound is as many times as high."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: tokens},
	}
	return c
}
