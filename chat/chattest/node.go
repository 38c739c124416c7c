package chattest

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"parley/chat"
	"parley/internal/identity"
	"parley/signal/wire"
	"parley/storage/keys"
	"parley/storage/keys/keystest"
)

// Node is a running chat service with everything around it, for tests.
type Node struct {
	*chat.Service
	Store   *Faults
	Hub     *Hub
	Vault   keys.Vault
	Metrics *prometheus.Registry
	// Stop ends Run and waits for it. The end of the test does it too.
	Stop func()

	t testing.TB
}

// Start runs a service over the store until the test ends. The configuration's Metrics are the node's own.
func Start(t testing.TB, store chat.Store, hub *Hub, c chat.Config) *Node {
	t.Helper()
	vault := keystest.New()
	n := &Node{Store: &Faults{Store: store}, Hub: hub, Vault: vault, Metrics: prometheus.NewRegistry(), t: t}
	c.Metrics = n.Metrics
	n.Service = chat.New(n.Store, vault, hub, c)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	var stopped atomic.Bool
	n.Stop = func() {
		if cancel(); stopped.Swap(true) {
			return
		}
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(n.Stop)
	return n
}

// Platform is the platform's backend.
var Platform = identity.Principal{User: "platform", Role: identity.Service}

// The people of a [Node]'s conversations.
var (
	Ann  = identity.Principal{User: "u-ann", Role: identity.Candidate}
	Rob  = identity.Principal{User: "u-rob", Role: identity.Recruiter}
	Hana = identity.Principal{User: "u-hana", Role: identity.Headhunter}
)

// Founders are the members of a [Node]'s conversations: Ann is 欧阳晓雯, Rob is 司马长青 of 某某科技.
func Founders() []chat.NewMember {
	return []chat.NewMember{
		{User: Rob.User, Role: Rob.Role, FamilyName: "司马", GivenName: "长青", Company: "某某科技", CompanyID: "co-some"},
		{User: Ann.User, Role: Ann.Role, FamilyName: "欧阳", GivenName: "晓雯"},
	}
}

// NewConversation opens a conversation of the founders under a fresh key.
func (n *Node) NewConversation() chat.ConversationID {
	n.t.Helper()
	key := uuid.NewString()
	c, err := n.Open(n.t.Context(), Platform, chat.NewConversation{Key: key, Title: "后端工程师", Members: Founders()})
	if err != nil {
		n.t.Fatal(err)
	}
	return c.ID
}

// CID mints a client id.
func CID(t testing.TB) chat.ClientID {
	t.Helper()
	u, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return chat.ClientID(u.String())
}

// Text is a draft of a text message with a fresh client id.
func Text(t testing.TB, id chat.ConversationID, text string) chat.Draft {
	t.Helper()
	content, err := json.Marshal(wire.TextContent{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return chat.Draft{Conversation: id, CID: CID(t), Type: chat.TypeText, Content: content}
}

// MustSend sends the draft and fails the test if it was not stored.
func (n *Node) MustSend(p identity.Principal, d chat.Draft) chat.Ack {
	n.t.Helper()
	a, err := n.Send(n.t.Context(), p, d)
	if err != nil {
		n.t.Fatal(err)
	}
	return a
}

// Log reads a conversation's whole log as the member may see it.
func (n *Node) Log(p identity.Principal, id chat.ConversationID) []wire.Entry {
	n.t.Helper()
	var log []wire.Entry
	for {
		page, err := n.Read(n.t.Context(), p, id, chat.Range{After: chat.Seq(len(log)), Limit: chat.MaxPage})
		if err != nil {
			n.t.Fatal(err)
		}
		log = append(log, page.Entries...)
		if len(page.Entries) == 0 || uint64(len(log)) >= page.Head {
			return log
		}
	}
}

type result struct {
	ack chat.Ack
	err error
}

// sendAsync sends and gives the answer through the channel.
func (n *Node) sendAsync(p identity.Principal, d chat.Draft) <-chan result {
	answer := make(chan result, 1)
	go func() {
		a, err := n.Send(n.t.Context(), p, d)
		answer <- result{a, err}
	}()
	return answer
}

func (n *Node) queued() int { return int(n.Metric("parley_chat_queue_entries")) }

// Metric is the sum over the metric's labels: of a counter or gauge its value, of a histogram its count.
func (n *Node) Metric(name string) float64 {
	n.t.Helper()
	families, err := n.Metrics.Gather()
	if err != nil {
		n.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}
