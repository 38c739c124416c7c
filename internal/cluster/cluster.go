package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a [Cluster] needs. Store and Node are required; zero fields mean the default.
type Config struct {
	Store Store
	Node  NodeID
	// Address is the host:port under which other nodes call this one; empty for a node that is alone.
	Address string
	// TLS is the folder with ca.crt, node.crt and node.key, read again when they change; required with an Address.
	TLS string
	// Beat is the time between two beats; default 1 s. A node whose last beat is older than TTL (default 5 s) is dead to
	// the others.
	Beat, TTL time.Duration
	// Queue bounds the bytes that wait in one stream for a slow caller; default 1 MiB. Beyond it the stream is cut.
	Queue int
	// Patience is how long such a caller may take for what is written at a time; default 10 s.
	Patience time.Duration
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Beat <= 0 {
		c.Beat = time.Second
	}
	if c.TTL <= 0 {
		c.TTL = 5 * time.Second
	}
	if c.Queue <= 0 {
		c.Queue = 1 << 20
	}
	if c.Patience <= 0 {
		c.Patience = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Bounds of waiting.
const (
	storeTimeout = 2 * time.Second // one step with the store
	dialTimeout  = time.Second     // to a node that may be dead
	callTimeout  = 5 * time.Second // a call whose context has no deadline
)

// unseen is how long the store may have been away before a process that has just joined.
const unseen = time.Hour

// Cluster is this node among the others. Any goroutine may call it. Handle and HandleStream come before Serve; Join comes
// before everything else, and Run keeps what Join began.
type Cluster struct {
	cfg     Config
	self    Peer
	metrics *metrics
	creds   *credentials
	http    *http.Client
	methods map[string]method

	mu       sync.Mutex
	draining bool
	held     map[string]uint64 // epochs of the leases held, by room
	pending  map[string]int    // calls of Acquire under way
	living   map[NodeID]Peer   // the others whose beats were fresh when last looked at
	away     bool              // the last beat failed
	beaten   time.Time         // when the last beat that did not fail began
	absence  time.Duration     // how long there was none before
	lenient  time.Time         // until when the others may still be coming back from that
	lost     []func(room string)
	died     []func(NodeID)
}

// New puts a cluster together. It touches neither store nor network.
func New(c Config) *Cluster {
	c = c.withDefaults()
	cl := &Cluster{cfg: c, metrics: newMetrics(c.Metrics), methods: map[string]method{},
		self: Peer{Node: c.Node, Incarnation: uuid.Must(uuid.NewV7()).String(), Address: c.Address},
		held: map[string]uint64{}, pending: map[string]int{}, living: map[NodeID]Peer{}}
	cl.creds = &credentials{dir: c.TLS, log: c.Log}
	cl.http = cl.newClient()
	return cl
}

// Node is this node's name.
func (c *Cluster) Node() NodeID { return c.cfg.Node }

// Lost has f told of each room whose lease went to another node, before the next beat begins. What Release gave up, or
// Acquire took anew, is not lost. f must not block.
func (c *Cluster) Lost(f func(room string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = append(c.lost, f)
}

// Died has f told of each other node that was alive and is not any more, whether its beats stopped or it left: its rooms
// are free. f must not block.
func (c *Cluster) Died(f func(NodeID)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.died = append(c.died, f)
}

// Join adds this node to the cluster. From then on it lives for TTL, and [Cluster.Run] keeps it alive. A former process of
// the same node loses what it held.
func (c *Cluster) Join(ctx context.Context) error {
	if c.cfg.Store == nil || c.cfg.Node == "" {
		return errors.New("cluster: Store and Node are required")
	}
	if c.cfg.Address != "" {
		if err := c.creds.load(); err != nil {
			return fmt.Errorf("join cluster: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	begun := time.Now()
	if err := c.cfg.Store.Join(ctx, c.peer()); err != nil {
		return fmt.Errorf("join cluster: %w", err)
	}
	c.present(begun)
	return c.look(ctx)
}

// peer is this node as it is now.
func (c *Cluster) peer() Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.self
	p.Draining = c.draining
	return p
}

// Members are the nodes that are alive, this one included.
func (c *Cluster) Members(ctx context.Context) ([]Peer, error) {
	all, err := c.cfg.Store.Members(ctx)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	var alive []Peer
	ttl := c.ttl()
	for _, m := range all {
		if m.Idle < ttl {
			alive = append(alive, m.Peer)
		}
	}
	return alive, nil
}

// Alive says whether a node of that name lives, by the store's clock.
func (c *Cluster) Alive(ctx context.Context, n NodeID) (bool, error) {
	alive, err := c.Members(ctx)
	for _, p := range alive {
		if p.Node == n {
			return true, err
		}
	}
	return false, err
}

// Drain has this node take no new rooms while another one can; the others learn of it at once. What it holds it keeps. On
// an error the others learn of it with the next beat.
func (c *Cluster) Drain(ctx context.Context) error {
	c.mu.Lock()
	c.draining = true
	c.mu.Unlock()
	return errors.Join(c.beat(ctx), c.look(ctx))
}
