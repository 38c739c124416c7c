package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/policy"
	"parley/signal/wire"
)

// startAt is a node whose time the test moves.
func startAt(t testing.TB, around chat.Neighbours) (*chattest.Node, *chattest.Clock) {
	clock := chattest.NewClock()
	return chattest.Start(t, &chattest.Memory{}, &chattest.Hub{}, chat.Config{Now: clock.Now, Neighbours: around}), clock
}

// E1: an edit shows to both sides in place of the original, which stays as evidence.
func TestAnEditHidesTheOriginalAndKeepsIt(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{})
	ann, rob := n.As(chattest.Ann), n.As(chattest.Rob)
	id := n.NewConversation()
	asked := rob.Say(id, "when?")
	said := ann.Send(id, chat.TypeText, wire.TextContent{Text: "on monday", Reply: asked.Seq})
	first := ann.Send(id, chat.TypeEdit, wire.EditContent{Target: said.Seq, Text: "on tuesday"})
	second := ann.Send(id, chat.TypeEdit, wire.EditContent{Target: said.Seq, Text: "on friday"})
	for _, viewer := range []chattest.Person{ann, rob} {
		e := viewer.Sees(id, said.Seq)
		if string(e.Content) != `{"text":"on friday","reply":2}` || e.Revised == nil || *e.Revised != (wire.Revised{Seq: second.Seq, Kind: "edit"}) {
			t.Errorf("%s sees %s, %+v", viewer.Role, e.Content, e.Revised)
		}
		if e := viewer.Sees(id, first.Seq); string(e.Content) != `{"target":3,"text":"on friday"}` || e.Revised == nil {
			t.Errorf("%s sees the first edit as %s", viewer.Role, e.Content)
		}
		if e := viewer.Sees(id, second.Seq); e.Revised != nil || string(e.Content) != `{"target":3,"text":"on friday"}` {
			t.Errorf("%s sees the second edit as %+v", viewer.Role, e)
		}
	}
	for seq, want := range map[chat.Seq]string{
		said.Seq: `{"text":"on monday","reply":2}`, first.Seq: `{"target":3,"text":"on tuesday"}`, second.Seq: `{"target":3,"text":"on friday"}`,
	} {
		if o, err := n.Original(t.Context(), id, seq); err != nil || string(o.Content) != want || o.Revised != nil {
			t.Errorf("evidence of seq %d: %s, %v; want %s", seq, o.Content, err, want)
		}
	}
	if _, err := n.Original(t.Context(), id, 99); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("evidence of nothing: %v, want not_found", err)
	}
}

// E1: a recall hides the original and every edit of it from both sides, in pages, lists and searches; it stays as evidence.
func TestARecallHidesWhatWasSaidAndKeepsIt(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{})
	ann, rob := n.As(chattest.Ann), n.As(chattest.Rob)
	id := n.NewConversation()
	said := ann.Say(id, "my secret")
	edit := ann.Send(id, chat.TypeEdit, wire.EditContent{Target: said.Seq, Text: "another secret"})
	ann.Send(id, chat.TypeRecall, wire.RecallContent{Target: said.Seq})
	for _, viewer := range []chattest.Person{ann, rob} {
		for _, seq := range []chat.Seq{said.Seq, edit.Seq} {
			if e := viewer.Sees(id, seq); string(e.Content) != `{"recalled":true}` || e.Revised == nil || e.Revised.Kind != "recall" {
				t.Errorf("%s sees seq %d as %+v", viewer.Role, seq, e)
			}
		}
		if found := viewer.Found(wire.ChatSearch{Query: "secret"}); len(found.Entries) > 0 {
			t.Errorf("%s finds %+v", viewer.Role, found.Entries)
		}
	}
	if o, err := n.Original(t.Context(), id, said.Seq); err != nil || string(o.Content) != `{"text":"my secret"}` {
		t.Errorf("evidence: %s, %v", o.Content, err)
	}
	for what, c := range map[string]struct {
		kind    string
		content any
	}{
		"an edit":        {chat.TypeEdit, wire.EditContent{Target: said.Seq, Text: "back"}},
		"another recall": {chat.TypeRecall, wire.RecallContent{Target: said.Seq}},
		"a reaction":     {chat.TypeReaction, wire.ReactionContent{Target: said.Seq, Emoji: "👍"}},
		"a reply":        {chat.TypeText, wire.TextContent{Text: "no", Reply: said.Seq}},
	} {
		if _, err := ann.Try(id, c.kind, c.content); !errors.Is(err, policy.ErrGone) {
			t.Errorf("%s after the recall: %v, want gone", what, err)
		}
	}
}

func TestOnlyOnesOwnWordsCanBeChangedAndOnlyInTime(t *testing.T) {
	n, clock := startAt(t, chat.Neighbours{})
	ann, rob := n.As(chattest.Ann), n.As(chattest.Rob)
	id := n.NewConversation()
	said := ann.Say(id, "hello")
	mark := ann.Send(id, chat.TypeReaction, wire.ReactionContent{Target: said.Seq, Emoji: "👍🏽"})
	edit := func(p chattest.Person, target chat.Seq, want error) {
		t.Helper()
		if _, err := p.Try(id, chat.TypeEdit, wire.EditContent{Target: target, Text: "x"}); !errors.Is(err, want) || err == nil != (want == nil) {
			t.Errorf("%s edits %d: %v, want %v", p.Role, target, err, want)
		}
	}
	recall := func(p chattest.Person, target chat.Seq, want error) {
		t.Helper()
		if _, err := p.Try(id, chat.TypeRecall, wire.RecallContent{Target: target}); !errors.Is(err, want) || err == nil != (want == nil) {
			t.Errorf("%s recalls %d: %v, want %v", p.Role, target, err, want)
		}
	}
	for _, f := range []func(chattest.Person, chat.Seq, error){edit, recall} {
		f(rob, said.Seq, policy.ErrBadRequest) // another's
		f(ann, 1, policy.ErrBadRequest)        // the system's
		f(ann, mark.Seq, policy.ErrBadRequest) // no words
		f(ann, 99, policy.ErrBadRequest)       // not there yet
		f(ann, 1<<63, policy.ErrBadRequest)
		f(ann, 0, policy.ErrBadRequest)
	}
	clock.Advance(chat.RecallWithin)
	edit(ann, said.Seq, nil)
	recall(ann, said.Seq, nil)
	late := ann.Say(id, "later")
	clock.Advance(chat.RecallWithin + time.Microsecond)
	recall(ann, late.Seq, policy.ErrGone)
	clock.Advance(chat.EditWithin - chat.RecallWithin - time.Microsecond)
	edit(ann, late.Seq, nil)
	clock.Advance(time.Microsecond)
	edit(ann, late.Seq, policy.ErrGone)
}

// A recall whose answer was lost is sent again when its time is over: what is stored is acknowledged.
func TestARepeatThatComesTooLateIsAcknowledged(t *testing.T) {
	n, clock := startAt(t, chat.Neighbours{})
	id := n.NewConversation()
	said := n.As(chattest.Ann).Say(id, "hello")
	d := chattest.Drafted(t, id, chat.TypeRecall, wire.RecallContent{Target: said.Seq})
	first := n.MustSend(chattest.Ann, d)
	clock.Advance(time.Hour)
	if a := n.MustSend(chattest.Ann, d); !a.Dup || a.Seq != first.Seq || !a.Time.Equal(first.Time) {
		t.Errorf("the repeat: %+v, want %+v as a repeat", a, first)
	}
	d.CID = chattest.CID(t)
	if _, err := n.Send(t.Context(), chattest.Ann, d); !errors.Is(err, policy.ErrGone) {
		t.Errorf("another: %v, want gone", err)
	}
}

func TestAReactionIsAPictureAndNoWriting(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{})
	ann := n.As(chattest.Ann)
	id := n.NewConversation()
	for emoji, ok := range map[string]bool{
		"👍": true, "👍🏽": true, "❤️": true, "👨‍👩‍👧‍👦": true, "🇨🇳": true, "": false, "a": false, "13800138000": false, "一三八": false, "👍a": false, "👍 ": false,
		"️": false, "👍👍👍👍👍👍👍👍👍": false, "\U000e0061": false, "①③⑧": false, "<b>": false,
		"⏰": true, "⭐": true, "✅": true, "☕": true, "🤝🏻": true, "🫡": true,
		"Ⓦⓧ": false, "🅐🄰": false, "🇻🇽🇿🇭": false, "👍🇻🇽": false, "🇻": false, "⼀⼆": false, "㇀㇁": false, "⠁⠃": false, "⍳⍴": false, "🈶": false, "㊙": false, "🀇🀈": false, "🜀": false,
	} {
		if _, err := ann.Try(id, chat.TypeReaction, wire.ReactionContent{Target: 1, Emoji: emoji}); (err == nil) != ok {
			t.Errorf("%q: %v, want accepted %v", emoji, err, ok)
		}
	}
}

// masking leaves out what it is told to; everything else passes.
type masking struct{ word, left string }

func (m masking) Admit(_ context.Context, a chat.Attempt) (json.RawMessage, error) {
	if string(a.Content) != m.word {
		return nil, nil
	}
	return json.RawMessage(m.left), nil
}

// R2: an edit goes with its sender's words.
func TestErasureTakesEdits(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{})
	ann, rob := n.As(chattest.Ann), n.As(chattest.Rob)
	id := n.NewConversation()
	said := ann.Say(id, "hers")
	ann.Send(id, chat.TypeEdit, wire.EditContent{Target: said.Seq, Text: "hers, edited"})
	if err := n.Vault.Destroy(t.Context(), chat.BodyKey(id, chattest.Ann.User)); err != nil {
		t.Fatal(err)
	}
	for _, e := range rob.Log(id)[1:] {
		if string(e.Content) != `{"erased":true}` {
			t.Errorf("seq %d shows %s", e.Seq, e.Content)
		}
	}
	if o, err := n.Original(t.Context(), id, said.Seq); err != nil || string(o.Content) != `{"erased":true}` || o.Wrote != nil {
		t.Errorf("evidence shows %+v, %v", o, err)
	}
	if found := rob.Found(wire.ChatSearch{Query: "hers"}); len(found.Entries) > 0 {
		t.Errorf("found %+v", found.Entries)
	}
}

// An entry whose first answer was lost is told of late, by its repeat; not if it was recalled by then.
func TestWhatWasRecalledIsNotToldLate(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{})
	id := n.NewConversation()
	n.Store.Next(chattest.FailsPersisted)
	d := chattest.Text(t, id, "too soon")
	if _, err := n.Send(t.Context(), chattest.Ann, d); !errors.Is(err, policy.ErrUnavailable) {
		t.Fatal(err)
	}
	n.As(chattest.Ann).Send(id, chat.TypeRecall, wire.RecallContent{Target: 2})
	if a := n.MustSend(chattest.Ann, d); !a.Dup || a.Seq != 2 {
		t.Errorf("the repeat: %+v", a)
	}
	n.As(chattest.Ann).Say(id, "last")
	chattest.Eventually(t, "the hub was told of the last", func() bool { return len(n.Hub.Entries()) >= 2 })
	for _, e := range n.Hub.Entries() {
		if e.Seq == 2 {
			t.Error("the hub was told of what was recalled")
		}
	}
}
