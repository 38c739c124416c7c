package chat_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
	"parley/internal/policy"
	"parley/signal/wire"
)

// texts are what the found entries say.
func texts(f wire.ChatFound) []string {
	var all []string
	for _, e := range f.Entries {
		all = append(all, string(e.Content))
	}
	return all
}

func TestOneFindsWhatIsShownInOnesOwnConversations(t *testing.T) {
	n, clock := startAt(t, chat.Neighbours{Attachments: uploads{"f": "u-ann/file"}})
	ann, rob := n.As(chattest.Ann), n.As(chattest.Rob)
	a, b := n.NewConversation(), n.NewConversation()
	hunted := n.Conversation(chattest.Headhunter(), chattest.Founders()[1])
	say := func(p chattest.Person, id chat.ConversationID, text string) chat.Ack {
		clock.Advance(time.Minute)
		return p.Say(id, text)
	}
	say(rob, a, "About GoLang")
	say(ann, b, "golang, yes")
	say(rob, a, "nothing")
	edited := say(ann, a, "rust")
	clock.Advance(time.Minute)
	ann.Send(a, chat.TypeEdit, wire.EditContent{Target: edited.Seq, Text: "golang again"})
	recalled := say(rob, b, "golang, no")
	rob.Send(b, chat.TypeRecall, wire.RecallContent{Target: recalled.Seq})
	clock.Advance(time.Minute)
	rob.Send(a, chat.TypeJob, wire.JobContent{Job: "j", Title: "Dev", Tags: []string{"Golang"}})
	clock.Advance(time.Minute)
	ann.Send(a, chat.TypeFile, wire.MediaContent{Attachment: "f"})
	say(n.As(chattest.Hana), hunted, "golang for another")
	for _, c := range []struct {
		what string
		by   chattest.Person
		q    wire.ChatSearch
		want []string // parts of what is found
	}{
		{"ann finds all of hers", ann, wire.ChatSearch{Query: " GOLANG "}, []string{"for another", "Golang", "again", "yes", "GoLang"}},
		{"rob finds his", rob, wire.ChatSearch{Query: "golang"}, []string{"Golang", "again", "yes", "GoLang"}},
		{"in one conversation", rob, wire.ChatSearch{Query: "golang", Conversation: string(b)}, []string{"yes"}},
		{"what an edit took away", rob, wire.ChatSearch{Query: "rust"}, nil},
		{"names of files", rob, wire.ChatSearch{Query: "欧阳"}, []string{".pdf"}},
		{"keys and codes", rob, wire.ChatSearch{Query: "text"}, nil},
	} {
		got := c.by.Found(c.q)
		if got.More || len(got.Entries) != len(c.want) {
			t.Errorf("%s: %q, more %v; want %q", c.what, texts(got), got.More, c.want)
			continue
		}
		for i, e := range got.Entries {
			if !strings.Contains(string(e.Content), c.want[i]) || i > 0 && e.Time.After(got.Entries[i-1].Time) {
				t.Errorf("%s: %d is %s, want %q", c.what, i, e.Content, c.want[i])
			}
		}
	}
	if f := ann.Found(wire.ChatSearch{Query: "golang again"}); len(f.Entries) != 1 || f.Entries[0].Revised == nil {
		t.Errorf("an edited text is found as %+v", f.Entries)
	}
	clock.Advance(chat.SearchBack - 5*time.Minute)
	if f := rob.Found(wire.ChatSearch{Query: "golang"}); len(f.Entries) != 2 { // the job and the edited text
		t.Errorf("after 90 days: %q", texts(f))
	}
}

// T1: in another role one looks through other conversations; a stranger's question tells nothing.
func TestNobodySearchesWhatIsNotTheirs(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{})
	id := n.NewConversation()
	n.As(chattest.Ann).Say(id, "hidden words")
	for _, p := range []identity.Principal{
		{User: "u-eve", Role: identity.Candidate}, {User: chattest.Ann.User, Role: identity.Recruiter}, {User: chattest.Rob.User, Role: identity.Candidate},
	} {
		if f := n.As(p).Found(wire.ChatSearch{Query: "hidden"}); len(f.Entries) > 0 || f.More {
			t.Errorf("%s %s finds %q", p.Role, p.User, texts(f))
		}
		here := wire.ChatSearch{Query: "hidden", Conversation: string(id)}
		if f, err := n.Search(t.Context(), p, here); !errors.Is(err, policy.ErrNotFound) {
			t.Errorf("%s %s in it: %q, %v; want not_found", p.Role, p.User, texts(f), err)
		}
	}
	for _, q := range []string{"", "  ", "a\nb", strings.Repeat("x", chat.MaxQuery+1)} {
		if _, err := n.Search(t.Context(), chattest.Ann, wire.ChatSearch{Query: q}); !errors.Is(err, policy.ErrBadRequest) {
			t.Errorf("%.9q: %v, want bad_request", q, err)
		}
	}
	if _, err := n.Search(t.Context(), chattest.Platform, wire.ChatSearch{Query: "hidden"}); !errors.Is(err, policy.ErrForbidden) {
		t.Errorf("the platform: %v, want forbidden", err)
	}
}

// Asking on from where an answer ended finds every entry once, also where many have one time.
func TestSearchingOnMissesAndRepeatsNothing(t *testing.T) {
	n, clock := startAt(t, chat.Neighbours{})
	rooms := []chat.ConversationID{n.NewConversation(), n.NewConversation(), n.NewConversation()}
	const each = 70
	for i := range each {
		if i%3 > 0 {
			clock.Advance(time.Second)
		}
		for j, id := range rooms {
			n.As(chattest.Ann).Say(id, fmt.Sprintf("needle %d of %d", i, j))
			n.As(chattest.Rob).Say(id, "hay")
		}
	}
	var got []string
	q := wire.ChatSearch{Query: "needle", Limit: 13}
	for rounds := 0; ; rounds++ {
		f := n.As(chattest.Rob).Found(q)
		got = append(got, texts(f)...)
		if !f.More {
			break
		}
		if rounds > 40 || len(f.Entries) < q.Limit {
			t.Fatalf("round %d gives %d", rounds, len(f.Entries))
		}
		q.Before = f.Searched
	}
	slices.Sort(got)
	if distinct := len(slices.Compact(slices.Clone(got))); distinct != each*len(rooms) || len(got) != distinct {
		t.Errorf("%d found, %d of them distinct; want %d", len(got), distinct, each*len(rooms))
	}
}

// Who searches on and on is told to wait, and nobody else is.
func TestWhoSearchesTooOftenWaits(t *testing.T) {
	n, _ := startAt(t, chat.Neighbours{})
	n.NewConversation()
	var err error
	for range 40 {
		if _, err = n.Search(t.Context(), chattest.Ann, wire.ChatSearch{Query: "x"}); err != nil {
			break
		}
	}
	var r *policy.Refusal
	if !errors.As(err, &r) || !errors.Is(r, policy.ErrRateLimited) || r.RetryAfter <= 0 {
		t.Errorf("got %v, want rate_limited with a time", err)
	}
	n.As(chattest.Rob).Found(wire.ChatSearch{Query: "x"})
}

// A search looks at no more than its bound of entries, says so, and goes on from there.
func TestASearchIsBounded(t *testing.T) {
	n, clock := startAt(t, chat.Neighbours{})
	id := n.NewConversation()
	n.As(chattest.Ann).Say(id, "the needle")
	const hay = 5200
	sent := make([]func() (chat.Ack, error), 0, hay)
	for range hay {
		clock.Advance(time.Millisecond)
		wait, err := n.Begin(t.Context(), chattest.Ann, chattest.Text(t, id, "hay"))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, func() (chat.Ack, error) { return wait(t.Context()) })
		if len(sent)%500 == 0 {
			if _, err := sent[len(sent)-1](); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := sent[len(sent)-1](); err != nil {
		t.Fatal(err)
	}
	f := n.As(chattest.Ann).Found(wire.ChatSearch{Query: "needle"})
	if len(f.Entries) > 0 || !f.More {
		t.Fatalf("found %q at once, more %v", texts(f), f.More)
	}
	for rounds := 0; f.More && rounds < 50; rounds++ { // on a slow machine each ends by its time
		f = n.As(chattest.Ann).Found(wire.ChatSearch{Query: "needle", Before: f.Searched})
		if len(f.Entries) == 1 {
			return
		}
	}
	t.Error("the rest was not looked through")
}
