package people_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
	"parley/storage/keys"
)

// manage does everything that the platform may do for a user, as p.
func manage(t *testing.T, w *town, p identity.Principal, u identity.UserID) map[string]error {
	_, settings := w.SettingsOf(t.Context(), p, u)
	_, set := w.SetOf(t.Context(), p, u, wire.SettingsSet{Hide: &wire.Hide{Headhunters: true}})
	_, blocks := w.BlocksOf(t.Context(), p, u)
	_, quota := w.QuotaOf(t.Context(), p, u)
	_, limit := w.LimitOf(t.Context(), p, u, ptr(5))
	return map[string]error{
		"settings": settings, "set": set, "blocks": blocks, "quota": quota, "limit": limit,
		"block": w.BlockOf(t.Context(), p, u, wire.Blocked{Company: "c-acme"}, false),
		"close": w.Close(t.Context(), p, u),
	}
}

func TestOnlyThePlatformManagesPeople(t *testing.T) {
	for _, role := range identity.Roles {
		for what, err := range manage(t, newTown(t), identity.Principal{User: "u-ann", Role: role}, "u-ann") {
			if role == identity.Service && err != nil || role != identity.Service && !isRefusal(err, policy.ErrForbidden) {
				t.Errorf("%s as %s: %v", what, role, err)
			}
		}
	}
	for _, u := range []identity.UserID{"", "a\nb", "\xff", identity.UserID(strings.Repeat("u", identity.MaxUserID+1))} {
		for what, err := range manage(t, newTown(t), chattest.Platform, u) {
			if !isRefusal(err, policy.ErrBadRequest) {
				t.Errorf("%s of %q: %v", what, u, err)
			}
		}
	}
}

func TestThePlatformSetsAndBlocksForAUser(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	got, err := w.SetOf(t.Context(), chattest.Platform, ann.User, wire.SettingsSet{Receipts: ptr(false)})
	if err != nil || got.Receipts || !has[wire.Settings](w.told.take(), ann.User) || w.settings(ann).Receipts {
		t.Errorf("set %+v, %v", got, err)
	}
	w.must(w.BlockOf(t.Context(), chattest.Platform, ann.User, wire.Blocked{Company: "c-acme", Conversation: string(at)}, false))
	same(t, "he sends", w.say(rob, at), policy.ErrClosed)
	w.must(w.BlockOf(t.Context(), chattest.Platform, ann.User, wire.Blocked{Company: "c-acme"}, true))
	w.must(w.say(rob, at))
	for _, b := range []wire.Blocked{{}, {User: "u", Company: "c"}, {User: "u-ann"}, {Company: "c\n"}, {User: strings.Repeat("u", 129)}} {
		if err := w.BlockOf(t.Context(), chattest.Platform, ann.User, b, false); !isRefusal(err, policy.ErrBadRequest) {
			t.Errorf("block %+v: %v", b, err)
		}
	}
}

func TestThePlatformSetsALimit(t *testing.T) {
	w := newTown(t, quotaOf(3))
	w.open(rob, ann)
	for _, c := range []struct {
		limit             *int
		wantLimit, wantIn int
	}{{ptr(50), 50, 49}, {ptr(0), 0, 0}, {nil, 3, 2}} {
		q, err := w.LimitOf(t.Context(), chattest.Platform, rob.User, c.limit)
		if err != nil || q.Limit != c.wantLimit || q.Left != c.wantIn || w.left(rob) != c.wantIn || !has[wire.Quota](w.told.take(), rob.User) {
			t.Errorf("limit %+v, %v; want %d, %d left", q, err, c.wantLimit, c.wantIn)
		}
	}
	for _, n := range []int{-1, 100_001} {
		if _, err := w.LimitOf(t.Context(), chattest.Platform, rob.User, &n); !isRefusal(err, policy.ErrBadRequest) {
			t.Errorf("limit %d: %v", n, err)
		}
	}
}

// R4: closing is for ever. What the person set is gone, the other side keeps what was said, and the person is refused as
// closed everywhere.
func TestAClosedAccountStaysClosed(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	w.must(w.say(ann, at))
	w.set(ann, wire.SettingsSet{Replies: ptr([]string{"secret"})})
	before := w.chat.Log(rob, at)
	w.shut(ann)
	w.shut(ann)
	if _, err := w.vault.Open(t.Context(), "people/u-ann"); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("the key of what was set: %v", err)
	}
	if after := w.chat.Log(rob, at); !reflect.DeepEqual(before, after) {
		t.Errorf("what was said changed: %v", after)
	}
	for what, err := range manage(t, w, chattest.Platform, ann.User) {
		if what == "close" && err != nil || what != "close" && !isRefusal(err, policy.ErrGone) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, settings := w.Settings(t.Context(), ann)
	_, set := w.Set(t.Context(), ann, wire.SettingsSet{Receipts: ptr(true)})
	_, blocks := w.Blocks(t.Context(), ann)
	block := w.Block(t.Context(), ann, wire.Block{Conversation: string(at), User: "u-rob"})
	for what, err := range map[string]error{"settings": settings, "set": set, "blocks": blocks, "block": block} {
		if !isRefusal(err, policy.ErrGone) {
			t.Errorf("%s of oneself: %v", what, err)
		}
	}
	same(t, "he sends", w.say(rob, at), policy.ErrClosed)
}

// A crash, or a vault that is away, between the two steps leaves the account closed; the repeat completes it.
func TestClosingIsCompletedByTheRepeat(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	w.set(ann, wire.SettingsSet{Replies: ptr([]string{"secret"})})
	stuck := errors.New("the vault is away")
	w.vault.stuck = stuck
	if err := w.Close(t.Context(), chattest.Platform, ann.User); !errors.Is(err, stuck) {
		t.Fatalf("got %v, want the failure", err)
	}
	same(t, "he sends", w.say(rob, at), policy.ErrClosed)
	if _, err := w.vault.Open(t.Context(), "people/u-ann"); err != nil {
		t.Fatalf("control: %v", err)
	}
	w.vault.stuck = nil
	w.shut(ann)
	if _, err := w.vault.Open(t.Context(), "people/u-ann"); !errors.Is(err, keys.ErrDestroyed) {
		t.Errorf("the key: %v", err)
	}
}

// Whose key was destroyed by an erasure is closed, and nobody gets through to them by defaults.
func TestAnErasedPersonIsClosed(t *testing.T) {
	w := newTown(t)
	at := w.open(rob, ann)
	w.hide(ann, wire.Hide{Everybody: true})
	w.must(w.vault.Destroy(t.Context(), "people/u-ann"))
	w.clock.pass(1 << 40)
	same(t, "he sends", w.say(rob, at), policy.ErrClosed)
	_, err := w.try("another", rob, ann)
	same(t, "he opens", err, policy.ErrNotFound)
	_, err = w.Admit(t.Context(), chat.Attempt{By: ann, Conversation: at})
	if !isRefusal(err, policy.ErrGone) {
		t.Errorf("she sends: %v", err)
	}
}
