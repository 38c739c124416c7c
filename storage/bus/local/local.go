package local

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"parley/storage/bus"
)

// Config is what a [Bus] can be told.
type Config struct {
	// Queue is how many messages wait for a node at most; 0 means 4096.
	Queue int
	// Metrics registers parley_bus_messages_total and parley_bus_dropped_total; nil keeps them private.
	Metrics prometheus.Registerer
}

// Bus is a [bus.Bus] within the process. It has no goroutine of its own.
type Bus struct {
	limit int

	mu    sync.Mutex
	users map[string][]place // where each user is attached; one place as a rule
	nodes map[bus.Node]*node

	messages, dropped prometheus.Counter
}

var _ bus.Bus = (*Bus)(nil)

// place is how many sessions of a user a node has, never 0.
type place struct {
	node     bus.Node
	sessions int
}

func at(n bus.Node) func(place) bool { return func(p place) bool { return p.node == n } }

// node is one node's queue, oldest first. It is there while the node has sessions or a receiver.
type node struct {
	sessions  int
	receiving bool
	queue     []bus.Message
	wake      chan struct{} // holds one value while there may be something in queue
}

// New makes a bus without nodes.
func New(cfg Config) *Bus {
	if cfg.Queue <= 0 {
		cfg.Queue = 4096
	}
	b := &Bus{limit: cfg.Queue, users: map[string][]place{}, nodes: map[bus.Node]*node{}}
	b.messages = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_bus_messages_total", Help: "Messages queued for a node."})
	b.dropped = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "parley_bus_dropped_total", Help: "Messages that a slow node lost."})
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(b.messages, b.dropped)
	}
	return b
}

// Attach implements [bus.Bus].
func (b *Bus) Attach(ctx context.Context, user string, n bus.Node) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.users[user], at(n)); i >= 0 {
		b.users[user][i].sessions++
	} else {
		b.users[user] = append(b.users[user], place{n, 1})
	}
	b.node(n).sessions++
	return nil
}

// Detach implements [bus.Bus]. It works with an ended context too: a session that ends is taken back all the same.
// Taking back more than was attached changes nothing.
func (b *Bus) Detach(_ context.Context, user string, n bus.Node) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	there := b.users[user]
	i := slices.IndexFunc(there, at(n))
	if i < 0 {
		return nil
	}
	if there[i].sessions--; there[i].sessions == 0 {
		b.users[user] = slices.Delete(there, i, i+1)
	}
	if len(b.users[user]) == 0 {
		delete(b.users, user)
	}
	b.nodes[n].sessions--
	b.forget(n)
	return nil
}

// Send implements [bus.Bus].
func (b *Bus) Send(ctx context.Context, users []string, payload []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, there := range b.spread(users) {
		b.push(b.nodes[n], bus.Message{Users: there, Payload: payload})
	}
	return nil
}

// Online implements [bus.Bus].
func (b *Bus) Online(ctx context.Context, users []string) ([]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("ask who is online: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	here := make([]bool, len(users))
	for i, user := range users {
		here[i] = len(b.users[user]) > 0
	}
	return here, nil
}

// Tell implements [bus.Bus].
func (b *Bus) Tell(ctx context.Context, payload []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.nodes {
		b.push(n, bus.Message{Payload: payload})
	}
	return nil
}

// spread groups users by the nodes they are attached to, each once a node.
func (b *Bus) spread(users []string) map[bus.Node][]string {
	there := map[bus.Node][]string{}
	for _, user := range users {
		for _, p := range b.users[user] {
			if !slices.Contains(there[p.node], user) {
				there[p.node] = append(there[p.node], user)
			}
		}
	}
	return there
}

func (b *Bus) push(to *node, m bus.Message) {
	if len(to.queue) == b.limit {
		to.queue[0] = bus.Message{}
		to.queue = to.queue[1:]
		b.dropped.Inc()
	}
	to.queue = append(to.queue, m)
	b.messages.Inc()
	select {
	case to.wake <- struct{}{}:
	default:
	}
}

// Receive implements [bus.Bus]; a node has one receiver at a time, a second gets [bus.ErrReceiving]. What was sent since
// the node's first session waits for it. It returns nil when ctx ends.
func (b *Bus) Receive(ctx context.Context, n bus.Node, f func(bus.Message)) error {
	to, err := b.startReceiving(n)
	if err != nil {
		return err
	}
	defer b.stopReceiving(n)
	for {
		for _, m := range b.take(to) {
			if ctx.Err() != nil {
				return nil
			}
			f(m)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-to.wake:
		}
	}
}

// batch is how many messages a receiver takes at a time: what it has taken can no longer be dropped.
const batch = 32

func (b *Bus) take(from *node) []bus.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(batch, len(from.queue))
	taken := slices.Clone(from.queue[:n])
	clear(from.queue[:n])
	if from.queue = from.queue[n:]; len(from.queue) > 0 {
		select {
		case from.wake <- struct{}{}:
		default:
		}
	}
	return taken
}

func (b *Bus) startReceiving(n bus.Node) (*node, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	to := b.node(n)
	if to.receiving {
		return nil, bus.ErrReceiving
	}
	to.receiving = true
	return to, nil
}

func (b *Bus) stopReceiving(n bus.Node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[n].receiving = false
	b.forget(n)
}

// node returns the node, making it if it is new.
func (b *Bus) node(n bus.Node) *node {
	to := b.nodes[n]
	if to == nil {
		to = &node{wake: make(chan struct{}, 1)}
		b.nodes[n] = to
	}
	return to
}

// forget drops a node that has neither sessions nor a receiver.
func (b *Bus) forget(n bus.Node) {
	if to := b.nodes[n]; to.sessions == 0 && !to.receiving {
		delete(b.nodes, n)
	}
}
