package cluster_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"parley/internal/cluster"
	"parley/internal/cluster/clustertest"
	"parley/internal/testenv/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member is a node of a test in a bubble.
type member struct {
	*cluster.Cluster
	t     *testing.T
	cable *clustertest.Cable
	stop  func() error

	mu   sync.Mutex
	lost []string
	died []cluster.NodeID
}

// inBubble runs a test over nodes that share a table and beat, with time that waits for nobody.
func inBubble(t *testing.T, names []cluster.NodeID, test func(t *testing.T, all []*member)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		table := &clustertest.Memory{}
		certs := clustertest.Credentials(t, clustertest.Authority(t))
		var all []*member
		for _, n := range names {
			all = append(all, start(t, table, certs, n))
		}
		test(t, all)
		for _, m := range all {
			_ = m.stop()
		}
	})
}

func start(t *testing.T, table cluster.Store, certs string, name cluster.NodeID) *member {
	t.Helper()
	m := &member{t: t, cable: &clustertest.Cable{Store: table}}
	m.Cluster = cluster.New(cluster.Config{Store: m.cable, Node: name, Address: string(name) + ":1", TLS: certs})
	m.Lost(func(room string) { m.mu.Lock(); m.lost = append(m.lost, room); m.mu.Unlock() })
	m.Died(func(n cluster.NodeID) { m.mu.Lock(); m.died = append(m.died, n); m.mu.Unlock() })
	if err := m.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	m.stop = sync.OnceValue(func() error { cancel(); return <-done })
	return m
}

func (m *member) take(room string, epoch uint64) cluster.Lease {
	m.t.Helper()
	l, err := m.Acquire(m.t.Context(), room)
	if err != nil || l.Epoch != epoch {
		m.t.Fatalf("%s takes %s: %+v, %v; want epoch %d", m.Node(), room, l, err, epoch)
	}
	return l
}

func (m *member) elsewhere(room string, want cluster.NodeID) {
	m.t.Helper()
	_, err := m.Acquire(m.t.Context(), room)
	if e, ok := errors.AsType[*cluster.Elsewhere](err); !ok || e.Node != want {
		m.t.Errorf("%s takes %s: %v; want it to be on %s", m.Node(), room, err, want)
	}
}

func (m *member) losses() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.lost)
}

func (m *member) deaths() []cluster.NodeID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.died)
}

var two = []cluster.NodeID{"a", "b"}

func TestADeadNodesRoomsAreFreeAfterItsTimeAndTheOthersAreTold(t *testing.T) {
	inBubble(t, two, func(t *testing.T, all []*member) {
		a, b := all[0], all[1]
		a.take("r", 1)
		bubble.Pass(time.Minute)
		b.elsewhere("r", "a")
		a.cable.Cut(true)
		bubble.Pass(4 * time.Second)
		b.elsewhere("r", "a")
		if got := b.deaths(); len(got) != 0 {
			t.Errorf("told of %v too early", got)
		}
		bubble.Pass(2 * time.Second)
		if got := b.deaths(); !slices.Equal(got, []cluster.NodeID{"a"}) {
			t.Errorf("told of %v", got)
		}
		b.take("r", 2)
		if alive, err := b.Alive(t.Context(), "a"); alive || err != nil {
			t.Errorf("a is alive: %v, %v", alive, err)
		}
		if got := a.losses(); len(got) != 0 {
			t.Errorf("a can't know yet, and lost %v", got)
		}
		a.cable.Cut(false)
		bubble.Pass(1100 * time.Millisecond)
		if got := a.losses(); !slices.Equal(got, []string{"r"}) {
			t.Errorf("a lost %v", got)
		}
		a.elsewhere("r", "b")
	})
}

func TestAStoreThatIsAwayTakesNothingFromAnybody(t *testing.T) {
	inBubble(t, two, func(t *testing.T, all []*member) {
		a, b := all[0], all[1]
		a.take("r", 1)
		b.take("q", 1)
		for _, m := range all {
			m.cable.Cut(true)
		}
		bubble.Pass(time.Hour)
		b.cable.Cut(false) // one is back sooner than the other
		bubble.Pass(2 * time.Second)
		b.elsewhere("r", "a")
		if got := b.deaths(); len(got) != 0 {
			t.Errorf("told of %v", got)
		}
		a.cable.Cut(false)
		bubble.Pass(time.Minute)
		for _, m := range all {
			if len(m.losses()) > 0 {
				t.Errorf("%s lost %v", m.Node(), m.losses())
			}
		}
		b.elsewhere("r", "a")
		a.elsewhere("q", "b")
	})
}

func TestWhoDoesNotComeBackWithTheStoreIsDead(t *testing.T) {
	inBubble(t, two, func(t *testing.T, all []*member) {
		a, b := all[0], all[1]
		a.take("r", 1)
		for _, m := range all {
			m.cable.Cut(true)
		}
		bubble.Pass(10 * time.Second)
		b.cable.Cut(false)
		bubble.Pass(7 * time.Second)
		if got := b.deaths(); !slices.Equal(got, []cluster.NodeID{"a"}) {
			t.Errorf("told of %v", got)
		}
		b.take("r", 2)
	})
}

func TestAProcessThatStartsAsTheStoreIsBackTakesNothingFromTheLiving(t *testing.T) {
	inBubble(t, []cluster.NodeID{"a"}, func(t *testing.T, all []*member) {
		a := all[0]
		a.take("r", 1)
		a.cable.Cut(true)
		bubble.Pass(time.Minute)
		b := start(t, a.cable.Store, clustertest.Credentials(t, clustertest.Authority(t)), "b")
		defer b.stop()
		b.elsewhere("r", "a")
		a.cable.Cut(false)
		bubble.Pass(time.Minute)
		b.elsewhere("r", "a")
		a.cable.Cut(true)
		bubble.Pass(7 * time.Second)
		b.take("r", 2)
	})
}

func TestWhatIsReleasedOrTakenAnewIsNotLost(t *testing.T) {
	inBubble(t, two, func(t *testing.T, all []*member) {
		a, b := all[0], all[1]
		first := a.take("r", 1)
		a.take("r", 2)
		if err := a.Release(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		bubble.Pass(3 * time.Second)
		b.elsewhere("r", "a")
		if err := a.Release(t.Context(), cluster.Lease{Room: "r", Epoch: 2, Node: "a"}); err != nil {
			t.Fatal(err)
		}
		b.take("r", 3)
		bubble.Pass(3 * time.Second)
		if got := a.losses(); len(got) != 0 {
			t.Errorf("lost %v", got)
		}
	})
}

func TestAReleaseThatFailedIsMadeUpForByABeat(t *testing.T) {
	inBubble(t, two, func(t *testing.T, all []*member) {
		a, b := all[0], all[1]
		l := a.take("r", 1)
		a.cable.Cut(true)
		if err := a.Release(t.Context(), l); !errors.Is(err, clustertest.ErrCut) {
			t.Fatalf("release: %v", err)
		}
		a.cable.Cut(false)
		bubble.Pass(2 * time.Second)
		b.take("r", 2)
	})
}

func TestANewProcessOfANodeTakesItsRoomsAndStopsTheOldOne(t *testing.T) {
	inBubble(t, two, func(t *testing.T, all []*member) {
		a, b := all[0], all[1]
		a.take("r", 1)
		again := start(t, a.cable.Store, clustertest.Credentials(t, clustertest.Authority(t)), "a")
		defer again.stop()
		again.take("r", 2)
		bubble.Pass(2 * time.Second)
		if got := a.losses(); !slices.Equal(got, []string{"r"}) {
			t.Errorf("the old process lost %v", got)
		}
		if err := a.stop(); !errors.Is(err, cluster.ErrDisplaced) {
			t.Errorf("the old process ended with %v", err)
		}
		b.elsewhere("r", "a")
		if got := b.deaths(); len(got) != 0 {
			t.Errorf("told of %v", got)
		}
	})
}

func TestANodeThatLeavesIsGoneAtOnce(t *testing.T) {
	inBubble(t, two, func(t *testing.T, all []*member) {
		a, b := all[0], all[1]
		a.take("r", 1)
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		b.take("r", 2)
		bubble.Pass(1100 * time.Millisecond)
		if got := b.deaths(); !slices.Equal(got, []cluster.NodeID{"a"}) {
			t.Errorf("told of %v", got)
		}
		if all, err := b.Members(t.Context()); err != nil || len(all) != 1 || all[0].Node != "b" {
			t.Errorf("members %+v, %v", all, err)
		}
	})
}

func TestADrainingNodeSendsNewRoomsToOneAndTheSameOther(t *testing.T) {
	inBubble(t, []cluster.NodeID{"a", "b", "c", "d"}, func(t *testing.T, all []*member) {
		a, b := all[0], all[1]
		a.take("kept", 1)
		for _, m := range []*member{a, b} {
			if err := m.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		bubble.Pass(2 * time.Second)
		a.take("kept", 2) // what it has it keeps
		all[3].take("theirs", 1)
		a.elsewhere("theirs", "d")
		seen := map[cluster.NodeID]int{}
		for _, room := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
			_, err := a.Acquire(t.Context(), room)
			e, ok := errors.AsType[*cluster.Elsewhere](err)
			if !ok || e.Node == "a" || e.Node == "b" {
				t.Fatalf("room %s: %v", room, err)
			}
			b.elsewhere(room, e.Node)
			seen[e.Node]++
		}
		if len(seen) != 2 {
			t.Errorf("all went to one: %v", seen)
		}
	})
}

func TestADrainingNodeThatIsAloneServesOn(t *testing.T) {
	inBubble(t, []cluster.NodeID{"a"}, func(t *testing.T, all []*member) {
		if err := all[0].Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		all[0].take("r", 1)
	})
}

func TestWhereNamesTheOthersOnly(t *testing.T) {
	inBubble(t, two, func(t *testing.T, all []*member) {
		all[0].take("r", 1)
		all[1].take("q", 1)
		got, err := all[0].Where(t.Context(), "r", "q", "nobody's")
		if err != nil || len(got) != 1 || got["q"] != "b" {
			t.Errorf("where: %v, %v", got, err)
		}
	})
}

func TestANodeAloneNeedsNoAddressAndNoCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster.New(cluster.Config{Store: &clustertest.Memory{}, Node: "a"})
		if err := c.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l, err := c.Acquire(t.Context(), "r"); err != nil || l.Epoch != 1 {
			t.Errorf("%+v, %v", l, err)
		}
		for name, config := range map[string]cluster.Config{
			"no certificates": {Store: &clustertest.Memory{}, Node: "a", Address: "127.0.0.1:1"},
			"an empty folder": {Store: &clustertest.Memory{}, Node: "a", Address: "127.0.0.1:1", TLS: t.TempDir()},
			"no name":         {Store: &clustertest.Memory{}},
			"no store":        {Node: "a"},
		} {
			if err := cluster.New(config).Join(t.Context()); err == nil {
				t.Errorf("joined with %s", name)
			}
		}
	})
}
