package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/uuid"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// gate is a function as a gate.
type gate func(a chat.Attempt) (json.RawMessage, error)

func (g gate) Admit(_ context.Context, a chat.Attempt) (json.RawMessage, error) { return g(a) }

func TestGatesAreAskedInTheirOrderAboutWhatIsLeft(t *testing.T) {
	var asked []chat.Attempt
	note := func(left string) gate {
		return func(a chat.Attempt) (json.RawMessage, error) {
			asked = append(asked, a)
			if left == "" {
				return nil, nil
			}
			return json.RawMessage(left), nil
		}
	}
	n, _ := startAt(t, chat.Neighbours{Gates: []chat.Gate{note(""), note(`{ "text": "one" }`), note("")}})
	id := n.NewConversation()
	d := chattest.Text(t, id, "two")
	d.Confirmed = true
	a := n.MustSend(chattest.Ann, d)
	var contents []string
	for _, x := range asked {
		contents = append(contents, string(x.Content))
	}
	if want := []string{`{"text":"two"}`, `{"text":"two"}`, `{ "text": "one" }`}; !slices.Equal(contents, want) {
		t.Errorf("asked about %q, want %q", contents, want)
	}
	rob := chat.Party{User: "u-rob", Role: identity.Recruiter, Company: "co-some"}
	x := asked[0]
	if x.By.User != "u-ann" || x.Conversation != id || x.CID != d.CID || x.Type != chat.TypeText || !x.Confirmed || !reflect.DeepEqual(x.Others, []chat.Party{rob}) {
		t.Errorf("asked %+v", x)
	}
	if !a.Changed {
		t.Error("the sender was not told that it changed")
	}
	for _, p := range []identity.Principal{chattest.Ann, chattest.Rob} {
		if e := n.As(p).Sees(id, a.Seq); string(e.Content) != `{"text":"one"}` || !e.Masked {
			t.Errorf("%s sees %s, masked %v", p.Role, e.Content, e.Masked)
		}
	}
	o, err := n.Original(t.Context(), id, a.Seq)
	if err != nil || string(o.Wrote) != `{"text":"two"}` || string(o.Content) != `{"text":"one"}` {
		t.Errorf("evidence: %s and %s, %v", o.Content, o.Wrote, err)
	}
}

// What a gate refuses is not stored, unless it was before the gate closed: then its sender gets the answer that was lost.
func TestAGateThatClosesLeavesWhatIsStored(t *testing.T) {
	open := true
	n, _ := startAt(t, chat.Neighbours{Gates: []chat.Gate{gate(func(chat.Attempt) (json.RawMessage, error) {
		if open {
			return nil, nil
		}
		return nil, policy.ErrClosed
	})}})
	id := n.NewConversation()
	d := chattest.Text(t, id, "hello")
	first := n.MustSend(chattest.Ann, d)
	open = false
	if a := n.MustSend(chattest.Ann, d); !a.Dup || a.Seq != first.Seq || !a.Time.Equal(first.Time) {
		t.Errorf("the repeat: %+v, want %+v as a repeat", a, first)
	}
	if _, err := n.Send(t.Context(), chattest.Ann, chattest.Text(t, id, "more")); !errors.Is(err, policy.ErrClosed) {
		t.Errorf("another: %v, want closed", err)
	}
	if _, err := n.Send(t.Context(), chattest.Rob, d); !errors.Is(err, policy.ErrClosed) {
		t.Errorf("another's cid: %v, want closed", err)
	}
	if log := n.Log(chattest.Ann, id); len(log) != 2 {
		t.Errorf("%d entries, want 2", len(log))
	}
	if _, err := n.Post(t.Context(), id, chat.Draft{CID: "x", Type: chat.TypeSystem, Content: json.RawMessage(`{"code":"message"}`)}); err != nil {
		t.Errorf("the system's: %v; it passes no gate", err)
	}
}

// A gate that breaks down, or leaves what is no content, is our fault and tells the sender nothing.
func TestAGateThatBreaksStoresNothing(t *testing.T) {
	for name, g := range map[string]gate{
		"an error":     func(chat.Attempt) (json.RawMessage, error) { return nil, errors.New("broken") },
		"no content":   func(chat.Attempt) (json.RawMessage, error) { return json.RawMessage(`{"text":""}`), nil },
		"another type": func(chat.Attempt) (json.RawMessage, error) { return json.RawMessage(`{"target":1}`), nil },
	} {
		n, _ := startAt(t, chat.Neighbours{Gates: []chat.Gate{g}})
		id := n.NewConversation()
		_, err := n.Send(t.Context(), chattest.Ann, chattest.Text(t, id, "hello"))
		var refused *policy.Refusal
		if err == nil || errors.As(err, &refused) {
			t.Errorf("%s: %v, want an internal error", name, err)
		}
		if log := n.Log(chattest.Ann, id); len(log) != 1 {
			t.Errorf("%s: %d entries", name, len(log))
		}
	}
}

// opener remembers what it was asked and answers as told.
type opener struct {
	asked []chat.Opening
	err   error
}

func (o *opener) MayOpen(_ context.Context, x chat.Opening) error {
	o.asked = append(o.asked, x)
	return o.err
}

// T1: recruiters and headhunters start with a candidate, a candidate with recruiters only, and whoever may be hidden is asked
// for before there is a conversation.
func TestWhoMayStart(t *testing.T) {
	rob, ann := chattest.Founders()[0], chattest.Founders()[1]
	hana := chattest.Headhunter()
	for _, c := range []struct {
		starter identity.UserID
		members []chat.NewMember
		want    error
	}{
		{rob.User, []chat.NewMember{rob, ann}, nil},
		{hana.User, []chat.NewMember{ann, hana}, nil},
		{rob.User, []chat.NewMember{ann, rob, hana}, nil},
		{ann.User, []chat.NewMember{ann, rob}, nil},
		{"", []chat.NewMember{ann, hana}, nil},
		{ann.User, []chat.NewMember{ann, hana}, policy.ErrForbidden},
		{ann.User, []chat.NewMember{ann, rob, hana}, policy.ErrForbidden},
		{"u-other", []chat.NewMember{ann, rob}, policy.ErrBadRequest},
	} {
		o := &opener{}
		n, _ := startAt(t, chat.Neighbours{Openers: []chat.Opener{o}})
		key := uuid.NewString()
		open := chat.NewConversation{Key: key, Members: c.members, Starter: c.starter}
		got, err := n.Open(t.Context(), chattest.Platform, open)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%q starts with %d: %v, want %v", c.starter, len(c.members)-1, err, c.want)
		}
		if err != nil {
			if len(o.asked) > 0 {
				t.Errorf("%q: asked %+v about what T1 refuses", c.starter, o.asked)
			}
			continue
		}
		want := chat.Opening{Key: key}
		for _, m := range c.members {
			p := chat.Party{User: m.User, Role: m.Role, Company: m.CompanyID}
			if m.User == c.starter {
				want.Starter = p
			} else {
				want.Others = append(want.Others, p)
			}
		}
		if !reflect.DeepEqual(o.asked, []chat.Opening{want}) || got.Starter != c.starter {
			t.Errorf("%q: asked %+v, want %+v; started by %q", c.starter, o.asked, want, got.Starter)
		}
		o.err = policy.ErrNotFound
		if _, err := n.Open(t.Context(), chattest.Platform, open); err != nil || len(o.asked) != 1 {
			t.Errorf("opening again: %v, asked %d times", err, len(o.asked))
		}
		open.Key = uuid.NewString()
		if _, err := n.Open(t.Context(), chattest.Platform, open); !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("opening another: %v, want not_found", err)
		}
		if list, err := n.List(t.Context(), chattest.Ann); err != nil || len(list) != 1 {
			t.Errorf("%d conversations, %v; want one", len(list), err)
		}
	}
}

func TestMembersEnterAndStrangersDoNot(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{Gates: []chat.Gate{masking{`{"text":"a"}`, `{"text":"b"}`}, gate(func(a chat.Attempt) (json.RawMessage, error) {
		if len(a.Others) != 2 {
			return nil, fmt.Errorf("others: %+v", a.Others)
		}
		return nil, nil
	})}})
	id := n.Conversation(append(chattest.Founders(), chattest.Headhunter())...)
	all := []chat.Party{
		{User: "u-rob", Role: identity.Recruiter, Company: "co-some"}, {User: "u-ann", Role: identity.Candidate},
		{User: "u-hana", Role: identity.Headhunter, Company: "co-hunt"},
	}
	if got, err := n.Parties(t.Context(), id); err != nil || !reflect.DeepEqual(got, all) {
		t.Errorf("parties %+v, %v; want %+v", got, err, all)
	}
	got, err := n.Enter(t.Context(), chattest.Ann, identity.ExchangeAct, id)
	if want := []chat.Party{all[1], all[0], all[2]}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ann entered to %+v, %v; want %+v", got, err, want)
	}
	for _, c := range []struct {
		who    identity.Principal
		action identity.Action
		id     chat.ConversationID
		want   error
	}{
		{chattest.Ann, identity.InsightRead, id, policy.ErrForbidden},
		{identity.Principal{User: chattest.Ann.User, Role: identity.Recruiter}, identity.ExchangeAct, id, policy.ErrNotFound},
		{identity.Principal{User: "u-eve", Role: identity.Candidate}, identity.ExchangeAct, id, policy.ErrNotFound},
		{chattest.Ann, identity.ExchangeAct, "nowhere", policy.ErrNotFound},
	} {
		if _, err := n.Enter(t.Context(), c.who, c.action, c.id); !errors.Is(err, c.want) {
			t.Errorf("%s %s enters: %v, want %v", c.who.Role, c.who.User, err, c.want)
		}
	}
	a := chat.Attempt{By: chattest.Ann, Conversation: id, Type: chat.TypeText, Content: json.RawMessage(`{"text":"a"}`)}
	if left, err := n.Admit(t.Context(), a); err != nil || string(left) != `{"text":"b"}` {
		t.Errorf("admitted %s, %v", left, err)
	}
	a.Content = json.RawMessage(`{"text":"c"}`)
	if left, err := n.Admit(t.Context(), a); err != nil || string(left) != `{"text":"c"}` {
		t.Errorf("admitted %s, %v", left, err)
	}
}

// quiet are users who have switched receipts off.
type quiet map[identity.UserID]bool

func (q quiet) NoReceipts(_ context.Context, users []identity.UserID) (map[identity.UserID]bool, error) {
	off := map[identity.UserID]bool{}
	for _, u := range users {
		off[u] = q[u]
	}
	return off, nil
}

func (quiet) Refusing(context.Context, chat.Party, []identity.UserID) (map[identity.UserID]bool, error) {
	return nil, nil
}

func TestWhoSwitchedReceiptsOffShowsNothingOfThem(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{Preferences: quiet{"u-ann": true}})
	ann, rob := n.As(chattest.Ann), n.As(chattest.Rob)
	id := n.NewConversation()
	rob.Say(id, "hello")
	for _, m := range [][2]chat.Seq{{2, 0}, {2, 1}, {2, 2}} {
		if err := n.Mark(t.Context(), chattest.Ann, id, m[0], m[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Mark(t.Context(), chattest.Rob, id, 2, 2); err != nil {
		t.Fatal(err)
	}
	list, err := n.List(t.Context(), chattest.Rob)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		got              wire.Conversation
		anns, delivered  uint64
		robs, annsUnread uint64
	}{
		"rob's view": {rob.View(id), 0, 2, 2, 0}, "rob's list": {list[0], 0, 2, 2, 0}, "ann's view": {ann.View(id), 2, 2, 2, 0},
	} {
		m := c.got.Members
		if m[1].Read != c.anns || m[1].Delivered != c.delivered || m[0].Read != c.robs || c.got.Unread != c.annsUnread {
			t.Errorf("%s: %+v, unread %d", what, m, c.got.Unread)
		}
	}
	chattest.Eventually(t, "the hub was told", func() bool { return len(n.Hub.Cursors()) == 4 })
	var told []string
	for i, c := range n.Hub.Cursors() {
		told = append(told, fmt.Sprint(c.User, " ", c.Quiet, " ", len(n.Hub.MovedTo()[i])))
	}
	if want := []string{"u-ann true 2", "u-ann true 1", "u-ann true 1", "u-rob false 2"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q: the others of what was delivered only", told, want)
	}
}
