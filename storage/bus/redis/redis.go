package redis

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9/logging"

	"parley/storage/bus"
)

// Config is what a [Bus] is told.
type Config struct {
	URL  string   // see [CheckURL]
	Node bus.Node // this node
	// Key is shared by all nodes, at least 32 bytes, and known to nobody else. Users' names in Redis and the seal of
	// messages are made from it.
	Key []byte
	// Trust are the authorities whose certificates of Redis are accepted; nil means the system's.
	Trust *x509.CertPool
	// Probe is the time between probes; 0 means 2 s. A dead connection is noticed after three times as long at most, a
	// registry that was lost after as long.
	Probe time.Duration
	// TTL is how long the registry remembers a user of a node that has stopped to say so; 0 means 90 s. The nodes' clocks
	// must not differ by more.
	TTL time.Duration
	// Queue is how many bytes wait to be sent at most, and how many for the receiver; 0 means 8 MiB each.
	Queue   int
	Metrics prometheus.Registerer // nil: a private registry
	Log     *slog.Logger          // nil: slog.Default
}

// Bus is a [bus.Bus] for one node: Attach, Detach and Receive are for that node only. It works while [Bus.Run] runs. What
// its own users have for each other goes through no Redis at all, so a node alone misses nothing while Redis is away.
type Bus struct {
	cfg     Config
	place   place
	secrets secrets
	log     *slog.Logger
	metrics *metrics

	attached  *attached
	out       *queue[outgoing]
	in        *queue[bus.Message]
	resync    atomic.Bool // the receiver is to be told
	lost      atomic.Bool // messages to other nodes were lost, and they do not know
	receiving atomic.Bool
	heard     atomic.Int64 // when a probe came back last, in Unix nanoseconds
	current   current
}

var _ bus.Bus = (*Bus)(nil)

// quiet ends the library's own log, which is the process's and not slog's, and names addresses.
var quiet = sync.OnceFunc(logging.Disable)

// New makes the bus of a node. Redis need not be there.
func New(cfg Config) (*Bus, error) {
	quiet()
	place, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	secrets, err := newSecrets(cfg.Key)
	if err != nil {
		return nil, err
	}
	if cfg.Node == "" {
		return nil, fmt.Errorf("make bus: %w", errNoNode)
	}
	cfg = cfg.withDefaults()
	b := &Bus{
		cfg: cfg, place: place, secrets: secrets, log: cfg.Log, attached: newAttached(),
		out: newQueue[outgoing](cfg.Queue), in: newQueue[bus.Message](cfg.Queue), current: current{up: make(chan struct{})},
	}
	b.heard.Store(time.Now().UnixNano())
	b.metrics = newMetrics(cfg.Metrics, b)
	return b, nil
}

func (c Config) withDefaults() Config {
	if c.Probe <= 0 {
		c.Probe = 2 * time.Second
	}
	if c.TTL <= 0 {
		c.TTL = 90 * time.Second
	}
	if c.Queue <= 0 {
		c.Queue = 8 << 20
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// channelPrefix begins the name of each node's channel.
const channelPrefix = "parley:node:"

func channel(n bus.Node) string { return channelPrefix + string(n) }

// registered is how long Attach waits for the registry to know, so that what other nodes send right after it arrives. A
// registry that is slower has the user later.
const registered = 500 * time.Millisecond

// Attach implements [bus.Bus].
func (b *Bus) Attach(ctx context.Context, user string, n bus.Node) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	if n != b.cfg.Node {
		return fmt.Errorf("attach: %w", errOtherNode)
	}
	wave := b.attached.add(user, b.secrets.name(user))
	if wave == nil || b.current.get() == nil {
		return nil
	}
	patience := time.NewTimer(registered)
	defer patience.Stop()
	select {
	case <-wave.done:
	case <-patience.C:
	case <-ctx.Done(): // it is attached all the same
	}
	return nil
}

// Detach implements [bus.Bus]. It does not wait, and works with an ended context too: a session that ends is taken back
// all the same. Taking back more than was attached changes nothing.
func (b *Bus) Detach(_ context.Context, user string, n bus.Node) error {
	if n != b.cfg.Node {
		return fmt.Errorf("detach: %w", errOtherNode)
	}
	b.attached.remove(user)
	return nil
}

// Send implements [bus.Bus]. It does not wait for Redis either: what can't be sent for long is dropped, oldest first.
func (b *Bus) Send(ctx context.Context, users []string, payload []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if here := b.attached.of(users); len(here) > 0 {
		b.deliver(bus.Message{Users: here, Payload: payload})
	}
	b.post(outgoing{users: users, payload: payload})
	return nil
}

// Tell implements [bus.Bus]; it waits as little as Send.
func (b *Bus) Tell(ctx context.Context, payload []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	b.deliver(bus.Message{Payload: payload})
	b.post(outgoing{all: true, payload: payload})
	return nil
}

// deliver gives a message of this node to its own receiver.
func (b *Bus) deliver(m bus.Message) {
	b.metrics.messages.Inc()
	b.enqueue(m)
}

func (b *Bus) enqueue(m bus.Message) {
	b.metrics.dropped.Add(float64(b.in.put(m, len(m.Payload))))
}

// batch is how many messages a receiver takes at a time.
const batch = 32

// Receive implements [bus.Bus]. What came since the last receiver waits for this one. It returns nil when ctx ends.
func (b *Bus) Receive(ctx context.Context, n bus.Node, f func(bus.Message)) error {
	if n != b.cfg.Node {
		return fmt.Errorf("receive: %w", errOtherNode)
	}
	if !b.receiving.CompareAndSwap(false, true) {
		return bus.ErrReceiving
	}
	defer b.receiving.Store(false)
	for {
		if b.resync.Swap(false) {
			f(bus.Message{Resync: true})
		}
		for _, m := range b.in.take(batch) {
			if ctx.Err() != nil {
				return nil
			}
			f(m)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.in.wake:
		}
	}
}

// tellResync has the receiver compare with the log. It is never dropped.
func (b *Bus) tellResync() {
	b.resync.Store(true)
	b.in.signal()
}
