package bustest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/storage/bus"
)

// patience is how long the suite waits for a message that it sends again and again.
const patience = 10 * time.Second

// Bus runs the suite. fresh is called once a test and returns a bus without sessions.
func Bus(t *testing.T, fresh func(t *testing.T) bus.Bus) {
	for name, f := range map[string]func(*testing.T, bus.Bus){
		"AnAttachedUserIsReached":            attachedUserIsReached,
		"OthersAreNotReached":                othersAreNotReached,
		"ANodeGetsAMessageOnceForAllItsUser": onceANode,
		"SessionsCount":                      sessionsCount,
		"EveryNodeOfAUserIsReached":          everyNodeIsReached,
		"OneMessageAtATime":                  oneAtATime,
		"ReceiveEndsWithItsContext":          receiveEnds,
		"ASlowReceiverStopsNobody":           slowReceiver,
		"DetachingTooOftenIsHarmless":        detachingTooOften,
	} {
		t.Run(name, func(t *testing.T) { f(t, fresh(t)) })
	}
}

// node is a receiver that keeps what it got.
type node struct {
	name bus.Node
	mu   sync.Mutex
	got  []bus.Message
}

// receive starts a receiver that ends with the test.
func receive(t *testing.T, b bus.Bus, name bus.Node) *node {
	t.Helper()
	n := &node{name: name}
	run(t, b, name, func(m bus.Message) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.got = append(n.got, m)
	})
	return n
}

// run receives until the test, or the returned function, ends it, and waits for it.
func run(t *testing.T, b bus.Bus, name bus.Node, f func(bus.Message)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Receive(ctx, name, f) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("receive: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (n *node) messages(payload string) []bus.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []bus.Message
	for _, m := range n.got {
		if string(m.Payload) == payload {
			found = append(found, m)
		}
	}
	return found
}

// reach sends until the node has got the payload, and returns how often it sent.
func (n *node) reach(t *testing.T, b bus.Bus, users []string, payload string) int {
	t.Helper()
	deadline := time.Now().Add(patience)
	for sent := 1; ; sent++ {
		if err := b.Send(t.Context(), users, []byte(payload)); err != nil {
			t.Fatal(err)
		}
		for again := time.Now().Add(200 * time.Millisecond); time.Now().Before(again); pause() {
			if len(n.messages(payload)) > 0 {
				return sent
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("node %s was not reached by %q", n.name, payload)
		}
	}
}

// pause waits a moment between two looks.
func pause() { <-time.After(time.Millisecond) }

func attach(t *testing.T, b bus.Bus, user string, n bus.Node) {
	t.Helper()
	if err := b.Attach(t.Context(), user, n); err != nil {
		t.Fatal(err)
	}
}

func detach(t *testing.T, b bus.Bus, user string, n bus.Node) {
	t.Helper()
	if err := b.Detach(t.Context(), user, n); err != nil {
		t.Fatal(err)
	}
}

func attachedUserIsReached(t *testing.T, b bus.Bus) {
	n := receive(t, b, "n1")
	attach(t, b, "u1", "n1")
	n.reach(t, b, []string{"u1"}, "hello")
	if got := n.messages("hello")[0].Users; !slices.Equal(got, []string{"u1"}) {
		t.Errorf("for users %v, want u1", got)
	}
}

func othersAreNotReached(t *testing.T, b bus.Bus) {
	here, there := receive(t, b, "n1"), receive(t, b, "n2")
	attach(t, b, "u1", "n1")
	attach(t, b, "u2", "n2")
	if err := b.Send(t.Context(), []string{"nobody"}, []byte("to nobody")); err != nil {
		t.Fatal(err)
	}
	here.reach(t, b, []string{"u1"}, "to u1")
	there.reach(t, b, []string{"u2"}, "to u2") // all that came before is there by now
	if len(there.messages("to u1")) > 0 || len(here.messages("to nobody")) > 0 || len(there.messages("to nobody")) > 0 {
		t.Error("a node got what was not for its users")
	}
}

func onceANode(t *testing.T, b bus.Bus) {
	n := receive(t, b, "n1")
	attach(t, b, "u1", "n1")
	attach(t, b, "u1", "n1") // two tabs
	attach(t, b, "u2", "n1")
	attach(t, b, "u3", "n2")
	sent := n.reach(t, b, []string{"u1", "u2", "u3", "u1"}, "hello")
	n.reach(t, b, []string{"u1"}, "last")
	got := n.messages("hello")
	if len(got) > sent {
		t.Errorf("%d messages arrived of %d", len(got), sent)
	}
	if users := slices.Sorted(slices.Values(got[0].Users)); !slices.Equal(users, []string{"u1", "u2"}) {
		t.Errorf("for users %v, want u1 and u2, each once", users)
	}
}

func sessionsCount(t *testing.T, b bus.Bus) {
	n := receive(t, b, "n1")
	attach(t, b, "u1", "n1")
	attach(t, b, "u1", "n1")
	attach(t, b, "u2", "n1")
	detach(t, b, "u1", "n1")
	n.reach(t, b, []string{"u1"}, "one is left")
	detach(t, b, "u1", "n1")
	if err := b.Send(t.Context(), []string{"u1"}, []byte("none is left")); err != nil {
		t.Fatal(err)
	}
	n.reach(t, b, []string{"u2"}, "last")
	if len(n.messages("none is left")) > 0 {
		t.Error("a user without sessions was reached")
	}
}

func everyNodeIsReached(t *testing.T, b bus.Bus) {
	n1, n2 := receive(t, b, "n1"), receive(t, b, "n2")
	attach(t, b, "u1", "n1")
	attach(t, b, "u1", "n2")
	n1.reach(t, b, []string{"u1"}, "hello")
	n2.reach(t, b, []string{"u1"}, "hello")
}

func oneAtATime(t *testing.T, b bus.Bus) {
	var mu sync.Mutex
	overlaps, calls := 0, 0
	stop := run(t, b, "n1", func(bus.Message) {
		if !mu.TryLock() {
			overlaps++
			return
		}
		defer mu.Unlock()
		calls++
		pause()
	})
	attach(t, b, "u1", "n1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				if err := b.Send(t.Context(), []string{"u1"}, fmt.Appendf(nil, "%d/%d", i, j)); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
	}
	wg.Wait()
	stop()
	if overlaps > 0 {
		t.Errorf("%d of %d calls overlapped", overlaps, calls)
	}
}

func receiveEnds(t *testing.T, b bus.Bus) {
	attach(t, b, "u1", "n1")
	stop := run(t, b, "n1", func(bus.Message) {})
	stop() // waits for Receive
	n := receive(t, b, "n1")
	n.reach(t, b, []string{"u1"}, "to the second receiver")
}

func slowReceiver(t *testing.T, b bus.Bus) {
	release := make(chan struct{})
	run(t, b, "slow", func(bus.Message) { <-release })
	defer close(release)
	n := receive(t, b, "n1")
	attach(t, b, "u1", "slow")
	attach(t, b, "u2", "n1")
	for i := range 10_000 {
		if err := b.Send(t.Context(), []string{"u1"}, fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatalf("send %d: %v", i, err)
		}
	}
	n.reach(t, b, []string{"u2"}, "hello")
}

func detachingTooOften(t *testing.T, b bus.Bus) {
	detach(t, b, "u1", "n1")
	attach(t, b, "u1", "n1")
	detach(t, b, "u1", "n1")
	detach(t, b, "u1", "n1")
	attach(t, b, "u1", "n1")
	receive(t, b, "n1").reach(t, b, []string{"u1"}, "hello")
}
