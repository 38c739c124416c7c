package bus

import "context"

// Node names a node of the cluster on the bus.
type Node string

// Bus carries wake-ups between nodes and knows which node each user is connected to. It may drop, duplicate and
// reorder: correctness never depends on it. Any goroutine may call it.
type Bus interface {
	// Attach says that the user has a session on the node; Detach takes one such session back. Both count.
	Attach(ctx context.Context, user string, n Node) error
	Detach(ctx context.Context, user string, n Node) error
	// Send delivers payload to every node to which one of the users is attached, once a node, with the users
	// concerned there. It does not wait for the receivers. The payload is not changed nor kept by the caller.
	Send(ctx context.Context, users []string, payload []byte) error
	// Receive calls f for each message to the node, one at a time, until ctx ends; f must not block.
	Receive(ctx context.Context, n Node, f func(Message)) error
}

// Message is what a node receives.
type Message struct {
	Users   []string // those of the node's users for whom it is
	Payload []byte   // shared with other receivers: read only
}
