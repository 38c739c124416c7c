package sealer_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/sealer"
	"parley/chat/sealer/sealertest"
)

func TestACrashAroundTheCommitLosesNoEntryAndSealsNoneTwice(t *testing.T) {
	for _, fault := range []sealertest.Fault{sealertest.Fails, sealertest.FailsPersisted} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("fault %d, restart %v", fault, restart), func(t *testing.T) {
				h := newHouse(t)
				id := h.NewConversation()
				h.talk(id, 1)
				h.seal(id)
				h.talk(id, 2)
				h.faults.Next(fault)
				if n, err := h.sealer.Sealed(t.Context(), id); err != nil || n != 7 && fault == sealertest.FailsPersisted || n != 3 && fault == sealertest.Fails {
					t.Errorf("sealed up to %d, %v", n, err)
				}
				if restart {
					h.sealer = h.another()
				}
				h.talk(id, 1)
				h.wantIntact(id, 9)
				h.wantChain(map[sealertest.Fault]int{sealertest.Fails: 2, sealertest.FailsPersisted: 3}[fault])
				h.wantTold(id, 9)
			})
		}
	}
}

// wantTold wants each entry to have come to Before.
func (h *house) wantTold(id chat.ConversationID, n uint64) {
	h.t.Helper()
	h.told.mu.Lock()
	defer h.told.mu.Unlock()
	for seq := uint64(1); seq <= n; seq++ {
		ok := slices.ContainsFunc(h.told.all, func(u sealer.Unsealed) bool {
			return u.Conversation == id && u.Seq == seq && len(u.Members) == 2 && !u.Time.IsZero() && u.Type != ""
		})
		if !ok {
			h.t.Errorf("nobody was told of entry %d", seq)
		}
	}
}

func TestSeveralNodesSealTheSameConversationsAtOnce(t *testing.T) {
	const nodes, rooms = 4, 6
	h := newHouse(t)
	var ids []chat.ConversationID
	for range rooms {
		ids = append(ids, h.NewConversation())
	}
	var wg sync.WaitGroup
	for n := range nodes {
		s := h.another()
		wg.Go(func() {
			for i := range 12 {
				id := ids[(n+i)%rooms]
				if i%2 == 0 {
					if _, err := h.Send(t.Context(), chattest.Ann, chattest.Text(t, id, "在")); err != nil {
						t.Error(err)
					}
				}
				if _, err := s.Sealed(t.Context(), id); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	list, err := h.sealer.Trees(t.Context(), 0, sealer.MaxTrees)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		h.wantIntact(id, uint64(len(h.Log(chattest.Ann, id))))
	}
	more, err := h.sealer.Trees(t.Context(), 0, sealer.MaxTrees)
	if err != nil || len(more) < len(list) {
		t.Errorf("%d trees after %d, %v", len(more), len(list), err)
	}
	h.wantChain(len(more))
}

// Between what a node read and its commit, another one seals: first another conversation, then the same.
func TestTheSlowerOfTwoNodesLooksAgain(t *testing.T) {
	for what, same := range map[string]bool{"another conversation": false, "the same conversation": true} {
		h := newHouse(t)
		a, b := h.NewConversation(), h.NewConversation()
		h.talk(a, 1)
		other := sealer.New(h.log, h.keys, sealer.Config{})
		h.faults.Between = sync.OnceFunc(func() {
			id := b
			if same {
				id = a
			}
			if _, err := other.Sealed(t.Context(), id); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
		h.wantIntact(a, 3)
		h.wantIntact(b, 1)
		h.wantChain(2)
	}
}

func TestALogWithAHoleIsNotSealedAcrossItAndHoldsNobodyUp(t *testing.T) {
	h := newHouse(t)
	a, b := h.NewConversation(), h.NewConversation()
	h.talk(a, 1)
	h.seal(a)
	h.talk(a, 2)
	h.talk(b, 1)
	h.log.Tamper = func(l []chat.Entry) []chat.Entry {
		return slices.DeleteFunc(l, func(e chat.Entry) bool { return e.Conversation == a && e.Seq == 5 })
	}
	h.run(func() { eventually(t, "the other one is sealed", func() bool { return h.last(b) == 3 }) })
	if n := h.last(a); n != 3 {
		t.Errorf("sealed up to %d, want 3", n)
	}
	if r := h.verify(h.bundle(a)); !r.Intact() || r.Entries != 3 {
		t.Errorf("what was sealed before: %+v", r)
	}
}

// last is up to where the conversation is sealed.
func (h *house) last(id chat.ConversationID) uint64 {
	h.t.Helper()
	list, err := h.log.Standings(h.t.Context(), []chat.ConversationID{id})
	if err != nil || len(list) != 1 {
		h.t.Fatal(list, err)
	}
	return list[0].Last.Entries
}

// run runs the house's sealer while f goes on.
func (h *house) run(f func()) {
	h.t.Helper()
	ctx, stop := context.WithCancel(h.t.Context())
	done := make(chan error, 1)
	go func() { done <- h.sealer.Run(ctx) }()
	f()
	stop()
	if err := <-done; err != nil {
		h.t.Error(err)
	}
}

func TestWhatChangesIsSealedSoonAndAtTheEnd(t *testing.T) {
	h := newHouse(t)
	h.sealer = sealer.New(h.faults, h.keys, sealer.Config{Every: 10 * time.Millisecond, Sweep: time.Hour})
	old := h.NewConversation()
	h.talk(old, 1)
	h.run(func() {
		eventually(t, "what was there at the start is sealed", func() bool { return h.last(old) == 3 })
		h.talk(old, 1)
		eventually(t, "what the hub told of is sealed", func() bool { return h.last(old) == 5 })
		h.faults.Next(sealertest.Fails, sealertest.Fails, sealertest.FailsPersisted)
		h.talk(old, 1)
		eventually(t, "what failed is sealed in the end", func() bool { return h.last(old) == 7 })
	})
	h.wantIntact(old, 7)
	late := sealer.New(h.faults, h.keys, sealer.Config{Every: time.Hour, Sweep: time.Hour})
	h.sealer = late
	h.run(func() {
		h.talk(old, 1)
	})
	if n := h.last(old); n != 9 {
		t.Errorf("at the stop it is sealed up to %d, want 9", n)
	}
	if err := late.Run(t.Context()); err == nil {
		t.Error("it runs a second time")
	}
}

func TestALongLogIsSealedInParts(t *testing.T) {
	h := newHouse(t)
	id := h.NewConversation()
	const n = 2500 // more than one seal takes up
	for first := 0; first < n; first += chat.MaxBatch {
		var b chat.Batch
		for i := first; i < min(n, first+chat.MaxBatch); i++ {
			b.Rows = append(b.Rows, chat.Row{Conversation: id, Sender: chattest.Ann.User, CID: chat.ClientID(fmt.Sprint(i)),
				Time: time.Now().UTC().Truncate(time.Microsecond), Type: chat.TypeText, Sealed: []byte{1, byte(i)}})
		}
		if _, err := h.log.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	h.wantIntact(id, n+1)
	h.wantChain(2)
	h.wantTold(id, 100)
}
