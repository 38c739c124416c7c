package chattest

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/wire"
)

// Person is somebody at a client: what a method needs and does not get fails the test.
type Person struct {
	identity.Principal
	n *Node
}

// As is the person at a client.
func (n *Node) As(p identity.Principal) Person { return Person{Principal: p, n: n} }

// Drafted is a draft of any type with a fresh client id.
func Drafted(t testing.TB, id chat.ConversationID, kind string, content any) chat.Draft {
	t.Helper()
	raw, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return chat.Draft{Conversation: id, CID: CID(t), Type: kind, Content: raw}
}

// Try sends an entry.
func (p Person) Try(id chat.ConversationID, kind string, content any) (chat.Ack, error) {
	p.n.t.Helper()
	return p.n.Send(p.n.t.Context(), p.Principal, Drafted(p.n.t, id, kind, content))
}

// Send sends an entry that is stored.
func (p Person) Send(id chat.ConversationID, kind string, content any) chat.Ack {
	p.n.t.Helper()
	a, err := p.Try(id, kind, content)
	if err != nil {
		p.n.t.Fatalf("%s sends a %s: %v", p.Role, kind, err)
	}
	return a
}

// Say sends a text.
func (p Person) Say(id chat.ConversationID, text string) chat.Ack {
	p.n.t.Helper()
	return p.Send(id, chat.TypeText, wire.TextContent{Text: text})
}

// Log is the whole log as the person sees it.
func (p Person) Log(id chat.ConversationID) []wire.Entry {
	p.n.t.Helper()
	return p.n.Log(p.Principal, id)
}

// Sees is the entry at the seq as the person sees it.
func (p Person) Sees(id chat.ConversationID, seq chat.Seq) wire.Entry {
	p.n.t.Helper()
	page, err := p.n.Read(p.n.t.Context(), p.Principal, id, chat.Range{After: seq - 1, Limit: 1})
	if err != nil || len(page.Entries) != 1 {
		p.n.t.Fatalf("%s reads seq %d: %d entries, %v", p.Role, seq, len(page.Entries), err)
	}
	return page.Entries[0]
}

// View is the conversation as the person sees it.
func (p Person) View(id chat.ConversationID) wire.Conversation {
	p.n.t.Helper()
	c, err := p.n.Service.View(p.n.t.Context(), p.Principal, id)
	if err != nil {
		p.n.t.Fatalf("%s views: %v", p.Role, err)
	}
	return c
}

// Found looks for words and returns what holds them.
func (p Person) Found(q wire.ChatSearch) wire.ChatFound {
	p.n.t.Helper()
	found, err := p.n.Search(p.n.t.Context(), p.Principal, q)
	if err != nil {
		p.n.t.Fatalf("%s searches: %v", p.Role, err)
	}
	return found
}

// Headhunter is Hana as a member: 林晓 of 猎聘顾问.
func Headhunter() chat.NewMember {
	return chat.NewMember{User: Hana.User, Role: Hana.Role, FamilyName: "林", GivenName: "晓", Company: "猎聘顾问", CompanyID: "co-hunt"}
}

// Conversation opens a conversation of these members under a fresh key.
func (n *Node) Conversation(members ...chat.NewMember) chat.ConversationID {
	n.t.Helper()
	c, err := n.Open(n.t.Context(), Platform, chat.NewConversation{Key: uuid.NewString(), Title: "后端工程师", Members: members})
	if err != nil {
		n.t.Fatal(err)
	}
	return c.ID
}

// Clock is a time that tests move. Any goroutine may use it.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock is a clock at some moment of a working day.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)} }

// Now is its time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves it.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
