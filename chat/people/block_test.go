package people_test

import (
	"fmt"
	"testing"
	"time"

	"parley/chat/chattest"
	"parley/chat/people"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

func TestBlocksAreListedTheNewestFirst(t *testing.T) {
	w := newTown(t)
	first, second := w.open(rob, ann), w.open(otto, ann)
	w.block(ann, first, rob, true)
	w.clock.pass(time.Minute)
	w.block(ann, second, otto, false)
	w.clock.pass(time.Minute)
	w.block(ann, first, rob, true) // again: nothing changes
	list, err := w.Blocks(t.Context(), ann)
	w.must(err)
	want := []wire.Blocked{
		{User: "u-otto", Conversation: string(second), Since: w.clock.now().Add(-time.Minute)},
		{Company: "c-acme", Conversation: string(first), Since: w.clock.now().Add(-2 * time.Minute)},
	}
	if fmt.Sprint(list.Blocks) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", list.Blocks, want)
	}
	if list, err := w.Blocks(t.Context(), rob); err != nil || list.Blocks == nil || len(list.Blocks) != 0 {
		t.Errorf("of who blocks nobody: %#v, %v; want an empty list", list, err)
	}
}

func TestWhoCanBeBlocked(t *testing.T) {
	w := newTown(t)
	nobodys := otto
	nobodys.Company = ""
	at, far := string(w.open(rob, ann, rita)), string(w.open(nobodys, ann))
	for name, c := range map[string]struct {
		by   identity.Principal
		f    wire.Block
		want *policy.Refusal
	}{
		"oneself":                  {ann, wire.Block{Conversation: at, User: "u-ann"}, policy.ErrNotFound},
		"one who is not there":     {ann, wire.Block{Conversation: at, User: "u-otto"}, policy.ErrNotFound},
		"nobody":                   {ann, wire.Block{Conversation: at}, policy.ErrNotFound},
		"by a stranger":            {otto, wire.Block{Conversation: at, User: "u-ann"}, policy.ErrNotFound},
		"nowhere":                  {ann, wire.Block{Conversation: "c", User: "u-rob"}, policy.ErrNotFound},
		"in another role":          {identity.Principal{User: ann.User, Role: identity.Recruiter}, wire.Block{Conversation: at, User: "u-rob"}, policy.ErrNotFound},
		"one's own side":           {rob, wire.Block{Conversation: at, User: "u-rita"}, policy.ErrBadRequest},
		"a candidate's company":    {rob, wire.Block{Conversation: at, User: "u-ann", Company: true}, policy.ErrBadRequest},
		"a company that's unknown": {ann, wire.Block{Conversation: far, User: "u-otto", Company: true}, policy.ErrBadRequest},
	} {
		if err := w.Block(t.Context(), c.by, c.f); !isRefusal(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, p := range []identity.Principal{ann, rob, rita} {
		if list, err := w.Blocks(t.Context(), p); err != nil || len(list.Blocks) != 0 {
			t.Errorf("%s: %+v, %v; want none", p.Role, list, err)
		}
	}
}

func TestBlocksHaveABound(t *testing.T) {
	w := newTown(t)
	var list []wire.Blocked
	for i := range people.MaxBlocks - 1 {
		list = append(list, wire.Blocked{User: fmt.Sprint("u-", i)})
	}
	w.must(w.BlockAll(t.Context(), ann.User, list))
	w.must(w.BlockOf(t.Context(), chattest.Platform, ann.User, wire.Blocked{Company: "c-last"}, false))
	more := wire.Blocked{User: "u-more"}
	if err := w.BlockOf(t.Context(), chattest.Platform, ann.User, more, false); !isRefusal(err, policy.ErrTooLarge) {
		t.Errorf("one more: %v", err)
	}
	w.must(w.BlockOf(t.Context(), chattest.Platform, ann.User, wire.Blocked{User: "u-7"}, true))
	w.must(w.BlockOf(t.Context(), chattest.Platform, ann.User, more, false))
}
