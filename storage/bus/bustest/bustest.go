package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/storage/bus"
)

// patience is how long the suite waits for a message that it sends again and again.
const patience = 10 * time.Second

// Ends opens each node's end of one bus: always the same one for the same node. An end works until the test ends.
type Ends func(bus.Node) bus.Bus

// Bus runs the suite. fresh is called once a test and returns the ends of a bus without sessions.
func Bus(t *testing.T, fresh func(t *testing.T) Ends) {
	for name, f := range map[string]func(*testing.T, Ends){
		"AnAttachedUserIsReached":            attachedUserIsReached,
		"OthersAreNotReached":                othersAreNotReached,
		"ANodeGetsAMessageOnceForAllItsUser": onceANode,
		"SessionsCount":                      sessionsCount,
		"EveryNodeOfAUserIsReached":          everyNodeIsReached,
		"ANodeReachesItsOwnUsers":            ownUsersAreReached,
		"OneMessageAtATime":                  oneAtATime,
		"ReceiveEndsWithItsContext":          receiveEnds,
		"ASlowReceiverStopsNobody":           slowReceiver,
		"DetachingTooOftenIsHarmless":        detachingTooOften,
		"WhatIsToldReachesEveryReceiver":     toldReachesAll,
		"ANodeHasOneReceiver":                oneReceiver,
		"AnEndedContextSendsNothing":         endedContext,
		"AUserIsOnlineWithSessionsAnywhere":  onlineAnywhere,
		"AUserIsOnlineToTheLastSession":      onlineToTheLast,
	} {
		t.Run(name, func(t *testing.T) { f(t, fresh(t)) })
	}
}

// sender names the node that sends: one without sessions, and without a receiver.
const sender bus.Node = "sender"

// node is a receiver that keeps what it got.
type node struct {
	name bus.Node
	mu   sync.Mutex
	got  []bus.Message
}

// receive starts a receiver that ends with the test.
func receive(t *testing.T, ends Ends, name bus.Node) *node {
	t.Helper()
	n := &node{name: name}
	run(t, ends, name, func(m bus.Message) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.got = append(n.got, m)
	})
	return n
}

// run receives until the test, or the returned function, ends it, and waits for it.
func run(t *testing.T, ends Ends, name bus.Node, f func(bus.Message)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	end := ends(name)
	go func() { done <- end.Receive(ctx, name, f) }()
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
func (n *node) reach(t *testing.T, ends Ends, users []string, payload string) int {
	t.Helper()
	return n.await(t, payload, func() error { return ends(sender).Send(t.Context(), users, []byte(payload)) })
}

// await sends until the node has got the payload, and returns how often it sent.
func (n *node) await(t *testing.T, payload string, send func() error) int {
	t.Helper()
	deadline := time.Now().Add(patience)
	for sent := 1; ; sent++ {
		if err := send(); err != nil {
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

func attach(t *testing.T, ends Ends, user string, n bus.Node) {
	t.Helper()
	if err := ends(n).Attach(t.Context(), user, n); err != nil {
		t.Fatal(err)
	}
}

func detach(t *testing.T, ends Ends, user string, n bus.Node) {
	t.Helper()
	if err := ends(n).Detach(t.Context(), user, n); err != nil {
		t.Fatal(err)
	}
}

func attachedUserIsReached(t *testing.T, ends Ends) {
	n := receive(t, ends, "n1")
	attach(t, ends, "u1", "n1")
	n.reach(t, ends, []string{"u1"}, "hello")
	if got := n.messages("hello")[0].Users; !slices.Equal(got, []string{"u1"}) {
		t.Errorf("for users %v, want u1", got)
	}
}

func othersAreNotReached(t *testing.T, ends Ends) {
	here, there := receive(t, ends, "n1"), receive(t, ends, "n2")
	attach(t, ends, "u1", "n1")
	attach(t, ends, "u2", "n2")
	if err := ends(sender).Send(t.Context(), []string{"nobody"}, []byte("to nobody")); err != nil {
		t.Fatal(err)
	}
	here.reach(t, ends, []string{"u1"}, "to u1")
	there.reach(t, ends, []string{"u2"}, "to u2") // all that came before is there by now
	if len(there.messages("to u1")) > 0 || len(here.messages("to nobody")) > 0 || len(there.messages("to nobody")) > 0 {
		t.Error("a node got what was not for its users")
	}
}

func onceANode(t *testing.T, ends Ends) {
	n := receive(t, ends, "n1")
	attach(t, ends, "u1", "n1")
	attach(t, ends, "u1", "n1") // two tabs
	attach(t, ends, "u2", "n1")
	attach(t, ends, "u3", "n2")
	sent := n.reach(t, ends, []string{"u1", "u2", "u3", "u1"}, "hello")
	n.reach(t, ends, []string{"u1"}, "last")
	got := n.messages("hello")
	if len(got) > sent {
		t.Errorf("%d messages arrived of %d", len(got), sent)
	}
	if users := slices.Sorted(slices.Values(got[0].Users)); !slices.Equal(users, []string{"u1", "u2"}) {
		t.Errorf("for users %v, want u1 and u2, each once", users)
	}
}

func sessionsCount(t *testing.T, ends Ends) {
	n := receive(t, ends, "n1")
	attach(t, ends, "u1", "n1")
	attach(t, ends, "u1", "n1")
	attach(t, ends, "u2", "n1")
	detach(t, ends, "u1", "n1")
	n.reach(t, ends, []string{"u1"}, "one is left")
	detach(t, ends, "u1", "n1")
	if err := ends(sender).Send(t.Context(), []string{"u1"}, []byte("none is left")); err != nil {
		t.Fatal(err)
	}
	n.reach(t, ends, []string{"u2"}, "last")
	if len(n.messages("none is left")) > 0 {
		t.Error("a user without sessions was reached")
	}
}

func everyNodeIsReached(t *testing.T, ends Ends) {
	n1, n2 := receive(t, ends, "n1"), receive(t, ends, "n2")
	attach(t, ends, "u1", "n1")
	attach(t, ends, "u1", "n2")
	n1.reach(t, ends, []string{"u1"}, "hello")
	n2.reach(t, ends, []string{"u1"}, "hello")
}

func ownUsersAreReached(t *testing.T, ends Ends) {
	n := receive(t, ends, "n1")
	attach(t, ends, "u1", "n1")
	send := func() error { return ends("n1").Send(t.Context(), []string{"u1"}, []byte("hello")) }
	sent := n.await(t, "hello", send)
	n.reach(t, ends, []string{"u1"}, "last")
	if got := n.messages("hello"); len(got) > sent {
		t.Errorf("%d messages arrived of %d", len(got), sent)
	}
}

func oneAtATime(t *testing.T, ends Ends) {
	var mu sync.Mutex
	overlaps, calls := 0, 0
	stop := run(t, ends, "n1", func(bus.Message) {
		if !mu.TryLock() {
			overlaps++
			return
		}
		defer mu.Unlock()
		calls++
		pause()
	})
	attach(t, ends, "u1", "n1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				if err := ends(sender).Send(t.Context(), []string{"u1"}, fmt.Appendf(nil, "%d/%d", i, j)); err != nil {
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

func receiveEnds(t *testing.T, ends Ends) {
	attach(t, ends, "u1", "n1")
	stop := run(t, ends, "n1", func(bus.Message) {})
	stop() // waits for Receive
	n := receive(t, ends, "n1")
	n.reach(t, ends, []string{"u1"}, "to the second receiver")
}

func slowReceiver(t *testing.T, ends Ends) {
	release := make(chan struct{})
	run(t, ends, "slow", func(bus.Message) { <-release })
	defer close(release)
	n := receive(t, ends, "n1")
	attach(t, ends, "u1", "slow")
	attach(t, ends, "u2", "n1")
	for i := range 10_000 {
		if err := ends(sender).Send(t.Context(), []string{"u1"}, fmt.Appendf(nil, "%d", i)); err != nil {
			t.Fatalf("send %d: %v", i, err)
		}
	}
	n.reach(t, ends, []string{"u2"}, "hello")
}

func detachingTooOften(t *testing.T, ends Ends) {
	detach(t, ends, "u1", "n1")
	attach(t, ends, "u1", "n1")
	detach(t, ends, "u1", "n1")
	detach(t, ends, "u1", "n1")
	attach(t, ends, "u1", "n1")
	receive(t, ends, "n1").reach(t, ends, []string{"u1"}, "hello")
}

func toldReachesAll(t *testing.T, ends Ends) {
	with, without, self := receive(t, ends, "n1"), receive(t, ends, "n2"), receive(t, ends, sender)
	attach(t, ends, "u1", "n1")
	for _, n := range []*node{with, without, self} {
		n.await(t, "to all", func() error { return ends(sender).Tell(t.Context(), []byte("to all")) })
		if got := n.messages("to all")[0]; len(got.Users) > 0 || got.Resync {
			t.Errorf("node %s got %+v, want the payload alone", n.name, got)
		}
	}
}

func oneReceiver(t *testing.T, ends Ends) {
	n := receive(t, ends, "n1")
	n.await(t, "hello", func() error { return ends("n1").Tell(t.Context(), []byte("hello")) })
	if err := ends("n1").Receive(t.Context(), "n1", func(bus.Message) {}); !errors.Is(err, bus.ErrReceiving) {
		t.Errorf("a second receiver got %v", err)
	}
}

func endedContext(t *testing.T, ends Ends) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	end := ends("n1")
	_, online := end.Online(ctx, []string{"u1"})
	for name, err := range map[string]error{
		"attach": end.Attach(ctx, "u1", "n1"), "send": end.Send(ctx, []string{"u1"}, nil), "tell": end.Tell(ctx, nil),
		"online": online,
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: %v", name, err)
		}
	}
	if err := end.Detach(ctx, "u1", "n1"); err != nil {
		t.Errorf("detach with an ended context: %v", err)
	}
}

// awaitOnline asks the node until it says of the users what is wanted.
func awaitOnline(t *testing.T, ends Ends, n bus.Node, users []string, want ...bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for ; ; pause() {
		got, err := ends(n).Online(t.Context(), users)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("node %s says that %v are online: %v, want %v", n, users, got, want)
		}
	}
}

func onlineAnywhere(t *testing.T, ends Ends) {
	receive(t, ends, "n1")
	receive(t, ends, "n2")
	attach(t, ends, "u1", "n1")
	attach(t, ends, "u2", "n2")
	for _, n := range []bus.Node{"n1", "n2", sender} {
		awaitOnline(t, ends, n, []string{"u1", "nobody", "u2", "u1"}, true, false, true, true)
	}
	awaitOnline(t, ends, "n1", nil)
}

func onlineToTheLast(t *testing.T, ends Ends) {
	receive(t, ends, "n1")
	receive(t, ends, "n2")
	attach(t, ends, "u1", "n1")
	attach(t, ends, "u1", "n1")
	attach(t, ends, "u1", "n2")
	awaitOnline(t, ends, sender, []string{"u1"}, true)
	detach(t, ends, "u1", "n1")
	detach(t, ends, "u1", "n2")
	awaitOnline(t, ends, "n1", []string{"u1"}, true)
	awaitOnline(t, ends, "n2", []string{"u1"}, true)
	detach(t, ends, "u1", "n1")
	for _, n := range []bus.Node{"n1", "n2", sender} {
		awaitOnline(t, ends, n, []string{"u1"}, false)
	}
}
