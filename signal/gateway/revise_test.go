package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"

	"parley/chat"
	"parley/chat/chattest"
	"parley/signal/client"
	"parley/signal/wire"
)

// saying is a request to send a content.
func saying(t testing.TB, id, kind string, content any) wire.ChatSend {
	t.Helper()
	raw, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return wire.ChatSend{Conversation: id, CID: string(chattest.CID(t)), Type: kind, Content: raw}
}

// E1: what was recalled or edited while a device was away reaches it in no frame: not in the gap, not in a page, not in a search.
func TestADeviceThatWasAwayNeverSeesWhatWasHidden(t *testing.T) {
	n := start(t, onSQLite)
	id := n.open()
	a, _ := n.join(ann, client.Options{})
	do := func(kind string, content any) wire.ChatAck {
		t.Helper()
		answer, err := a.Do(t.Context(), saying(t, id, kind, content))
		if err != nil {
			t.Fatal(err)
		}
		return answer.(wire.ChatAck)
	}
	edited, recalled := do(chat.TypeText, wire.TextContent{Text: "first secret"}), do(chat.TypeText, wire.TextContent{Text: "second secret"})
	do(chat.TypeEdit, wire.EditContent{Target: edited.Seq, Text: "third secret"})
	last := do(chat.TypeEdit, wire.EditContent{Target: edited.Seq, Text: "open word"})
	gone := do(chat.TypeRecall, wire.RecallContent{Target: recalled.Seq})

	r, _ := n.signIn(rob, map[string]uint64{id: 1})
	r.send("s", wire.ChatSearch{Query: "secret"})
	r.send("p", wire.ChatRead{Conversation: id})
	got := map[uint64]wire.Entry{}
	for len(got) < 5 {
		f, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := f.Body.(wire.ChatEntry); ok {
			got[e.Seq] = e.Entry
		}
		check(t, f)
	}
	for seq, want := range map[uint64]wire.Revised{edited.Seq: {Seq: last.Seq, Kind: "edit"}, recalled.Seq: {Seq: gone.Seq, Kind: "recall"}} {
		if e := got[seq]; e.Revised == nil || *e.Revised != want {
			t.Errorf("seq %d came as %+v, want revised %+v", seq, e, want)
		}
	}
	if found := expect[wire.ChatFound](r, "s"); len(found.Entries) > 0 || found.More {
		t.Errorf("found %+v", found)
	}
	page := expect[wire.ChatPage](r, "p")
	check(t, wire.Frame{Body: page})
	r.send("s", wire.ChatSearch{Query: "OPEN"})
	if found := expect[wire.ChatFound](r, "s"); len(found.Entries) != 1 || string(found.Entries[0].Content) != `{"text":"open word"}` {
		t.Errorf("found %+v", found)
	}
}

// check finds what was hidden in a frame.
func check(t testing.TB, f wire.Frame) {
	t.Helper()
	line, err := wire.Encode(f)
	if err != nil || strings.Contains(string(line), "secret") {
		t.Errorf("frame %s, %v", line, err)
	}
}

// Changed tells the sender that the log holds something else than was sent.
func TestAnAnswerSaysThatSomethingWasLeftOut(t *testing.T) {
	n := start(t)
	id := n.open()
	a, _ := n.join(ann, client.Options{})
	for kind, c := range map[string]struct {
		content any
		changed bool
	}{
		chat.TypeText:   {wire.TextContent{Text: "hello"}, false},
		chat.TypeResume: {wire.ResumeContent{Card: wire.ResumeCard{Title: "Dev"}, Name: "forged.pdf"}, true},
	} {
		answer, err := a.Do(t.Context(), saying(t, id, kind, c.content))
		if err != nil || answer.(wire.ChatAck).Changed != c.changed {
			t.Errorf("%s: %+v, %v; want changed %v", kind, answer, err, c.changed)
		}
	}
}
