package cluster

import (
	"context"
	"errors"
	"time"
)

// NodeID names a node. It is the same over restarts.
type NodeID string

// Peer is one incarnation of a node.
type Peer struct {
	Node NodeID
	// Incarnation is the process: another one, also of the same node, has another.
	Incarnation string
	// Address is the host:port of calls between nodes; empty for a node that takes none.
	Address string
	// Draining says that the node takes no new rooms.
	Draining bool
}

// Member is a peer as the registry has it.
type Member struct {
	Peer
	// Idle is how long ago its last beat was, by the store's clock.
	Idle time.Duration
}

// Lease is the right to own a room. The zero value owns nothing.
type Lease struct {
	Room  string
	Epoch uint64
	Node  NodeID
}

// Elsewhere is the error that says that another living node has the room.
type Elsewhere struct{ Node NodeID }

func (e *Elsewhere) Error() string { return "cluster: the room is on node " + string(e.Node) }

// ErrDisplaced says that the incarnation is not the node's any more: another process has joined under its name.
var ErrDisplaced = errors.New("cluster: another process has joined under this node's name")

// Store keeps nodes and leases. Any goroutine of any node may call it. One clock measures all beats: the store's.
type Store interface {
	Registry
	Leases
}

// Registry keeps the nodes.
type Registry interface {
	// Join makes the peer its node's incarnation, with a fresh beat; a former one holds nothing from then on.
	Join(ctx context.Context, p Peer) error
	// Beat renews the peer's row, or makes it again if it was cleared away, and answers with the leases that the
	// incarnation holds. [ErrDisplaced] when the node has another incarnation.
	Beat(ctx context.Context, p Peer) ([]Lease, error)
	// Leave takes the peer's row away, and with it all its leases. Repeating it is no error.
	Leave(ctx context.Context, p Peer) error
	// Members are all nodes that are known, the dead of the last day included.
	Members(ctx context.Context) ([]Member, error)
}

// Leases keeps who owns which room. A lease holds while its incarnation is its node's and its last beat is younger than ttl.
type Leases interface {
	// Acquire gives the room to the peer with an epoch one higher than ever before, also if the peer holds it already;
	// [*Elsewhere] when another node's lease holds, [ErrDisplaced] when the peer is not a member. After any other error
	// the peer may or may not have it.
	Acquire(ctx context.Context, p Peer, room string, ttl time.Duration) (Lease, error)
	// Release gives the lease up, if it is still the peer's with that epoch; the epoch is kept. Repeating it is no error.
	Release(ctx context.Context, p Peer, l Lease) error
	// Holders are the nodes whose leases hold, by room; rooms that nobody has are missing.
	Holders(ctx context.Context, rooms []string, ttl time.Duration) (map[string]NodeID, error)
}
