package server

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"parley/internal/identity"
	"parley/signal/gateway"
)

// Config says what a node serves and where its data lies. HTTP, Admin, Data and Tokens are required.
type Config struct {
	// HTTP and Admin are host:port; port 0 takes a free one.
	HTTP, Admin string
	// UDP is the first media port; UDPWorkers sockets count up from it (0: one a processor, at most 8). Public are
	// the addresses told to clients instead of the machine's own.
	UDP        netip.AddrPort
	UDPWorkers int
	Public     []netip.Addr
	// Data is a folder that exists; one server a folder.
	Data string
	TLS  TLS
	// Engines replace the embedded ones of the data folder.
	Engines Engines
	// Cluster joins this node to others.
	Cluster Cluster
	// Outward is what leaves the server.
	Outward Outward
	// Rules is the file of what messages may hold; empty: the built-in ones.
	Rules string
	// Limits bound sessions; zero fields mean the gateway's defaults.
	Limits gateway.Limits
	// DrainFor is how long a stop waits for interviews to end before it hands them to other nodes; Hurry, once closed, ends
	// that wait.
	DrainFor time.Duration
	Hurry    <-chan struct{}
	// BehindProxy says that a proxy ends TLS and appends the client's address to X-Forwarded-For.
	BehindProxy bool
	// Origins are web origins besides the server's own whose pages may connect.
	Origins []string
	// Tokens says whose signatures count; Revocations and Log are set by the server.
	Tokens identity.VerifierConfig
	// Pages serves what is neither API nor WebSocket; nil means nothing.
	Pages http.Handler
	// Seats serves /demo/seats.json; nil outside of parley dev.
	Seats http.Handler
	// Build is the software's name in recordings and in the API's description.
	Build string
	// StopAfter is the hard deadline of a clean stop; 0 means 25 s.
	StopAfter time.Duration
	Log       *slog.Logger // nil: slog.Default
}

// Cluster is how nodes reach each other. The zero value is a node that is alone.
type Cluster struct {
	Address string // host:port; port 0 takes a free one
	TLS     string // folder with ca.crt, node.crt and node.key
}

// Outward is where content may go, and where events are delivered.
type Outward struct {
	Region     string   // where data must stay (L4); empty: anywhere
	Recipients []string // hosts inside the region, or allowed
	Webhook    string   // empty: no events
	Secrets    []string // that sign them
}

// defaultStopAfter leaves time before the 30 s after which service managers kill.
const defaultStopAfter = 25 * time.Second

func (c *Config) fill() error {
	if c.HTTP == "" || c.Admin == "" || c.Data == "" {
		return errors.New("server: HTTP, Admin and Data are required")
	}
	if c.StopAfter <= 0 {
		c.StopAfter = defaultStopAfter
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Build == "" {
		c.Build = "parley"
	}
	return nil
}
