package clustertest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"parley/internal/cluster"
)

// Memory is a Store that forgets when the process ends. The zero value is empty and ready; the nodes of a test share one.
type Memory struct {
	mu     sync.Mutex
	nodes  map[cluster.NodeID]row
	leases map[string]holding
}

type row struct {
	cluster.Peer
	beat time.Time
}

type holding struct {
	cluster.Lease
	incarnation string // empty when released
}

// Join implements [cluster.Store].
func (m *Memory) Join(_ context.Context, p cluster.Peer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(p)
	return nil
}

func (m *Memory) keep(p cluster.Peer) {
	if m.nodes == nil {
		m.nodes, m.leases = map[cluster.NodeID]row{}, map[string]holding{}
	}
	m.nodes[p.Node] = row{p, time.Now()}
}

// Beat implements [cluster.Store].
func (m *Memory) Beat(_ context.Context, p cluster.Peer) ([]cluster.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if was, ok := m.nodes[p.Node]; ok && was.Incarnation != p.Incarnation {
		return nil, cluster.ErrDisplaced
	}
	m.keep(p)
	var held []cluster.Lease
	for _, h := range m.leases {
		if h.incarnation == p.Incarnation {
			held = append(held, h.Lease)
		}
	}
	return held, nil
}

// Leave implements [cluster.Store].
func (m *Memory) Leave(_ context.Context, p cluster.Peer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nodes[p.Node].Incarnation == p.Incarnation {
		delete(m.nodes, p.Node)
	}
	return nil
}

// Members implements [cluster.Store].
func (m *Memory) Members(context.Context) ([]cluster.Member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []cluster.Member
	for _, r := range m.nodes {
		if idle := time.Since(r.beat); idle < 24*time.Hour {
			all = append(all, cluster.Member{Peer: r.Peer, Idle: idle})
		}
	}
	slices.SortFunc(all, func(a, b cluster.Member) int { return cmp.Compare(a.Node, b.Node) })
	return all, nil
}

// Acquire implements [cluster.Store].
func (m *Memory) Acquire(_ context.Context, p cluster.Peer, room string, ttl time.Duration) (cluster.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nodes[p.Node].Incarnation != p.Incarnation {
		return cluster.Lease{}, cluster.ErrDisplaced
	}
	h := m.leases[room]
	if h.incarnation != p.Incarnation && m.holds(h, ttl) {
		return cluster.Lease{}, &cluster.Elsewhere{Node: h.Node}
	}
	h = holding{cluster.Lease{Room: room, Epoch: h.Epoch + 1, Node: p.Node}, p.Incarnation}
	m.leases[room] = h
	return h.Lease, nil
}

// holds says whether the lease belongs to an incarnation that lives.
func (m *Memory) holds(h holding, ttl time.Duration) bool {
	r := m.nodes[h.Node]
	return h.incarnation != "" && r.Incarnation == h.incarnation && time.Since(r.beat) < ttl
}

// Release implements [cluster.Store].
func (m *Memory) Release(_ context.Context, p cluster.Peer, l cluster.Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.leases[l.Room]; h.incarnation == p.Incarnation && h.Epoch == l.Epoch {
		h.incarnation = ""
		m.leases[l.Room] = h
	}
	return nil
}

// Holders implements [cluster.Store].
func (m *Memory) Holders(_ context.Context, rooms []string, ttl time.Duration) (map[string]cluster.NodeID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]cluster.NodeID{}
	for _, room := range rooms {
		if h, ok := m.leases[room]; ok && m.holds(h, ttl) {
			found[room] = h.Node
		}
	}
	return found, nil
}
