package chattest

import (
	"encoding/json"
	"errors"
	"testing"

	"parley/chat"
	"parley/internal/policy"
	"parley/signal/wire"
)

// asking is the first step of an exchange, by Ann.
func asking(t testing.TB, id chat.ConversationID, thing chat.ThingID) chat.Posting {
	t.Helper()
	p := chat.Posting{
		Draft:  Drafted(t, id, chat.TypeExchange, wire.ExchangeContent{Exchange: string(thing), What: "wechat", Step: "requested", By: string(ann)}),
		Sender: ann, Turn: &chat.Turn{Thing: thing, Kind: chat.KindExchange, What: "wechat", Opener: ann, To: "requested"},
	}
	return p
}

// accepting is the second, by Rob.
func accepting(t testing.TB, id chat.ConversationID, thing chat.ThingID) chat.Posting {
	t.Helper()
	return chat.Posting{
		Draft:  Drafted(t, id, chat.TypeExchange, wire.ExchangeContent{Exchange: string(thing), What: "wechat", Step: "accepted", By: string(rob)}),
		Sender: rob, Turn: &chat.Turn{Thing: thing, From: "requested", To: chat.StateAccepted},
	}
}

// serviceSteps: a step and its entry are one, however the commit ends, and are taken once.
func serviceSteps(t *testing.T, s chat.Store) {
	for _, c := range []struct {
		name  string
		fault Fault
		dup   bool
	}{
		{"works", Works, true}, {"fails", Fails, false}, {"fails but persisted", FailsPersisted, true},
	} {
		n := Start(t, s, &Hub{}, chat.Config{})
		id := n.NewConversation()
		if _, err := n.Put(t.Context(), asking(t, id, "x-1")); err != nil {
			t.Fatal(err)
		}
		n.Store.Next(c.fault)
		p := accepting(t, id, "x-1")
		if _, err := n.Put(t.Context(), p); (err == nil) != (c.fault == Works) {
			t.Fatalf("%s: %v", c.name, err)
		}
		thing, err := n.Thing(t.Context(), id, "x-1")
		if want := map[bool]string{true: chat.StateAccepted, false: "requested"}[c.dup]; err != nil || thing.State != want {
			t.Errorf("%s: the thing is %q, %v; want %q", c.name, thing.State, err, want)
		}
		if a, err := n.Put(t.Context(), p); err != nil || a.Dup != c.dup || a.Seq != 3 {
			t.Errorf("%s, again: %+v, %v; want seq 3, repeat %v", c.name, a, err, c.dup)
		}
		if _, err := n.Put(t.Context(), accepting(t, id, "x-1")); !errors.Is(err, chat.ErrTurn) {
			t.Errorf("%s, by another entry: %v, want ErrTurn", c.name, err)
		}
		if log := n.Log(Ann, id); len(log) != 3 {
			t.Errorf("%s: %d entries, want 3", c.name, len(log))
		}
		if v := n.As(Ann).View(id); !v.Exchanged || !v.Members[0].Spoke || !v.Members[1].Spoke {
			t.Errorf("%s: ann's view %+v", c.name, v)
		}
		Eventually(t, "the hub was told that the view changed", func() bool { return n.Hub.ChangedOf(id) >= 3 })
		if _, err := n.Thing(t.Context(), id, "x-2"); !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("%s: a thing that is not there: %v, want not_found", c.name, err)
		}
		n.Stop()
	}
}

// serviceRevises: what was edited and recalled shows so to everybody and in every way, and a failed commit leaves it as it was.
func serviceRevises(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{})
	ann, rob := n.As(Ann), n.As(Rob)
	id := n.NewConversation()
	kept, gone := ann.Say(id, "first words"), ann.Say(id, "other words")
	n.Store.Next(Fails)
	_, err := ann.Try(id, chat.TypeEdit, wire.EditContent{Target: kept.Seq, Text: "lost words"})
	checkUnavailable(t, err)
	if e := rob.Sees(id, kept.Seq); string(e.Content) != `{"text":"first words"}` || e.Revised != nil {
		t.Errorf("after an edit that failed: %s", e.Content)
	}
	n.Store.Next(FailsPersisted)
	recall := Drafted(t, id, chat.TypeRecall, wire.RecallContent{Target: gone.Seq})
	_, err = n.Send(t.Context(), Ann, recall)
	checkUnavailable(t, err)
	if a := n.MustSend(Ann, recall); !a.Dup {
		t.Errorf("the repeat of a recall that took effect: %+v", a)
	}
	ann.Send(id, chat.TypeEdit, wire.EditContent{Target: kept.Seq, Text: "last words"})
	want := []string{`{"code":"opened"}`, `{"text":"last words"}`, `{"recalled":true}`, `{"target":3}`, `{"target":2,"text":"last words"}`}
	for i, e := range rob.Log(id) {
		if string(e.Content) != want[i] {
			t.Errorf("rob sees seq %d as %s, want %s", e.Seq, e.Content, want[i])
		}
	}
	if f := rob.Found(wire.ChatSearch{Query: "WORDS"}); len(f.Entries) != 1 || f.More {
		t.Errorf("rob finds %d, want one", len(f.Entries))
	}
	if o, err := n.Original(t.Context(), id, gone.Seq); err != nil || string(o.Content) != `{"text":"other words"}` {
		t.Errorf("evidence: %s, %v", o.Content, err)
	}
}

// serviceBegins: what is begun in a row is in the log in that order, whoever waits for it.
func serviceBegins(t *testing.T, s chat.Store) {
	n := Start(t, s, &Hub{}, chat.Config{})
	id := n.NewConversation()
	const many = 300
	var want []string
	var last chat.Draft
	for i := range many {
		last = Drafted(t, id, chat.TypeText, wire.TextContent{Text: string(rune('a' + i%26))})
		if _, err := n.Begin(t.Context(), Ann, last); err != nil {
			t.Fatal(err)
		}
		want = append(want, string(last.Content))
	}
	if a := n.MustSend(Ann, last); !a.Dup || a.Seq != many+1 {
		t.Fatalf("the last one again: %+v, want seq %d as a repeat", a, many+1)
	}
	for i, e := range n.Log(Rob, id)[1:] {
		if string(e.Content) != want[i] {
			t.Fatalf("place %d holds %s, want %s", i, e.Content, want[i])
		}
	}
	if _, err := n.Begin(t.Context(), Ann, chat.Draft{Conversation: id, CID: CID(t), Type: chat.TypeText, Content: json.RawMessage(`{}`)}); err == nil {
		t.Error("what has no form was begun")
	}
}
