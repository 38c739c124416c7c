package sealer_test

import (
	"bytes"
	"context"
	"errors"
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
