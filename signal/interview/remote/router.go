package remote

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"parley/internal/cluster"
	"parley/internal/policy"
	"parley/signal/interview"
)

// Config is what a [Router] needs. Service and Cluster are required.
type Config struct {
	Service *interview.Service
	Cluster *cluster.Cluster
	Log     *slog.Logger
}

// Bounds of waiting for an owner.
const (
	viewTimeout     = 2 * time.Second
	stepTimeout     = 11 * time.Second       // beyond the owner's own limit for a request
	withdrawTimeout = 800 * time.Millisecond // so that the way by the ledger is still in time (R3)
	retryAfter      = time.Second
	tries           = 4 // as often an interview may change its owner within one request
)

// Router does what a gateway and the platform's API ask of interviews, wherever they are owned. Any goroutine may call it;
// its methods are those of [interview.Service], with the same errors. While an interview has no owner that can be reached,
// policy.ErrUnavailable asks to try again shortly: a dead owner's interview is another node's within seconds.
type Router struct {
	svc *interview.Service
	cl  *cluster.Cluster
	log *slog.Logger

	mu     sync.Mutex
	links  map[seatKey]*link // seats of this node's connections that are on other nodes
	closed bool
	work   sync.WaitGroup

	door *door
}

// New puts a Router together and has it answer the other nodes' routers: it must come before the cluster serves.
func New(c Config) *Router {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	r := &Router{svc: c.Service, cl: c.Cluster, log: c.Log, links: map[seatKey]*link{}}
	r.door = newDoor(r)
	return r
}

// Run keeps the seats on other nodes until ctx ends; then they are let go, as lost connections. What is asked afterwards
// gets no seat on another node.
func (r *Router) Run(ctx context.Context) error {
	<-ctx.Done()
	r.mu.Lock()
	r.closed = true
	links := r.links
	r.links = map[seatKey]*link{} // so that their ends tell nothing
	r.mu.Unlock()
	for _, l := range links {
		l.stream.Close()
	}
	r.work.Wait()
	return nil
}

// route does it where the interview is owned, and follows it when it moves meanwhile: do is given the owner's node, or "" for
// this one. A node that does not answer is asked once; when it is the owner no more, the next one is.
func (r *Router) route(ctx context.Context, id interview.ID, limit time.Duration, do func(context.Context, cluster.NodeID) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	node := r.owner(ctx, id)
	for range tries {
		err := do(ctx, node)
		if e, moved := errors.AsType[*cluster.Elsewhere](err); moved {
			node = r.other(e.Node)
			continue
		}
		if !errors.Is(err, cluster.ErrUnreachable) {
			return err
		}
		next := r.where(ctx, id)
		if next == node || ctx.Err() != nil {
			r.log.WarnContext(ctx, "owner of an interview does not answer", slog.String("interview", string(id)),
				slog.String("node", string(node)), slog.Any("err", err))
			break
		}
		node = next
	}
	return policy.ErrUnavailable.After(retryAfter)
}

// owner is the other node that owns the interview, as far as this one knows or can find out; "" when this one is to see to it.
func (r *Router) owner(ctx context.Context, id interview.ID) cluster.NodeID {
	if id == "" || r.svc.Holds(id) {
		return ""
	}
	r.mu.Lock()
	for key, l := range r.links {
		if key.interview == id {
			r.mu.Unlock()
			return l.node
		}
	}
	r.mu.Unlock()
	return r.where(ctx, id)
}

// where asks the table of leases. What can't be found out this node tries by itself: it will be told.
func (r *Router) where(ctx context.Context, id interview.ID) cluster.NodeID {
	found, err := r.cl.Where(ctx, string(id))
	if err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "look up owner", slog.String("interview", string(id)), slog.Any("err", err))
	}
	return found[string(id)]
}

func (r *Router) other(n cluster.NodeID) cluster.NodeID {
	if n == r.cl.Node() {
		return ""
	}
	return n
}
