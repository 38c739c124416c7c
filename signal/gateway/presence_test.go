package gateway_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/client"
	"parley/signal/gateway"
	"parley/signal/wire"
)

// shown is a gateway.Presence that shows everybody but who was hidden from the viewer.
type shown struct {
	mu     sync.Mutex
	hidden map[[2]identity.UserID]bool // viewer, user
}

func (s *shown) option(n *node) { n.cfg.Presence = s }

func (s *shown) hide(user, from identity.UserID, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hidden == nil {
		s.hidden = map[[2]identity.UserID]bool{}
	}
	s.hidden[[2]identity.UserID{from, user}] = yes
}

func (s *shown) Visible(_ context.Context, viewer identity.Principal, users []identity.UserID) (visible []identity.UserID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range users {
		if !s.hidden[[2]identity.UserID{viewer.User, u}] {
			visible = append(visible, u)
		}
	}
	return visible, nil
}

func (n *node) here(s *client.Session, conversation string) []string {
	n.t.Helper()
	p, err := client.Ask[wire.Presence](n.t.Context(), s, wire.ChatPresence{Conversation: conversation})
	if err != nil {
		n.t.Fatal(err)
	}
	return p.Here
}

func isHere(conversation string, users ...string) func(wire.Presence) bool {
	return func(p wire.Presence) bool { return p.Conversation == conversation && slices.Equal(p.Here, users) }
}

func TestWhoWatchesIsToldWhoComesAndGoes(t *testing.T) {
	t.Parallel() // it waits most of the time
	n := start(t, (&shown{}).option, limits(quietPings))
	id := n.open()
	r, in := n.join(rob, client.Options{})
	if here := n.here(r, id); len(here) > 0 {
		t.Errorf("%v are here, though nobody but the asker is", here)
	}
	a, _ := n.join(ann, client.Options{})
	find(t, in, isHere(id, string(ann.User)))
	if here := n.here(r, id); !slices.Equal(here, []string{string(ann.User)}) {
		t.Errorf("%v are here", here)
	}
	a.Close()
	find(t, in, isHere(id))
}

func TestAConnectionThatComesBackAtOnceNeverLeft(t *testing.T) {
	t.Parallel() // it waits most of the time
	n := start(t, (&shown{}).option, limits(quietPings))
	id := n.open()
	a, _ := n.join(ann, client.Options{})
	r, in := n.join(rob, client.Options{})
	n.here(r, id)
	eventually(t, "it is told who came", func() bool { return n.bus.toldAll() == 1 })
	gateway.NewHub(n.bus, n.cfg.Log).Push(t.Context(), rob.User, wire.Quota{Left: 1})
	find(t, in, func(wire.Quota) bool { return true }) // so it was looked who is here
	for range 3 {
		a.Break()
		if _, err := a.Do(t.Context(), wire.Ping{}); err != nil && !errors.Is(err, client.ErrLost) {
			t.Fatal(err)
		}
	}
	eventually(t, "it is told that something changed", func() bool { return n.bus.toldAll() >= 2 })
	if here := n.here(r, id); !slices.Equal(here, []string{string(ann.User)}) {
		t.Errorf("%v are here", here)
	}
	for _, b := range in.list() {
		if p, ok := b.(wire.Presence); ok {
			t.Errorf("told %+v", p)
		}
	}
}

func TestWhoHidesIsNeverHereNorTypes(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := &shown{}
	n := start(t, s.option, limits(gateway.Limits{Ping: time.Second}))
	id := n.open()
	s.hide(ann.User, rob.User, true)
	a, _ := n.join(ann, client.Options{})
	r, in := n.join(rob, client.Options{})
	if here := n.here(r, id); len(here) > 0 {
		t.Errorf("%v are here", here)
	}
	if _, err := a.Do(t.Context(), wire.ChatTyping{Conversation: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Send(t.Context(), id, "after typing"); err != nil {
		t.Fatal(err)
	}
	find(t, in, func(e wire.ChatEntry) bool { return e.Sender == string(ann.User) })
	for _, b := range in.list() {
		switch b.(type) {
		case wire.Presence, wire.ChatTyping:
			t.Errorf("rob is shown %+v", b)
		}
	}
	s.hide(ann.User, rob.User, false)
	find(t, in, isHere(id, string(ann.User))) // found out by a ping
}

func TestTypingReachesTheOthersAndNobodyElse(t *testing.T) {
	n := start(t, (&shown{}).option)
	id := n.open()
	a, own := n.join(ann, client.Options{})
	_, in := n.join(rob, client.Options{})
	_, strange := n.join(identity.Principal{User: "u-stranger", Role: identity.Candidate}, client.Options{})
	for range 20 {
		if _, err := a.Do(t.Context(), wire.ChatTyping{Conversation: id, User: string(rob.User)}); err != nil {
			t.Fatal(err)
		}
	}
	find(t, in, func(w wire.ChatTyping) bool { return w.Conversation == id && w.User == string(ann.User) })
	if _, err := a.Send(t.Context(), id, "done"); err != nil {
		t.Fatal(err)
	}
	find(t, in, func(wire.ChatEntry) bool { return true })
	told := 0
	for _, b := range in.list() {
		if _, ok := b.(wire.ChatTyping); ok {
			told++
		}
	}
	if told > 5 {
		t.Errorf("20 hints at once were passed on as %d", told)
	}
	for _, b := range append(own.list(), strange.list()...) {
		if w, ok := b.(wire.ChatTyping); ok {
			t.Errorf("%+v reached somebody else", w)
		}
	}
}

func TestPresenceIsForMembersOnly(t *testing.T) {
	n := start(t, (&shown{}).option)
	id := n.open()
	stranger, _ := n.signIn(identity.Principal{User: "u-stranger", Role: identity.Candidate}, nil)
	asRecruiter := ann
	asRecruiter.Role = identity.Recruiter // T1: in it in another role
	other, _ := n.signIn(asRecruiter, nil)
	for _, r := range []*raw{stranger, other} {
		for ref, b := range map[string]wire.Body{"1": wire.ChatPresence{Conversation: id}, "2": wire.ChatTyping{Conversation: id}, "3": wire.ChatPresence{Conversation: "none"}} {
			r.send(ref, b)
			r.expectError(ref, "not_found")
		}
	}
	without := start(t)
	r, _ := without.signIn(ann, nil)
	r.send("1", wire.ChatPresence{Conversation: without.open()})
	r.expectError("1", "unavailable")
}

func TestPresenceAndPushesCrossNodes(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := &shown{}
	_, n1, n2 := two(t, s.option)
	id := n1.open()
	r, in := n1.join(rob, client.Options{})
	_, other := n2.join(rob, client.Options{})
	if here := n1.here(r, id); len(here) > 0 {
		t.Errorf("%v are here", here)
	}
	a, own := n2.join(ann, client.Options{})
	find(t, in, isHere(id, string(ann.User)))
	if _, err := a.Do(t.Context(), wire.ChatTyping{Conversation: id}); err != nil {
		t.Fatal(err)
	}
	find(t, in, func(w wire.ChatTyping) bool { return w.User == string(ann.User) })
	gateway.NewHub(n2.bus, n2.cfg.Log).Push(t.Context(), rob.User, wire.Quota{Limit: 100, Left: 10})
	for _, i := range []*inbox{in, other} {
		find(t, i, func(q wire.Quota) bool { return q.Left == 10 })
	}
	for _, b := range own.list() {
		if _, ok := b.(wire.Quota); ok {
			t.Error("the push reached somebody else")
		}
	}
	a.Close()
	find(t, in, isHere(id))
}

func TestANodeThatIsAloneSaysNothingOfOthers(t *testing.T) {
	t.Parallel() // it waits most of the time
	server, n1, n2 := two(t, (&shown{}).option)
	id := n1.open()
	r, in := n1.join(rob, client.Options{})
	n2.join(ann, client.Options{})
	eventually(t, "ann is here", func() bool { return len(n1.here(r, id)) == 1 })
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	n1.alone()
	var refused *client.Refused
	if _, err := r.Do(t.Context(), wire.ChatPresence{Conversation: id}); !errors.As(err, &refused) || refused.ID != "unavailable" || refused.RetryAfter <= 0 {
		t.Errorf("got %v", err)
	}
	before := n1.bus.toldAll()
	n1.join(identity.Principal{User: "u-passing", Role: identity.Candidate}, client.Options{}) // stirs
	eventually(t, "who came is told", func() bool { return n1.bus.toldAll() > before })
	for _, b := range in.list() {
		if p, ok := b.(wire.Presence); ok && len(p.Here) == 0 {
			t.Errorf("told %+v", p)
		}
	}
	if strings.Contains(n1.logs.String(), "could not be served") {
		t.Error("it is logged as a fault of the node")
	}
}

// quietly is a chat.Preferences of somebody who does not show what is read.
type quietly identity.UserID

func (q quietly) NoReceipts(_ context.Context, users []identity.UserID) (map[identity.UserID]bool, error) {
	return map[identity.UserID]bool{identity.UserID(q): slices.Contains(users, identity.UserID(q))}, nil
}

func (quietly) Refusing(context.Context, chat.Party, []identity.UserID) (map[identity.UserID]bool, error) {
	return nil, nil
}

func TestWhatAQuietMemberReadIsToldToTheMemberOnly(t *testing.T) {
	n := start(t, func(n *node) { n.options = chat.Neighbours{Preferences: quietly(ann.User)} })
	id := n.open()
	phone, _ := n.join(ann, client.Options{})
	_, laptop := n.join(ann, client.Options{})
	r, in := n.join(rob, client.Options{})
	ack, err := r.Send(t.Context(), id, "read me")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := phone.Do(t.Context(), wire.ChatMark{Conversation: id, Delivered: ack.Seq, Read: ack.Seq}); err != nil {
		t.Fatal(err)
	}
	find(t, laptop, func(c wire.ChatCursor) bool { return c.User == string(ann.User) && c.Read == ack.Seq })
	find(t, in, func(c wire.ChatCursor) bool { return c.User == string(ann.User) && c.Delivered == ack.Seq })
	for _, b := range in.list() {
		if c, ok := b.(wire.ChatCursor); ok && c.User == string(ann.User) && c.Read > 0 {
			t.Errorf("rob was told %+v", c)
		}
	}
}
