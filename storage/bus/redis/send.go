package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"parley/storage/bus"
)

// sendBatch is how many messages are sent together: two round trips for all of them.
const sendBatch = 256

// farewell is how long sending what is left may take at the end.
const farewell = time.Second

// outgoing is a message to other nodes: to those of users, or to all; a resync instead of a message says that some were lost.
type outgoing struct {
	users   []string
	all     bool
	resync  bool
	payload []byte
}

// post queues a message to other nodes.
func (b *Bus) post(o outgoing) {
	bytes := len(o.payload)
	for _, u := range o.users {
		bytes += len(u)
	}
	b.drop(b.out.put(o, bytes))
}

func (b *Bus) drop(n int) {
	if n > 0 {
		b.metrics.dropped.Add(float64(n))
		b.lost.Store(true)
	}
}

// sendAll sends what is queued, over each link in turn, until ctx ends.
func (b *Bus) sendAll(ctx context.Context) {
	for {
		l := b.current.wait(ctx)
		if l == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-l.ctx.Done():
		case <-b.out.wake:
			b.send(l, b.out.take(sendBatch))
		}
	}
}

// send finds out where the users are and publishes. What fails is lost: trying again could keep everything after it waiting.
func (b *Bus) send(l *link, messages []outgoing) {
	if len(messages) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(l.ctx, commandTimeout)
	defer cancel()
	where, err := b.locate(ctx, l, messages)
	if err == nil {
		err = b.publish(ctx, l, b.packs(messages, where))
	}
	if err != nil {
		b.drop(len(messages))
	}
}

// places is where messages go: the other nodes that each user is attached to, and all that receive.
type places struct {
	names map[string]name
	nodes map[string][]bus.Node
	all   []bus.Node
}

// locate asks the registry for all users of the messages at once, and Redis itself for who receives.
func (b *Bus) locate(ctx context.Context, l *link, messages []outgoing) (places, error) {
	w := places{names: map[string]name{}, nodes: map[string][]bus.Node{}}
	asked := map[string]*goredis.ZSliceCmd{}
	var all *goredis.StringSliceCmd
	pipe := l.client.Pipeline()
	for _, m := range messages {
		for _, u := range m.users {
			if asked[u] == nil {
				w.names[u] = b.secrets.name(u)
				asked[u] = pipe.ZRangeWithScores(ctx, w.names[u].key(), 0, -1)
			}
		}
		if m.all && all == nil {
			all = pipe.PubSubChannels(ctx, channelPrefix+"*")
		}
	}
	if pipe.Len() == 0 {
		return w, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return places{}, fmt.Errorf("ask registry: %w", err)
	}
	for u, answer := range asked {
		w.nodes[u] = b.living(answer.Val())
	}
	if all != nil {
		w.all = b.others(all.Val())
	}
	return w, nil
}

// living are the other nodes that have not stopped to say that the user is there; the clocks may differ by [Config.TTL].
func (b *Bus) living(members []goredis.Z) (nodes []bus.Node) {
	oldest := float64(time.Now().Add(-b.cfg.TTL).Unix())
	for _, m := range members {
		if n, ok := m.Member.(string); ok && m.Score >= oldest && bus.Node(n) != b.cfg.Node {
			nodes = append(nodes, bus.Node(n))
		}
	}
	return nodes
}

func (b *Bus) others(channels []string) (nodes []bus.Node) {
	for _, c := range channels {
		if n := bus.Node(strings.TrimPrefix(c, channelPrefix)); n != b.cfg.Node {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// packs puts what goes to the same node together.
func (b *Bus) packs(messages []outgoing, w places) map[bus.Node]*pack {
	packs := map[bus.Node]*pack{}
	to := func(n bus.Node) *pack {
		if packs[n] == nil {
			packs[n] = &pack{}
		}
		return packs[n]
	}
	for _, m := range messages {
		if m.all {
			for _, n := range w.all {
				to(n).addToAll(m)
				b.metrics.messages.Inc()
			}
			continue
		}
		for n, names := range w.spread(m.users) {
			to(n).add(record{names: names, payload: m.payload})
			b.metrics.messages.Inc()
		}
	}
	return packs
}

// spread groups users by the nodes they are attached to, each once a node.
func (w places) spread(users []string) map[bus.Node][]name {
	there := map[bus.Node][]name{}
	for _, u := range users {
		for _, n := range w.nodes[u] {
			if !slices.Contains(there[n], w.names[u]) {
				there[n] = append(there[n], w.names[u])
			}
		}
	}
	return there
}

func (b *Bus) publish(ctx context.Context, l *link, packs map[bus.Node]*pack) error {
	if len(packs) == 0 {
		return nil
	}
	pipe := l.client.Pipeline()
	for n, p := range packs {
		for _, envelope := range *p {
			pipe.Publish(ctx, channel(n), b.secrets.seal(channel(n), envelope))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// leave sends what is left and takes the node's users out of the registry. Nobody else uses the link any more.
func (b *Bus) leave(l *link) {
	for end := time.Now().Add(farewell); time.Now().Before(end); {
		messages := b.out.take(sendBatch)
		if len(messages) == 0 {
			break
		}
		b.send(l, messages)
	}
	b.unregister(l)
}
