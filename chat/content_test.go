package chat_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

func TestContentIsCheckedAndStoredInCanonicalForm(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	long := strings.Repeat("x", wire.MaxText)
	for _, c := range []struct {
		name, kind, content, stored string
		want                        error
	}{
		{"text", "text", `{"text":"你好"}`, `{"text":"你好"}`, nil},
		{"spaces and escapes", "text", " { \"text\" : \"\\u4f60 <b>\" } ", `{"text":"你 <b>"}`, nil},
		{"the longest text", "text", `{"text":"` + long + `"}`, `{"text":"` + long + `"}`, nil},
		{"one byte more", "text", `{"text":"` + long + `x"}`, "", policy.ErrTooLarge},
		{"much more", "text", `{"text":"` + strings.Repeat(long, 10) + `"}`, "", policy.ErrTooLarge},
		{"empty", "text", `{"text":""}`, "", policy.ErrBadRequest},
		{"blank", "text", `{"text":" \n\t　"}`, "", policy.ErrBadRequest},
		{"absent", "text", `{}`, "", policy.ErrBadRequest},
		{"null", "text", `null`, "", policy.ErrBadRequest},
		{"nothing", "text", ``, "", policy.ErrBadRequest},
		{"a number", "text", `{"text":1}`, "", policy.ErrBadRequest},
		{"a list", "text", `[{"text":"a"}]`, "", policy.ErrBadRequest},
		{"an unknown field", "text", `{"text":"a","html":"b"}`, "", policy.ErrBadRequest},
		{"something behind", "text", `{"text":"a"} {"text":"b"}`, "", policy.ErrBadRequest},
		{"cut off", "text", `{"text":"a`, "", policy.ErrBadRequest},
		{"not UTF-8", "text", "{\"text\":\"a\xff\"}", "", policy.ErrBadRequest},
		{"a card", "interview", `{"interview":"i","state":"open"}`, "", policy.ErrBadRequest},
		{"a system entry", "system", `{"code":"name_disclosed"}`, "", policy.ErrBadRequest},
		{"no type", "", `{"text":"a"}`, "", policy.ErrBadRequest},
	} {
		d := chattest.Text(t, id, "x")
		d.Type, d.Content = c.kind, json.RawMessage(c.content)
		a, err := n.Send(t.Context(), chattest.Ann, d)
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
			continue
		}
		if err == nil {
			log := n.Log(chattest.Rob, id)
			if got := string(log[a.Seq-1].Content); got != c.stored {
				t.Errorf("%s: stored %.80s, want %.80s", c.name, got, c.stored)
			}
		}
	}
}

func TestAClientIDIsACanonicalUUIDv7(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	for cid, ok := range map[chat.ClientID]bool{
		"0195794e-8f10-7c3a-9d42-6f1f5a3b2c01":          true,
		"0195794E-8F10-7C3A-9D42-6F1F5A3B2C01":          false,
		"0195794e-8f10-4c3a-9d42-6f1f5a3b2c01":          false, // version 4
		"0195794e-8f10-7c3a-0d42-6f1f5a3b2c01":          false, // another variant
		"{0195794e-8f10-7c3a-9d42-6f1f5a3b2c01}":        false,
		"urn:uuid:0195794e-8f10-7c3a-9d42-6f1f5a3b2c01": false,
		"0195794e8f107c3a9d426f1f5a3b2c01":              false,
		"":                                              false, "x": false, "name_disclosed": false,
	} {
		d := chattest.Text(t, id, "hello")
		d.CID = cid
		if _, err := n.Send(t.Context(), chattest.Ann, d); (err == nil) != ok || err != nil && !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%q: %v, want ok %v", cid, err, ok)
		}
	}
}

func TestTheSystemPostsCardsIdempotently(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	card := chat.Draft{CID: "interview/1/open", Type: chat.TypeInterview, Content: json.RawMessage(`{"state":"open","interview":"i-1"}`)}
	first, err := n.Post(t.Context(), id, card)
	if err != nil || first.Seq != 2 || first.Dup {
		t.Fatalf("post: %+v, %v", first, err)
	}
	if again, err := n.Post(t.Context(), id, card); err != nil || again.Seq != 2 || !again.Dup {
		t.Errorf("again: %+v, %v; want seq 2 as a repeat", again, err)
	}
	e := n.Log(chattest.Ann, id)[1]
	if e.Sender != "" || e.Type != chat.TypeInterview || string(e.Content) != `{"interview":"i-1","state":"open"}` {
		t.Errorf("stored %+v", e)
	}
	c, err := n.View(t.Context(), chattest.Ann, id)
	if err != nil || c.Unread != 1 || c.Head != 2 || c.Last.Seq != 2 || c.Title != "后端工程师" {
		t.Errorf("view: %+v, %v", c, err)
	}
	for name, d := range map[string]chat.Draft{
		"text":            {CID: "a", Type: chat.TypeText, Content: json.RawMessage(`{"text":"a"}`)},
		"no cid":          {Type: chat.TypeSystem, Content: json.RawMessage(`{"code":"a"}`)},
		"a long cid":      {CID: chat.ClientID(strings.Repeat("a", 65)), Type: chat.TypeSystem, Content: json.RawMessage(`{"code":"a"}`)},
		"a cid of spaces": {CID: "a b", Type: chat.TypeSystem, Content: json.RawMessage(`{"code":"a"}`)},
		"no code":         {CID: "a", Type: chat.TypeSystem, Content: json.RawMessage(`{}`)},
		"no state":        {CID: "a", Type: chat.TypeInterview, Content: json.RawMessage(`{"interview":"i"}`)},
		"unknown field":   {CID: "a", Type: chat.TypeSystem, Content: json.RawMessage(`{"code":"a","x":1}`)},
	} {
		if _, err := n.Post(t.Context(), id, d); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%s: %v, want bad_request", name, err)
		}
	}
	if _, err := n.Post(t.Context(), "nowhere", card); !errors.Is(err, policy.ErrNotFound) {
		t.Errorf("post to nowhere: %v, want not_found", err)
	}
}

// Whatever is sent, it is refused as the sender's fault or stored as canonical JSON that says the same.
func FuzzContent(f *testing.F) {
	for _, s := range []string{`{"text":"你好"}`, `{"text":""}`, `{"text":"a","b":1}`, `{"TEXT":"a"}`, `{"text":"\ud800"}`, "{\"text\":\"\xff\"}",
		`{"text":"a","text":"b"}`, `null`, `[]`, `{"text":"a"}x`, `{"text":"\u0000\u2028<&>"}`, ``} {
		f.Add([]byte(s))
	}
	n := start(f)
	id := n.NewConversation()
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := chattest.Text(t, id, "x")
		d.Content = raw
		a, err := n.Send(t.Context(), chattest.Ann, d)
		if err != nil {
			if !errors.Is(err, policy.ErrBadRequest) && !errors.Is(err, policy.ErrTooLarge) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		stored := readOne(t, n, chattest.Rob, id, a.Seq)
		var got, sent wire.TextContent
		if json.Unmarshal(stored, &got) != nil || json.Unmarshal(raw, &sent) != nil || got != sent {
			t.Fatalf("%q was stored as %q", raw, stored)
		}
		if !utf8.Valid(stored) || strings.TrimSpace(got.Text) == "" || len(got.Text) > wire.MaxText {
			t.Fatalf("%q was accepted", raw)
		}
		d = chattest.Text(t, id, "x")
		d.Content = stored
		b, err := n.Send(t.Context(), chattest.Ann, d)
		if err != nil {
			t.Fatalf("%q, stored, is refused: %v", stored, err)
		}
		if again := readOne(t, n, chattest.Rob, id, b.Seq); string(again) != string(stored) {
			t.Fatalf("%q is not canonical: %q", stored, again)
		}
	})
}

// Whatever a content of any type is, it is refused as the sender's fault, or its canonical form is JSON that is its own.
func FuzzCanonical(f *testing.F) {
	for kind, content := range map[string]string{
		chat.TypeText: `{"text":"a","reply":3}`, chat.TypePicture: `{"attachment":"a","text":"b"}`, chat.TypeResume: `{"card":{"title":"t","skills":["a"]}}`,
		chat.TypeJob: `{"job":"j","title":"t","tags":[]}`, chat.TypeEdit: `{"target":1,"text":"a"}`, chat.TypeRecall: `{"target":1}`,
		chat.TypeReaction: `{"target":1,"emoji":"👍"}`, chat.TypeExchange: `{"exchange":"x","what":"phone","step":"requested"}`,
		chat.TypeAppointment: `{"appointment":"a","step":"invited","at":"2026-03-09T09:30:00Z","minutes":30}`, chat.TypeCall: `{"call":"c","by":"u","state":"missed"}`,
		chat.TypeInterview: `{"interview":"i","state":"open"}`, chat.TypeSystem: `{"code":"message","text":{"zh":"a"}}`, "": `{}`,
	} {
		f.Add(kind, []byte(content))
	}
	f.Fuzz(func(t *testing.T, kind string, raw []byte) {
		plain, err := chat.Canonical(kind, raw)
		if err != nil {
			if !errors.Is(err, policy.ErrBadRequest) && !errors.Is(err, policy.ErrTooLarge) {
				t.Fatalf("%s %q: %v", kind, raw, err)
			}
			return
		}
		if !json.Valid(plain) || strings.ContainsRune(string(plain), '\n') {
			t.Fatalf("%s %q becomes %q", kind, raw, plain)
		}
		again, err := chat.Canonical(kind, plain)
		if err != nil || string(again) != string(plain) {
			t.Fatalf("%s %q becomes %q, %v", kind, plain, again, err)
		}
	})
}

func readOne(t *testing.T, n *chattest.Node, p identity.Principal, id chat.ConversationID, seq chat.Seq) json.RawMessage {
	t.Helper()
	page, err := n.Read(t.Context(), p, id, chat.Range{After: seq - 1, Limit: 1})
	if err != nil || len(page.Entries) != 1 {
		t.Fatalf("read %d: %d entries, %v", seq, len(page.Entries), err)
	}
	return page.Entries[0].Content
}
