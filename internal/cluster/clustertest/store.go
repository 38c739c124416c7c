package clustertest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/internal/cluster"
)

// ttl is short enough to wait for and long enough for a busy machine; long is one that does not run out in a test.
const (
	ttl  = 500 * time.Millisecond
	long = time.Hour
)

// Store runs what every Store must do on stores made by open, each empty.
func Store(t *testing.T, open func(*testing.T) cluster.Store) {
	for name, test := range map[string]func(*testing.T, cluster.Store){
		"members are who joined and has not left":                members,
		"a room has one owner":                                   oneOwner,
		"an epoch only grows":                                    epochsGrow,
		"a dead node's room is free, and a living one's is not":  deadNode,
		"a restarted node takes its own rooms at once":           restart,
		"a beat names what is held":                              beats,
		"a former incarnation is displaced":                      displaced,
		"a beat makes a row again that was cleared away":         clearedAway,
		"who leaves holds nothing":                               leaving,
		"holders are those whose leases hold":                    holders,
		"of many that acquire a dead node's room one has it":     race,
		"releasing an old lease changes nothing":                 oldRelease,
		"a room's name is taken as it is":                        names,
		"the holder acquires again and fences off its own past":  again,
		"draining and addresses are seen by the others":          described,
		"a lease of a node that is late and beats again is kept": late,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var (
	a  = cluster.Peer{Node: "a", Incarnation: "a-1", Address: "10.0.0.1:7000"}
	a2 = cluster.Peer{Node: "a", Incarnation: "a-2", Address: "10.0.0.1:7000"}
	b  = cluster.Peer{Node: "b", Incarnation: "b-1", Address: "10.0.0.2:7000"}
)

func join(t *testing.T, s cluster.Store, all ...cluster.Peer) {
	t.Helper()
	for _, p := range all {
		if err := s.Join(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
}

func acquire(t *testing.T, s cluster.Store, p cluster.Peer, room string, epoch uint64) cluster.Lease {
	t.Helper()
	got, err := s.Acquire(t.Context(), p, room, long)
	if want := (cluster.Lease{Room: room, Epoch: epoch, Node: p.Node}); err != nil || got != want {
		t.Fatalf("%s acquires %s: %+v, %v; want epoch %d", p.Incarnation, room, got, err, epoch)
	}
	return got
}

func release(t *testing.T, s cluster.Store, p cluster.Peer, l cluster.Lease) {
	t.Helper()
	if err := s.Release(t.Context(), p, l); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, s cluster.Store, p cluster.Peer, room string, by cluster.NodeID) {
	t.Helper()
	got, err := s.Acquire(t.Context(), p, room, long)
	e, ok := errors.AsType[*cluster.Elsewhere](err)
	if !ok || e.Node != by || got != (cluster.Lease{}) {
		t.Fatalf("%s acquires %s: %+v, %v; want it to be with %s", p.Incarnation, room, got, err, by)
	}
}

func held(t *testing.T, s cluster.Store, p cluster.Peer) []string {
	t.Helper()
	leases, err := s.Beat(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var rooms []string
	for _, l := range leases {
		if l.Node != p.Node || l.Epoch == 0 {
			t.Errorf("a beat of %s names %+v", p.Incarnation, l)
		}
		rooms = append(rooms, l.Room)
	}
	slices.Sort(rooms)
	return rooms
}

func members(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	all, err := s.Members(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("members %+v, %v", all, err)
	}
	for _, m := range all {
		if m.Idle < 0 || m.Idle > time.Minute {
			t.Errorf("%s is idle for %v", m.Node, m.Idle)
		}
	}
	for range 2 {
		if err := s.Leave(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if all, err = s.Members(t.Context()); err != nil || len(all) != 1 || all[0].Peer != b {
		t.Errorf("after a left: %+v, %v", all, err)
	}
}

func oneOwner(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	lease := acquire(t, s, a, "r", 1)
	refused(t, s, b, "r", "a")
	acquire(t, s, b, "other", 1)
	release(t, s, a, lease)
	acquire(t, s, b, "r", 2)
	refused(t, s, a, "r", "b")
}

func epochsGrow(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	for n := range uint64(6) {
		p := []cluster.Peer{a, b}[n%2]
		release(t, s, p, acquire(t, s, p, "r", n+1))
	}
}

func deadNode(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	acquire(t, s, a, "r", 1)
	refused(t, s, b, "r", "a")
	eventually(t, "a is dead", func() bool {
		held(t, s, b)
		_, err := s.Acquire(t.Context(), b, "r", ttl)
		return err == nil
	})
	if got := held(t, s, a); len(got) != 0 {
		t.Errorf("a comes back and holds %v", got)
	}
	refused(t, s, a, "r", "b")
}

func restart(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	acquire(t, s, a, "r", 1)
	acquire(t, s, a, "q", 1)
	join(t, s, a2)
	acquire(t, s, a2, "r", 2)
	refused(t, s, b, "r", "a")
	acquire(t, s, b, "q", 2) // whoever is first
}

func beats(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	if got := held(t, s, a); len(got) != 0 {
		t.Errorf("holds %v", got)
	}
	acquire(t, s, a, "r", 1)
	lease := acquire(t, s, a, "q", 1)
	acquire(t, s, b, "p", 1)
	if got := held(t, s, a); !slices.Equal(got, []string{"q", "r"}) {
		t.Errorf("holds %v", got)
	}
	release(t, s, a, lease)
	if got := held(t, s, a); !slices.Equal(got, []string{"r"}) {
		t.Errorf("after a release: %v", got)
	}
}

func displaced(t *testing.T, s cluster.Store) {
	join(t, s, a, a2)
	if _, err := s.Beat(t.Context(), a); !errors.Is(err, cluster.ErrDisplaced) {
		t.Errorf("beat: %v", err)
	}
	if _, err := s.Acquire(t.Context(), a, "r", long); !errors.Is(err, cluster.ErrDisplaced) {
		t.Errorf("acquire: %v", err)
	}
	if err := s.Leave(t.Context(), a); err != nil {
		t.Error(err)
	}
	acquire(t, s, a2, "r", 1)
}

func clearedAway(t *testing.T, s cluster.Store) {
	join(t, s, a)
	acquire(t, s, a, "r", 1)
	if err := s.Leave(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got := held(t, s, a); !slices.Equal(got, []string{"r"}) { // nobody took it meanwhile
		t.Errorf("holds %v", got)
	}
}

func leaving(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	acquire(t, s, a, "r", 1)
	if err := s.Leave(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire(t.Context(), a, "r", long); !errors.Is(err, cluster.ErrDisplaced) {
		t.Errorf("who left acquires: %v", err)
	}
	acquire(t, s, b, "r", 2)
}

func holders(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	acquire(t, s, a, "r", 1)
	acquire(t, s, b, "q", 1)
	release(t, s, b, acquire(t, s, b, "released", 1))
	want := map[string]cluster.NodeID{"r": "a", "q": "b"}
	got, err := s.Holders(t.Context(), []string{"r", "q", "released", "never"}, long)
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("holders %v, %v; want %v", got, err, want)
	}
	eventually(t, "a is dead", func() bool {
		held(t, s, b)
		got, err := s.Holders(t.Context(), []string{"r", "q"}, ttl)
		return err == nil && maps.Equal(got, map[string]cluster.NodeID{"q": "b"})
	})
	if got, err := s.Holders(t.Context(), nil, long); err != nil || len(got) != 0 {
		t.Errorf("of no rooms: %v, %v", got, err)
	}
}

func race(t *testing.T, s cluster.Store) {
	join(t, s, a)
	acquire(t, s, a, "r", 1)
	if err := s.Leave(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var won []cluster.Lease
	var all sync.WaitGroup
	for n := range 8 {
		p := cluster.Peer{Node: cluster.NodeID(rune('c' + n)), Incarnation: string(rune('c'+n)) + "-1"}
		join(t, s, p)
		all.Go(func() {
			l, err := s.Acquire(context.WithoutCancel(t.Context()), p, "r", long)
			if _, ok := errors.AsType[*cluster.Elsewhere](err); err != nil && !ok {
				t.Error(err)
			}
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				won = append(won, l)
			}
		})
	}
	all.Wait()
	if len(won) != 1 || won[0].Epoch != 2 {
		t.Errorf("owners: %+v", won)
	}
}

func oldRelease(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	old := acquire(t, s, a, "r", 1)
	release(t, s, a, old)
	release(t, s, a, old)
	acquire(t, s, a, "r", 2)
	release(t, s, a, old)
	release(t, s, b, cluster.Lease{Room: "r", Epoch: 2, Node: "b"})
	refused(t, s, b, "r", "a")
}

func names(t *testing.T, s cluster.Store) {
	join(t, s, a)
	for _, room := range []string{"R", "r", "", "' OR ''='", "面试", "r "} {
		acquire(t, s, a, room, 1)
	}
}

func again(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	first := acquire(t, s, a, "r", 1)
	acquire(t, s, a, "r", 2)
	release(t, s, a, first)
	refused(t, s, b, "r", "a")
}

func described(t *testing.T, s cluster.Store) {
	join(t, s, a)
	drained := a
	drained.Draining, drained.Address = true, "10.0.0.9:7000"
	held(t, s, drained)
	all, err := s.Members(t.Context())
	if err != nil || len(all) != 1 || all[0].Peer != drained {
		t.Errorf("members %+v, %v", all, err)
	}
}

func late(t *testing.T, s cluster.Store) {
	join(t, s, a, b)
	acquire(t, s, a, "r", 1)
	eventually(t, "a is dead", func() bool {
		got, err := s.Holders(t.Context(), []string{"r"}, ttl)
		return err == nil && len(got) == 0
	})
	if got := held(t, s, a); !slices.Equal(got, []string{"r"}) {
		t.Errorf("holds %v", got)
	}
	refused(t, s, b, "r", "a")
}

// eventually polls until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not so after 10 s: %s", what)
		}
	}
}
