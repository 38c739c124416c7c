package chat_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"parley/chat"
	"parley/chat/chattest"
	"parley/internal/identity"
)

func TestMarksMoveTheCursorsThatEverybodySees(t *testing.T) {
	n := start(t)
	id := n.NewConversation()
	for range 3 {
		n.MustSend(chattest.Rob, chattest.Text(t, id, "hello"))
	}
	for _, m := range [][2]chat.Seq{{3, 0}, {2, 0}, {0, 2}, {1, 1}, {99, 99}, {99, 99}} {
		if err := n.Mark(t.Context(), chattest.Ann, id, m[0], m[1]); err != nil {
			t.Fatal(err)
		}
	}
	cursor := func(d, r chat.Seq) chat.Cursor {
		return chat.Cursor{Conversation: id, User: chattest.Ann.User, Delivered: d, Read: r}
	}
	want := []chat.Cursor{cursor(3, 0), cursor(3, 2), cursor(4, 4)}
	chattest.Eventually(t, "the hub was told", func() bool { return len(n.Hub.Cursors()) >= len(want) })
	if got := n.Hub.Cursors(); !slices.Equal(got, want) {
		t.Errorf("the hub was told %v, want %v", got, want)
	}
	c, err := n.View(t.Context(), chattest.Rob, id)
	if err != nil || c.Members[1].Delivered != 4 || c.Members[1].Read != 4 || c.Members[0].Read != 0 {
		t.Errorf("rob sees %+v, %v", c.Members, err)
	}
	if c, err := n.View(t.Context(), chattest.Ann, id); err != nil || c.Unread != 0 {
		t.Errorf("unread %d, %v; want 0", c.Unread, err)
	}
}

func TestListsAreByLastActivityAndInTheRoleOfNow(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	n := chattest.Start(t, &chattest.Memory{}, &chattest.Hub{}, chat.Config{Lanes: 1, Now: func() time.Time {
		now = now.Add(time.Second)
		return now
	}})
	a, b := n.NewConversation(), n.NewConversation()
	other := chat.NewConversation{Key: "other role", Members: []chat.NewMember{
		{User: chattest.Ann.User, Role: identity.Recruiter, FamilyName: "欧阳", GivenName: "晓雯"},
		{User: "u-zed", Role: identity.Candidate, FamilyName: "Zed"},
	}}
	c, err := n.Open(t.Context(), chattest.Platform, other)
	if err != nil {
		t.Fatal(err)
	}
	n.MustSend(chattest.Ann, chattest.Text(t, a, "hello"))
	check := func(p identity.Principal, want ...chat.ConversationID) {
		t.Helper()
		list, err := n.List(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		var got []chat.ConversationID
		for _, c := range list {
			got = append(got, chat.ConversationID(c.ID))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", p.Role, got, want)
		}
	}
	check(chattest.Ann, a, b)
	check(identity.Principal{User: chattest.Ann.User, Role: identity.Recruiter}, c.ID) // T1: the other role's inbox
}

func TestALongListLeavesOutLastEntriesBeyondItsBytes(t *testing.T) {
	n := start(t)
	long := fmt.Sprintf("%08000d", 1)
	const conversations = 40
	for range conversations {
		n.MustSend(chattest.Rob, chattest.Text(t, n.NewConversation(), long))
	}
	list, err := n.List(t.Context(), chattest.Ann)
	if err != nil || len(list) != conversations {
		t.Fatalf("%d conversations, %v", len(list), err)
	}
	bytes, without := 0, 0
	for _, c := range list {
		if c.Last == nil {
			without++
			continue
		}
		bytes += len(c.Last.Content)
	}
	if bytes > 256<<10 || without == 0 || without == conversations || list[0].Last == nil {
		t.Errorf("%d bytes of last entries, %d of %d left out", bytes, without, conversations)
	}
}
