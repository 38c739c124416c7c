package bus

import (
	"context"
	"errors"
)

// Node names a node of the cluster on the bus.
type Node string

// ErrReceiving says that somebody receives for the node already.
var ErrReceiving = errors.New("bus: the node has a receiver already")

// ErrAlone says that the other nodes can't be asked just now.
var ErrAlone = errors.New("bus: the other nodes are out of reach")

// Bus carries wake-ups between nodes and knows which node each user is connected to. It may drop, duplicate and
// reorder: correctness never depends on it. Any goroutine may call it.
type Bus interface {
	// Attach says that the user has a session on the node; Detach takes one such session back. Both count.
	Attach(ctx context.Context, user string, n Node) error
	Detach(ctx context.Context, user string, n Node) error
	// Send delivers payload to every node to which one of the users is attached, once a node, with the users
	// concerned there. It does not wait for the receivers. The payload is not changed nor kept by the caller.
	Send(ctx context.Context, users []string, payload []byte) error
	// Online says of each of the users whether a session of theirs is attached to any node. It may be behind by the time that
	// news takes, and by longer after a node has crashed. ErrAlone while that depends on other nodes that can't be asked.
	Online(ctx context.Context, users []string) ([]bool, error)
	// Tell delivers payload to every node that receives, the caller's own one included, whoever is attached there. For the
	// rest it is like Send.
	Tell(ctx context.Context, payload []byte) error
	// Receive calls f for each message to the node, one at a time, until ctx ends; f must not block.
	Receive(ctx context.Context, n Node, f func(Message)) error
}

// Message is what a node receives.
type Message struct {
	Users   []string // those of the node's users for whom it is; none if it was told to all nodes
	Payload []byte   // shared with other receivers: read only
	// Resync says that messages to this node were lost, by a bus that broke down and works again, say. The receiver
	// compares with the log what it knows. There are neither users nor a payload then. A bus that never loses a
	// message but by a full queue sends none: what a slow receiver loses is not told.
	Resync bool
}
