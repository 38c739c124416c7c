package sealer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/chat/sealer"
	"parley/chat/sealer/sealertest"
	"parley/internal/chain"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

func TestATranscriptIsEvidenceWithWhatItsMembersKept(t *testing.T) {
	h := newHouse(t)
	id := h.NewConversation()
	h.talk(id, 3)
	h.seal(id)
	early := h.receipt(chattest.Ann, id)
	h.talk(id, 2)
	h.wantIntact(id, 11, early)
	late := h.receipt(chattest.Rob, id)
	r := h.verify(h.bundle(id), early, late)
	if !r.Intact() || r.Seals != 2 || early.Entries != 7 || late.Entries != 11 || len(r.Members) != 2 || r.Members[1].User != "u-ann" || r.Members[1].Role != "candidate" {
		t.Errorf("report %+v", r)
	}
	for _, f := range h.bundle(id) {
		for _, hidden := range []string{"您好", "欧阳", "司马", "后端"} {
			if bytes.Contains(f.Data, []byte(hidden)) {
				t.Errorf("the bundle holds %q in clear", hidden)
			}
		}
	}
}

func TestEachFlippedByteOfAnExportedBundleIsNamed(t *testing.T) {
	h := newHouse(t)
	id := h.NewConversation()
	h.seal(id)
	h.MustSend(chattest.Ann, chattest.Text(t, id, "您好"))
	whole := h.bundle(id)
	for name := range whole {
		for at := range whole[name].Data {
			flipped := maps.Clone(whole)
			flipped[name] = &fstest.MapFile{Data: bytes.Clone(whole[name].Data)}
			flipped[name].Data[at] ^= 1
			r, err := chain.VerifyTranscript(flipped, h.keys.all())
			named := err != nil || slices.ContainsFunc(r.Findings, func(f chain.Finding) bool {
				return f.File == name && f.From <= int64(at) && int64(at) <= f.To
			})
			if !named {
				t.Fatalf("%s, byte %d: %+v", name, at, r.Findings)
			}
		}
	}
}

func TestErasureOfASenderLeavesTheProof(t *testing.T) {
	h := newHouse(t)
	id := h.NewConversation()
	h.talk(id, 2)
	h.seal(id)
	kept, before := h.receipt(chattest.Rob, id), h.bundle(id)
	if err := h.Vault.Destroy(t.Context(), chat.BodyKey(id, chattest.Ann.User)); err != nil {
		t.Fatal(err)
	}
	h.wantIntact(id, 5, kept)
	for name, f := range h.bundle(id) {
		if !bytes.Equal(f.Data, before[name].Data) {
			t.Errorf("%s is another than before the erasure", name)
		}
	}
	h.MustSend(chattest.Rob, chattest.Text(t, id, "还在吗？"))
	h.wantIntact(id, 6, kept)
}

func TestAKeyThatIsRotatedBetweenSealsBreaksNothing(t *testing.T) {
	h := newHouse(t)
	id := h.NewConversation()
	h.seal(id)
	kept := h.receipt(chattest.Ann, id)
	h.keys.rotate()
	h.talk(id, 1)
	h.wantIntact(id, 3, kept)
	if now := h.receipt(chattest.Ann, id); now.Key == kept.Key {
		t.Error("it signs with the former key")
	}
	h.keys.asked = sync.OnceFunc(h.keys.rotate) // between the question for the key and the signature
	h.talk(id, 1)
	h.wantIntact(id, 5, kept)
	h.wantChain(3)
}

// What a vault destroys of a former signing key, its private part, is not needed any more.
func TestAReceiptVerifiesByThePublicKeyAlone(t *testing.T) {
	h := newHouse(t)
	id := h.NewConversation()
	h.talk(id, 1)
	h.seal(id)
	kept, bundle, pub := h.receipt(chattest.Ann, id), h.bundle(id), h.keys.all()
	h.keys.keys = nil
	if err := kept.Verify(pub[0]); err != nil {
		t.Error(err)
	}
	if r, err := chain.VerifyTranscript(bundle, pub, kept); err != nil || !r.Intact() {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRowsChangedInTheDatabaseAreFound(t *testing.T) {
	for what, c := range map[string]struct {
		tamper func([]chat.Entry) []chat.Entry
		class  chain.Class
	}{
		"a body":   {func(l []chat.Entry) []chat.Entry { return alter(l, 4, func(e *chat.Entry) { e.Sealed = []byte{9} }) }, chain.Altered},
		"a sender": {func(l []chat.Entry) []chat.Entry { return alter(l, 4, func(e *chat.Entry) { e.Sender = "u-rob" }) }, chain.Altered},
		"a time": {func(l []chat.Entry) []chat.Entry {
			return alter(l, 4, func(e *chat.Entry) { e.Time = e.Time.Add(time.Microsecond) })
		}, chain.Altered},
		"a row deleted": {func(l []chat.Entry) []chat.Entry {
			return slices.DeleteFunc(l, func(e chat.Entry) bool { return e.Seq == 4 })
		}, chain.Removed},
		"the last row deleted": {func(l []chat.Entry) []chat.Entry {
			return slices.DeleteFunc(l, func(e chat.Entry) bool { return e.Seq == 7 })
		}, chain.Truncated},
	} {
		h := newHouse(t)
		id := h.NewConversation()
		h.talk(id, 1)
		h.seal(id)
		h.talk(id, 2)
		h.seal(id)
		h.log.Tamper = c.tamper
		if r := h.verify(h.bundle(id)); !has(r.Findings, chain.EntriesFile, c.class) {
			t.Errorf("%s: %+v, want %s", what, r.Findings, c.class)
		}
	}
}

func alter(l []chat.Entry, seq uint64, f func(*chat.Entry)) []chat.Entry {
	for i := range l {
		if l[i].Seq == seq {
			f(&l[i])
		}
	}
	return l
}

// The operator has the key and puts an earlier state of the database back, on which everything is sealed again.
func TestAReceiptShowsThatADatabaseWasPutBack(t *testing.T) {
	h := newHouse(t)
	id := h.NewConversation()
	h.talk(id, 2)
	h.seal(id)
	kept := h.receipt(chattest.Ann, id)
	short := h.bundle(id)
	h.log.Tamper = func(l []chat.Entry) []chat.Entry {
		return alter(l, 3, func(e *chat.Entry) { e.Sealed = []byte("other") })
	}
	honest := h.sealer
	h.sealer = sealer.New(forged{h.log, &sealertest.Memory{}}, h.keys, sealer.Config{})
	again := h.bundle(id)
	h.sealer = honest
	if r := h.verify(again); !r.Intact() {
		t.Fatalf("the forger's bundle is not whole: %+v", r.Findings)
	}
	if r := h.verify(again, kept); !has(r.Findings, chain.EntriesFile, chain.Altered) {
		t.Errorf("rewritten: %+v", r.Findings)
	}
	h.log.Tamper = nil
	h.talk(id, 1)
	h.seal(id)
	if r := h.verify(short, h.receipt(chattest.Rob, id)); !has(r.Findings, chain.EntriesFile, chain.Truncated) {
		t.Errorf("cut off: %+v", r.Findings)
	}
}

// forged is a log whose seals are made anew.
type forged struct {
	*sealertest.Memory
	anew *sealertest.Memory
}

func (f forged) Standings(ctx context.Context, ids []chat.ConversationID) ([]sealer.Standing, error) {
	list, err := f.Memory.Standings(ctx, ids)
	for i := range list {
		list[i].Last = chain.Seal{}
		if seals, _ := f.anew.Seals(ctx, list[i].Conversation, 0, 10); len(seals) > 0 {
			list[i].Last = seals[len(seals)-1].Seal
		}
	}
	return list, err
}

func (f forged) Commit(ctx context.Context, t sealer.Tree) error { return f.anew.Commit(ctx, t) }

func (f forged) Tree(ctx context.Context, n uint64) (sealer.Tree, error) { return f.anew.Tree(ctx, n) }

func (f forged) Seals(ctx context.Context, id chat.ConversationID, after uint64, limit int) ([]sealer.Seal, error) {
	return f.anew.Seals(ctx, id, after, limit)
}

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

func TestWhoIsToldBeforeCanHoldASealBack(t *testing.T) {
	h := newHouse(t)
	id := h.NewConversation()
	h.talk(id, 1)
	h.told.fail = errors.New("not now")
	if n, err := h.sealer.Sealed(t.Context(), id); err == nil || n != 0 {
		t.Errorf("sealed up to %d, %v", n, err)
	}
	h.told.fail = nil
	h.wantIntact(id, 3)
	h.wantTold(id, 3)
	if u := h.told.all[len(h.told.all)-1]; u.Sender != chattest.Rob.User || u.Members[0].User != chattest.Rob.User || u.Members[1].User != chattest.Ann.User {
		t.Errorf("told %+v", u)
	}
}

func TestAClockThatGoesBackDoesNotTurnTheTreesRound(t *testing.T) {
	h := newHouse(t)
	now := time.Now()
	h.sealer = sealer.New(h.faults, h.keys, sealer.Config{Now: func() time.Time { return now }})
	id := h.NewConversation()
	h.seal(id)
	now = now.Add(-time.Hour)
	h.talk(id, 1)
	h.wantIntact(id, 3)
	h.wantChain(2)
}

func TestOnlyMembersGetReceipts(t *testing.T) {
	h := newHouse(t)
	id := h.NewConversation()
	doors := h.sealer.Receipts(h.Node)
	ask := func(id string, as int) error {
		_, err := doors.Receipt(t.Context(), []identity.Principal{chattest.Ann, chattest.Hana, chattest.Platform}[as], wire.ChatReceiptGet{Conversation: id})
		return err
	}
	var r *policy.Refusal
	if err := ask(string(id), 0); !errors.As(err, &r) || r.ID != policy.ErrUnavailable.ID || !r.Retry {
		t.Errorf("before the first seal: %v", err)
	}
	h.seal(id)
	if err := ask(string(id), 0); err != nil {
		t.Errorf("a member: %v", err)
	}
	for what, err := range map[string]error{"a stranger": ask(string(id), 1), "of nothing": ask("none", 0)} {
		if !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := ask(string(id), 2); !errors.Is(err, policy.ErrForbidden) {
		t.Errorf("the platform: %v", err)
	}
}

func TestOfWhatDoesNotExistNothingIsExported(t *testing.T) {
	h := newHouse(t)
	var b bytes.Buffer
	if err := h.sealer.Export(t.Context(), "none", &b); !errors.Is(err, policy.ErrNotFound) || b.Len() > 0 {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
	if _, err := h.sealer.Trees(t.Context(), 0, sealer.MaxTrees+1); !errors.Is(err, policy.ErrBadRequest) {
		t.Errorf("too many trees: %v", err)
	}
}
